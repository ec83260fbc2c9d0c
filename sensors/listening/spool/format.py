"""The spool's file: its format, and what counts as damage to it."""
import math
import os
import sqlite3
from typing import List, Sequence, Tuple

from listening.spool.delivery import SpoolError
from listening.spool.pages import PAGE, sqlite_sees_all

__all__ = ["COLUMNS", "FILE", "SCHEMA", "SEEN", "connect", "count", "is_damage", "is_io_error",
           "is_sound", "open_sound", "storable"]

FILE = "deliveries.sqlite3"
VERSION = 2
FORMATS = range(100)  # what a version of the pack may write; any other number is damage
HIGHEST = 2 ** 62  # id; SQLite goes to twice that, and writes no more when it is reached

_OF_VERSION_1 = """
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, lane TEXT NOT NULL, event TEXT NOT NULL,
    room TEXT NOT NULL, trace TEXT NOT NULL, received REAL NOT NULL, body BLOB NOT NULL);
CREATE INDEX lanes ON deliveries (lane, id);
CREATE TABLE seen (message TEXT PRIMARY KEY, received REAL NOT NULL) WITHOUT ROWID;
"""
_SINCE_VERSION_2 = """
CREATE TABLE seen_before (message TEXT PRIMARY KEY, received REAL NOT NULL) WITHOUT ROWID;
"""
_WHOLE = "BEGIN; {} PRAGMA user_version = {}; COMMIT;"
SCHEMA = _WHOLE.format(_OF_VERSION_1 + _SINCE_VERSION_2, VERSION)
UPGRADE = _WHOLE.format(_SINCE_VERSION_2, VERSION)  # from version 1
SEEN = ("seen", "seen_before")
COLUMNS = "id, lane, event, room, trace, received, body"
TYPES = [int, str, str, str, str, float, bytes]
IO_ERROR = "disk I/O error"
TROUBLES = (IO_ERROR, "database is locked", "database table is locked", "database or disk is full",
            "unable to open database file", "attempt to write a readonly", "out of memory")


def connect(path: str) -> sqlite3.Connection:
    """A connection whose commits are on disk when they return; the file is made if need be."""
    if not os.path.exists(path):  # else closing it would drop the locks of other connections
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
    connection.text_factory = _text
    connection.execute(f"PRAGMA page_size = {PAGE}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA journal_size_limit = 16777216")
    connection.execute("PRAGMA cache_size = -256")  # KiB
    connection.execute("PRAGMA secure_delete = ON")  # what has left is not found by mending
    return connection


def open_sound(path: str) -> sqlite3.Connection:
    """Connect to a file that is whole, or to a new one.

    sqlite3.DatabaseError if it is damaged, SpoolError if it is of another version of the pack.
    """
    if not sqlite_sees_all(path):
        raise sqlite3.DatabaseError("the log is malformed")
    db = connect(path)
    version = db.execute("PRAGMA user_version").fetchone()[0]
    schema = _schema(db)
    if version == 0 and not schema and db.execute("PRAGMA page_count").fetchone()[0] <= 1:
        db.executescript(SCHEMA)
    elif version == 1 and schema == _known_schema(_OF_VERSION_1):
        db.executescript(UPGRADE)
    elif version not in (1, VERSION) and version in FORMATS and schema:
        raise SpoolError(
            "The spool {} has the format {}, but this version of the pack reads format {}. "
            "Install the version of the pack that wrote it until it is empty, or move it "
            "away.".format(path, version, VERSION))
    elif version != VERSION or schema != _known_schema(SCHEMA):
        raise sqlite3.DatabaseError("the schema is malformed")
    if db.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
        raise sqlite3.DatabaseError("malformed")
    return db


def is_damage(error: Exception) -> bool:
    """Whether an error over the file is about what stands in it, and not about its disk's room,
    its lock or its permissions."""
    if isinstance(error, sqlite3.OperationalError):
        return not str(error).startswith(TROUBLES)
    return (isinstance(error, (sqlite3.DatabaseError, UnicodeDecodeError, OverflowError)) and
            not isinstance(error, sqlite3.ProgrammingError))


def is_io_error(error: Exception) -> bool:
    """Whether the disk did not do as it was told: there was no room, or what is read is gone."""
    return isinstance(error, sqlite3.OperationalError) and str(error).startswith(IO_ERROR)


def is_sound(row: Sequence) -> bool:
    """Whether a row of the deliveries can be one that was written."""
    return [type(value) for value in row] == TYPES and 0 < row[0] < HIGHEST and (
        math.isfinite(row[5]))


def count(db: sqlite3.Connection) -> Tuple[int, int]:
    """How many deliveries wait, and the highest number that was ever given to one.

    sqlite3.DatabaseError if there is a number that is never given.
    """
    waiting, first, last = db.execute(
        "SELECT count(*), coalesce(min(id), 1), coalesce(max(id), 0) FROM deliveries").fetchone()
    given = db.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence").fetchone()[0]
    if not (first > 0 and last < HIGHEST and type(given) is int and given < HIGHEST):
        raise sqlite3.DatabaseError("a number is malformed")
    return waiting, max(last, given)


def storable(text: str) -> str:
    """The text as it is read again: half a surrogate pair, as JSON can hold, is no UTF-8."""
    return str(text).encode("utf-8", "replace").decode("utf-8")


def _schema(db: sqlite3.Connection) -> List:
    return [(name, " ".join(str(sql).split())) for name, sql in
            db.execute("SELECT name, sql FROM sqlite_master ORDER BY name")]


def _known_schema(script: str) -> List:
    db = sqlite3.connect(":memory:")
    db.executescript(script)
    return _schema(db)


def _text(stored: bytes) -> str:
    """Never an error: a delivery that cannot be read would hold up its lane for ever."""
    return stored.decode("utf-8", "replace")
