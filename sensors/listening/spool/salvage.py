"""Copies the readable rows of a spool file that is damaged or has the old format 2."""
import sqlite3
from typing import Generator, Iterator, Optional, Sequence, Set, Tuple

from listening.spool.schema import COLUMNS, checksum, is_intact

__all__ = ["copy_rows"]

OLD_COLUMNS = "id, lane, event, trace, received, body"  # of format 2
# Keys of topic changes are not copied: the waiting delivery for which one is stored may be lost. So
# the history may bring a topic twice.
SEEN_KEYS = "SELECT dedup_key FROM {} WHERE dedup_key NOT LIKE '%room_topic_change %'"
OLD_SEEN_KEYS = "SELECT message FROM {} WHERE message != ''"


def copy_rows(source: sqlite3.Connection, target: sqlite3.Connection,
              waiting: Optional[Set[int]], is_old: bool = False) -> int:
    """Copy all rows that SQLite can read from one spool file to a new one.

    Args:
        target: has the tables of SCHEMA, and an open transaction.
        waiting: the sequence numbers of the deliveries to copy; None copies all that are found.
        is_old: True if the source has format 2.

    Returns:
        The number of copied deliveries.
    """
    saved = 0
    for row in _deliveries(source, waiting, is_old):
        row = _upgraded(row) if is_old else row
        if is_intact(row) and (waiting is None or row[0] in waiting):
            saved += target.execute(
                f"INSERT OR IGNORE INTO deliveries ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                row).rowcount
    for table in ("seen_before", "seen"):
        target.executemany(f"INSERT OR IGNORE INTO {table} VALUES (?)", _rows(
            source, (OLD_SEEN_KEYS if is_old else SEEN_KEYS).format(table)))
        if is_old:  # format 2 has the keys of waiting deliveries here, too
            target.execute(f"DELETE FROM {table} WHERE dedup_key IN "
                           "(SELECT dedup_key FROM deliveries)")
    if not is_old:
        for state in _rows(source, "SELECT current, rotated_at FROM state"):
            target.execute("UPDATE state SET current = ?, rotated_at = ?", state)
    return saved


def _deliveries(source: sqlite3.Connection, waiting: Optional[Set[int]],
                is_old: bool) -> Iterator[Sequence]:
    """Yield the readable rows of deliveries: from both ends up to the damage, then one by one.

    Without `waiting`, the file's index supplies the numbers of the rows to read one by one. A row
    may be yielded more than once.
    """
    columns, index = (OLD_COLUMNS, "lanes") if is_old else (COLUMNS, "keys")
    select, number = f"SELECT {columns} FROM deliveries", columns.partition(",")[0]
    for order in ("ASC", "DESC"):
        if (yield from _rows(source, f"{select} ORDER BY {number} {order}")):
            return
    if waiting is None:
        waiting = {row[0] for row in _rows(
            source, f"SELECT {number} FROM deliveries INDEXED BY {index}") if type(row[0]) is int}
    for each in sorted(waiting):
        yield from _rows(source, f"{select} WHERE {number} = {each}")


def _rows(source: sqlite3.Connection, query: str) -> Generator[Sequence, None, bool]:
    """Yield the rows of a query up to the first unreadable one; return True if all are readable."""
    try:
        yield from source.execute(query)
        return True
    except (sqlite3.Error, OverflowError, UnicodeDecodeError):
        return False


def _upgraded(row: Sequence) -> Tuple:
    """Convert a row of format 2 to the current columns; return () if its room has no ID."""
    number, lane, event, trace, received, body = row
    if not str(lane).isdecimal() or not isinstance(body, bytes):
        return ()
    values = (number, int(lane), event, trace, received, body)
    return values + (f"{event} {lane} {trace}", checksum(values))
