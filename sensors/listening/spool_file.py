"""The spool's file: its format, and what can still be read of one that is damaged."""
import os
import sqlite3
from typing import Iterator, Tuple

__all__ = ["COLUMNS", "SCHEMA", "VERSION", "connect", "copy_readable", "is_corrupt", "last_number"]

VERSION = 1
HIGHEST = 2 ** 63 - 1  # id in SQLite
GIVE_UP_AFTER = 100000  # ids tried one by one, when a corrupt file is read for what is left

SCHEMA = """
BEGIN;
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, lane TEXT NOT NULL, event TEXT NOT NULL,
    room TEXT NOT NULL, trace TEXT NOT NULL, received REAL NOT NULL, body BLOB NOT NULL);
CREATE INDEX lanes ON deliveries (lane, id);
CREATE TABLE seen (message TEXT PRIMARY KEY, received REAL NOT NULL) WITHOUT ROWID;
PRAGMA user_version = {};
COMMIT;
""".format(VERSION)
COLUMNS = "id, lane, event, room, trace, received, body"


def connect(path: str) -> sqlite3.Connection:
    """A connection whose commits are on disk when they return."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA journal_size_limit = 16777216")
    connection.execute("PRAGMA cache_size = -256")  # KiB
    connection.text_factory = _text
    return connection


def is_corrupt(error: Exception) -> bool:
    """SQLite raises DatabaseError itself only for a file that is damaged or is no database."""
    return type(error) is sqlite3.DatabaseError


def last_number(db: sqlite3.Connection) -> int:
    """The highest number that was ever given to a delivery; 0 where that cannot be read."""
    try:
        return db.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence").fetchone()[0]
    except sqlite3.DatabaseError:
        return 0


def copy_readable(source: sqlite3.Connection, path: str, last: int) -> None:
    """Make a new file with all that can be read of the source.

    Numbers go on above `last` and above all that were given: what of a lane is done goes by them.
    """
    for suffix in ("", "-journal"):
        if os.path.exists(path + suffix):
            os.remove(path + suffix)
    db = sqlite3.connect(path, isolation_level=None)
    try:
        db.executescript(SCHEMA)
        db.execute("BEGIN")
        db.executemany("INSERT OR IGNORE INTO deliveries ({}) VALUES (?, ?, ?, ?, ?, ?, ?)"
                       .format(COLUMNS), readable_deliveries(source))
        db.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?)", _readable_seen(source))
        last = max(last, last_number(db))
        db.execute("DELETE FROM sqlite_sequence")
        db.execute("INSERT INTO sqlite_sequence VALUES ('deliveries', ?)", (last,))
        db.execute("COMMIT")
    finally:
        db.close()


def readable_deliveries(db: sqlite3.Connection) -> Iterator[Tuple]:
    """The rows of a file that may be damaged: from both ends, then one by one in between."""
    db.text_factory = _text
    db.execute("PRAGMA writable_schema = ON")  # a file that was cut off is read up to its end
    query = "SELECT {} FROM deliveries WHERE id ".format(COLUMNS)
    above, below = 0, HIGHEST
    for order in ("ASC", "DESC"):
        try:
            for row in db.execute(query + "> ? AND id < ? ORDER BY id " + order, (above, below)):
                yield row
                above, below = (row[0], below) if order == "ASC" else (above, row[0])
            return
        except sqlite3.DatabaseError:
            continue
    if below == HIGHEST:
        below = (last_number(db) or above + GIVE_UP_AFTER) + 1
    for number in range(max(above + 1, below - GIVE_UP_AFTER), below):
        try:
            yield from db.execute(query + "= ?", (number,))
        except sqlite3.DatabaseError:
            continue


def _readable_seen(db: sqlite3.Connection) -> Iterator[Tuple]:
    try:
        yield from db.execute("SELECT message, received FROM seen")
    except sqlite3.DatabaseError:
        pass


def _text(stored: bytes) -> str:
    """Never an error: a delivery that cannot be read would hold up its lane for ever."""
    return stored.decode("utf-8", "replace")
