"""A new file for the spool, made of all that can be read of one that is damaged or removed."""
import os
import sqlite3
import uuid
from typing import BinaryIO, Iterator, List, Sequence, Tuple

from listening.spool.format import COLUMNS, SCHEMA, is_sound
from listening.spool.pages import LOG, PAGE, Pages
from listening.spool.records import records

__all__ = ["CORRUPT", "MENDED", "finish", "mend"]

NEW = ".new"  # after the file's name: being made
MENDED = ".mended"  # after the file's name: whole, and about to take its place
CORRUPT = ".corrupt-"  # after the file's name: given up, and kept for who wants to look into it
BESIDE = ("", LOG, "-shm", "-journal")  # after a file's name: what SQLite takes for a part of it

INSERT = f"INSERT OR IGNORE INTO deliveries ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"


def mend(path: str, pages: Tuple[BinaryIO, BinaryIO], last: int) -> str:
    """Put a new file in the place of the old one; the name that the old one has now.

    Numbers go on above `last` and above all that are found. Up to the moment when all is in
    place, the old file serves on; after a failure (of a full disk, say) or a kill, all this can
    be done again.
    """
    if not os.path.exists(path + MENDED):
        _make(path + NEW, Pages(*pages), last)
        os.rename(path + NEW, path + MENDED)
    return _put_in_place(path)


def finish(path: str) -> None:
    """Put in its place what mend() had made when it was killed, if it was."""
    if os.path.exists(path + MENDED):
        _put_in_place(path)


def _make(path: str, pages: Pages, last: int) -> None:
    """Make a new file with all deliveries and all seen messages on these pages."""
    for suffix in BESIDE:
        if os.path.exists(path + suffix):
            os.remove(path + suffix)
    os.close(os.open(path, os.O_CREAT, 0o600))
    db = sqlite3.connect(path, isolation_level=None)
    try:
        db.execute(f"PRAGMA page_size = {PAGE}")
        db.executescript(SCHEMA)
        db.execute("BEGIN")
        last = _copy_deliveries(db, pages, last)
        db.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?)", _readable_seen(pages))
        db.execute("DELETE FROM sqlite_sequence")
        db.execute("INSERT INTO sqlite_sequence VALUES ('deliveries', ?)", (last,))
        db.execute("COMMIT")
    finally:
        db.close()


def _readable_deliveries(pages: Pages) -> Iterator[Sequence]:
    """The rows that can be those of deliveries, in no order; ids may be wrong, and come twice."""
    for row, values in records(pages):
        if row is not None and len(values) == 7 and values[0] is None:
            values[0], received = row, values[5]
            values[5] = float(received) if type(received) is int else received
            yield values


def _copy_deliveries(db: sqlite3.Connection, pages: Pages, last: int) -> int:
    """The highest number given. What comes under the number of another gets one at the end."""
    strays: List[Sequence] = []
    for row in _readable_deliveries(pages):
        sound = is_sound(row)
        if sound and db.execute(INSERT, row).rowcount:
            last = max(last, row[0])
        elif is_sound([1] + row[1:]) and not (sound and _is_there(db, row)):
            strays.append(row)
    for last, row in enumerate(strays, last + 1):
        db.execute(INSERT, [last] + row[1:])
    return last


def _is_there(db: sqlite3.Connection, row: Sequence) -> bool:
    return db.execute("SELECT 1 FROM deliveries WHERE id = ? AND trace = ? AND received = ?",
                      (row[0], row[4], row[5])).fetchone() is not None


def _readable_seen(pages: Pages) -> Iterator[Sequence]:
    for row, values in records(pages):
        if row is None and [type(value) for value in values] == [str, float]:
            yield values


def _put_in_place(path: str) -> str:
    aside = path + CORRUPT + uuid.uuid4().hex[:8]
    for suffix in BESIDE:
        if os.path.exists(path + suffix):
            os.rename(path + suffix, aside + suffix)
    os.rename(path + MENDED, path)
    directory = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        os.fsync(directory)  # or else the old file may be back after a loss of power
    finally:
        os.close(directory)
    return aside
