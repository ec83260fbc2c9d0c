"""The records that stand on the pages of an SQLite file, whatever led to them.

Source: https://www.sqlite.org/fileformat2.html
"""
import struct
from typing import Iterator, List, Optional, Tuple, Union

from listening.spool.pages import PAGE, Pages

__all__ = ["Value", "records"]

TABLE_LEAF, INDEX_LEAF, INDEX_INTERIOR = 0x0d, 0x0a, 0x02
INTEGER_SIZES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}  # bytes, by serial type
CONSTANTS = {0: None, 8: 0, 9: 1}  # by serial type
FLOAT = 7
BLOB, TEXT = 12, 13  # and above: blobs have even types, texts odd ones

Value = Union[None, int, float, bytes, str]


def records(pages: Pages) -> Iterator[Tuple[Optional[int], List[Value]]]:
    """Every record that can be read, with its row's id in a table and None in an index.

    Texts that are no UTF-8 any more have U+FFFD in them. What is no record by all that can be told
    is left out.
    """
    for page in pages:
        for place in _places(page):
            try:
                row, payload = _cell(pages, page, place)
                yield row, _values(payload)
            except (ValueError, LookupError, struct.error):
                continue


def _places(page: bytes) -> List[int]:
    """Where on a page its cells begin."""
    if page[0] not in (TABLE_LEAF, INDEX_LEAF, INDEX_INTERIOR):
        return []
    begin = 12 if page[0] == INDEX_INTERIOR else 8
    count = min(int.from_bytes(page[3:5], "big"), (PAGE - begin) // 2)
    return [int.from_bytes(page[place:place + 2], "big")
            for place in range(begin, begin + 2 * count, 2)]


def _cell(pages: Pages, page: bytes, place: int) -> Tuple[Optional[int], bytes]:
    row = None
    if page[0] == INDEX_INTERIOR:
        place += 4  # the page below it
    size, place = _varint(page, place)
    if page[0] == TABLE_LEAF:
        row, place = _varint(page, place)
        largest = PAGE - 35
    else:
        largest = (PAGE - 12) * 64 // 255 - 23
    if size > PAGE * len(pages):
        raise ValueError("larger than the file")
    return row, _payload(pages, page, place, size, largest)


def _payload(pages: Pages, page: bytes, place: int, size: int, largest: int) -> bytes:
    """So many bytes, the first of them on this page, the others on the pages that it points to."""
    if size <= largest:
        return page[place:place + size]
    least = (PAGE - 12) * 32 // 255 - 23
    here = least + (size - least) % (PAGE - 4)
    if here > largest:
        here = least
    parts, left = [page[place:place + here]], size - here
    following = page[place + here:place + here + 4]
    while left > 0:
        number = int.from_bytes(following, "big")
        if number == 0:
            raise ValueError("ends too early")
        page = pages.newest(number)
        parts.append(page[4:4 + left])
        left -= PAGE - 4
        following = page[:4]
    return b"".join(parts)


def _values(payload: bytes) -> List[Value]:
    begin, place = _varint(payload, 0)
    types = []
    while place < begin:
        kind, place = _varint(payload, place)
        types.append(kind)
    values, place = [], begin
    for kind in types:
        size = _size(kind)
        values.append(_value(kind, payload[place:place + size]))
        place += size
    if place != len(payload):
        raise ValueError("of another length than it says")
    return values


def _size(kind: int) -> int:
    if kind in CONSTANTS:
        return 0
    if kind == FLOAT:
        return 8
    return (kind - BLOB) // 2 if kind >= BLOB else INTEGER_SIZES[kind]


def _value(kind: int, stored: bytes) -> Value:
    if kind in CONSTANTS:
        return CONSTANTS[kind]
    if kind == FLOAT:
        return struct.unpack(">d", stored)[0]
    if kind < BLOB:
        return int.from_bytes(stored, "big", signed=True)
    return stored.decode("utf-8", "replace") if kind % 2 else stored


def _varint(data: bytes, place: int) -> Tuple[int, int]:
    """A number of one to nine bytes, with a sign where it has nine, and the place behind it."""
    number = 0
    for end in range(place, place + 8):
        number = number << 7 | data[end] & 0x7f
        if data[end] < 0x80:
            return number, end + 1
    number = number << 8 | data[place + 8]
    return number - (number >> 63 << 64), place + 9
