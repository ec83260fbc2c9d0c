"""Defines the tables of the spool's SQLite file, and the checksum of a row."""
import zlib
from typing import Sequence

__all__ = ["COLUMNS", "FORMAT", "KEYS", "PAGE_SIZE", "SCHEMA", "checksum", "is_intact", "sanitize"]

PAGE_SIZE = 4096  # bytes
FORMAT = 3
COLUMNS = "number, room_id, event, trace_tag, received_at, body, dedup_key, checksum"
KEYS = "CREATE INDEX keys ON deliveries (dedup_key)"
# application_id repeats the format. If the two differ, the file is damaged, and not newer.
SCHEMA = f"""
BEGIN;
CREATE TABLE deliveries (
    number INTEGER PRIMARY KEY, room_id INTEGER NOT NULL, event TEXT NOT NULL,
    trace_tag TEXT NOT NULL, received_at REAL NOT NULL, body BLOB NOT NULL,
    dedup_key TEXT NOT NULL, checksum INTEGER NOT NULL);
{KEYS};
CREATE TABLE seen (dedup_key TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE seen_before (dedup_key TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE state (current TEXT NOT NULL, rotated_at REAL NOT NULL, commits INTEGER NOT NULL);
INSERT INTO state VALUES ('seen', 0.0, 0);
PRAGMA user_version = {FORMAT};
PRAGMA application_id = {FORMAT};
COMMIT;
"""
TYPES = [int, int, str, str, float, bytes, str, int]


def checksum(row: Sequence) -> int:
    """Return the checksum over the first six columns (number to body) of a row of COLUMNS."""
    return zlib.crc32("\0".join(map(str, row[:5])).encode("utf-8", "replace") + b"\0" + row[5])


def is_intact(row: Sequence) -> bool:
    """Return True if a row of COLUMNS has the right types, and the checksum in it is right."""
    return [type(value) for value in row] == TYPES and checksum(row) == row[7]


def sanitize(text: str) -> str:
    """Return a string without half surrogate pairs, which JSON can contain, but UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode("utf-8")
