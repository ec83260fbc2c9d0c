"""Opens and checks the spool's SQLite file, and replaces a damaged, removed or old one."""
import contextlib
import os
import re
import sqlite3
import zlib
from typing import Any, Callable, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from listening.spool.delivery import SpoolError
from listening.spool.directory import lock_directory

__all__ = ["CLAIM", "COLUMNS", "PAGE_SIZE", "SpoolFile", "checksum", "is_damage", "is_io_error",
           "is_intact", "storable"]

PAGE_SIZE = 4096
FORMAT = 3
CLAIM = "room_topic_change"  # begins each claim key
COLUMNS = "number, room_id, event, trace_tag, received_at, body, dedup_key, checksum"
KEYS = "CREATE INDEX keys ON deliveries (dedup_key)"
# application_id repeats the format: a damaged one is no newer format then.
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
OLD_FORMAT = 2  # of version 0.2.0
OLD_COLUMNS = "id, lane, event, trace, received, body"
SEEN_KEYS = {
    # Not the claim keys: who left one may be lost.
    COLUMNS: "SELECT dedup_key FROM {} WHERE dedup_key NOT LIKE '" + CLAIM + " %'",
    OLD_COLUMNS: "SELECT message FROM {} WHERE message != ''"}
NAME = re.compile(r"deliveries(?:-([1-9]\d*))?\.sqlite3")
# For a file that is synced when it is complete.
FAST = (f"page_size = {PAGE_SIZE}", "journal_mode = OFF", "synchronous = OFF",
        "cache_size = -16384")
NEW = ".new"  # after a file's name: not complete yet
IO_ERROR = "disk I/O error"
TRANSIENT = (IO_ERROR, "database is locked", "database table is locked",
             "database or disk is full", "unable to open database file",
             "attempt to write a readonly", "out of memory")

Report = Callable[[str, str], None]


class _Copied(NamedTuple):
    """What a copy found: whether all could be read, and how many deliveries it saved."""

    complete: bool
    saved: int


class SpoolFile:
    """The file in use, locked for this process.

    The first file is deliveries.sqlite3. One that takes the place of a damaged file is
    deliveries-2.sqlite3, and so on; the highest number counts. So a new file appears in one step,
    and SQLite never finds the log of another file beside it.

    Attributes:
        db: The connection of the thread that writes.
        reader: A connection for reading from any thread; None while the file is replaced.
    """

    def __init__(self, directory: str, report: Report, known_numbers: Callable[[], Set[int]]):
        """Args:
            directory: The spool's directory.
            report: Called with a summary and a detail for the operator.
            known_numbers: Returns the numbers of the deliveries that wait, as this process knows.
        """
        self.db: Any = None
        self.reader: Any = None
        self._directory, self._report, self._known_numbers = directory, report, known_numbers
        self._generation, self._commits = 1, 0
        self._lock: Any = None
        self._inodes: List[Optional[int]] = []

    def open(self) -> bool:
        """Lock the directory, and open or make the file.

        Returns:
            Whether a part of it was lost.

        Raises:
            SpoolError: Another process uses it, or another version of the pack wrote it.
        """
        self.close()
        self._lock = lock_directory(self._directory, self._report)
        self._generation = max(self._generations(), default=1)
        if not os.path.exists(self._path()):
            _make_private(self._path())
        try:
            found = sqlite3.connect(self._path(), isolation_level=None)
            with contextlib.closing(found):
                is_old = _read_format(found, self._path()) == OLD_FORMAT
            if not is_old:
                self._connect()
                return self._check_commits()
        except Exception as error:
            if not is_damage(error):
                raise
            self._replace_damaged(known=None)
            return True
        self._upgrade()
        return False

    def close(self) -> None:
        """Close the file and let other processes have the directory."""
        for each in (self.reader, self.db, self._lock):
            if each:
                each.close()
        self.reader = self.db = self._lock = None

    def count_commit(self) -> None:
        """Count the commit of this transaction in the file."""
        self.db.execute("UPDATE state SET commits = commits + 1")
        self._commits += 1

    def note_commit(self) -> None:
        """Note beside the file how many commits it has: SQLite silently drops those behind a
        damage in its log."""
        os.pwrite(self._lock.fileno(), b"%d %d\n" % (self._generation, self._commits), 0)

    def is_in_place(self) -> bool:
        """Tell whether the open file is the one that the next process would find."""
        return self._inodes == self._inodes_now()

    def is_sound(self) -> bool:
        """Read all of the file, however long that takes, and tell whether that works."""
        try:
            return _is_sound(self.db)
        except Exception:
            return False

    def replace(self) -> None:
        """Go on with a new file that has all that can be read of a damaged or removed one."""
        known = self._known_numbers()
        if self.is_in_place():
            self._replace_damaged(known)
            return
        if _inode(self._lock.name) != os.fstat(self._lock.fileno()).st_ino:
            self._lock = lock_directory(self._directory, self._report)
        saved = self._replace_with_copy(self.db, known).saved
        self._report("its files were removed and were made again",
                     f"{self._directory} was removed while in use. It was made again with "
                     f"{saved} of the {len(known)} deliveries that waited.")

    def _replace_damaged(self, known: Optional[Set[int]]) -> None:
        damaged = self._path()
        saved = self._copy_of_damaged(known)
        # An enter, an exit or a change of the room itself is in no history.
        self._report(
            "a damaged file was replaced",
            f"{damaged} was damaged. {saved} {'' if known is None else f'of {len(known)} '}"
            "deliveries that waited could be read and were saved. The history of every room is "
            "read again, which brings messages, notifications and topics; enter, exit and room "
            "events that could not be read are lost. The damaged file is kept: remove it when you "
            "do not need it.")

    def _copy_of_damaged(self, known: Optional[Set[int]]) -> int:
        """Return the number of deliveries that were saved."""
        old, damaged = self.db, self._path()
        if old:  # it has read the log already, so that it knows more of it than a new connection
            copied = self._replace_with_copy(old, known)
            if copied.complete:
                return copied.saved
            old.close()
            with contextlib.closing(_reopened(damaged)) as again, self.transaction():
                return copied.saved + _copy(again, self.db, known).saved
        with contextlib.closing(_reopened(damaged)) as found:
            return self._replace_with_copy(found, known).saved

    def _upgrade(self) -> None:
        old = self._path()
        with contextlib.closing(sqlite3.connect(old, isolation_level=None)) as found:
            self._replace_with_copy(found, known=None, columns=OLD_COLUMNS)
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.remove(old + suffix)

    def _replace_with_copy(self, source: Any, known: Optional[Set[int]],
                           columns: str = COLUMNS) -> _Copied:
        """Make the next file, and open it; up to then, the old one serves on."""
        path = self._path(self._generation + 1)
        for suffix in ("", "-journal", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.remove(path + NEW + suffix)
        _make_private(path + NEW)
        with contextlib.closing(sqlite3.connect(path + NEW, isolation_level=None)) as new:
            for pragma in FAST:
                new.execute(f"PRAGMA {pragma}")
            new.executescript(SCHEMA)
            new.execute("DROP INDEX keys")  # made again below, which is faster
            new.execute("BEGIN")
            copied = _copy(source, new, known, columns)
            new.execute(KEYS)
            new.execute("COMMIT")
        _sync(path + NEW)
        os.rename(path + NEW, path)
        _sync(self._directory)
        self._generation += 1
        self._connect()
        return copied

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what the block does, or nothing of it."""
        db = self.db
        db.execute("BEGIN IMMEDIATE")
        try:
            yield
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise

    def _connect(self) -> None:
        # A thread may still read with the old reader, so that it is dropped and not closed.
        self.db, self.reader = _connection(self._path()), _connection(self._path())
        self._inodes = self._inodes_now()
        self._commits, = self.db.execute("SELECT commits FROM state").fetchone()

    def _check_commits(self) -> bool:
        """Report commits that are missing; tell whether there are some."""
        noted = os.pread(self._lock.fileno(), 64, 0).split()
        if len(noted) != 2 or not all(map(bytes.isdigit, noted)) or (
                int(noted[0]) != self._generation or int(noted[1]) <= self._commits):
            return False
        self._report(
            "the last commits were lost",
            f"The log of {self._path()} was damaged: {int(noted[1]) - self._commits} commits "
            "are missing. The history of every room is read again, which brings messages, "
            "notifications and topics; enter, exit and room events among them are lost.")
        return True

    def _generations(self) -> List[int]:
        names = map(NAME.fullmatch, os.listdir(self._directory))
        return [int(name.group(1) or 1) for name in names if name]

    def _path(self, generation: Optional[int] = None) -> str:
        number = generation or self._generation
        return os.path.join(self._directory, "deliveries{}.sqlite3".format(
            "" if number == 1 else f"-{number}"))

    def _inodes_now(self) -> List[Optional[int]]:
        return [_inode(self._path()), _inode(self._path() + "-wal")]


def is_damage(error: Exception) -> bool:
    """Tell whether an error is about the file's content, and not about its disk's space, its lock
    or its permissions."""
    if isinstance(error, sqlite3.OperationalError):
        return not str(error).startswith(TRANSIENT)
    return (isinstance(error, (sqlite3.DatabaseError, UnicodeDecodeError, OverflowError)) and
            not isinstance(error, sqlite3.ProgrammingError))


def is_io_error(error: Exception) -> bool:
    """Tell whether the disk failed: it had no space, or what is read is gone."""
    return isinstance(error, sqlite3.OperationalError) and str(error).startswith(IO_ERROR)


def checksum(row: Sequence) -> int:
    """Return the checksum of a delivery, of its number up to its body."""
    return zlib.crc32("\0".join(map(str, row[:5])).encode("utf-8", "replace") + b"\0" + row[5])


def is_intact(row: Sequence) -> bool:
    """Tell whether a row of all columns is as it was written."""
    return [type(value) for value in row] == TYPES and checksum(row) == row[7]


def storable(text: str) -> str:
    """Return the text as it is read again: half a surrogate pair, as JSON can hold, is no UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _read_format(db: sqlite3.Connection, path: str) -> int:
    """Check the file, and make its tables if it has none.

    Raises:
        sqlite3.DatabaseError: It is damaged.
        SpoolError: It is of another version of the pack, or another program's.
    """
    version, = db.execute("PRAGMA user_version").fetchone()
    repeated, = db.execute("PRAGMA application_id").fetchone()
    tables = {name for name, in db.execute("SELECT name FROM sqlite_master")}
    if (version, repeated) == (0, 0) and not tables:
        db.execute(f"PRAGMA page_size = {PAGE_SIZE}")
        db.executescript(SCHEMA)
        return FORMAT
    if (version, repeated) == (FORMAT, FORMAT) or (
            (version, repeated) == (OLD_FORMAT, 0) and "seen_before" in tables):
        if not _is_sound(db):
            raise sqlite3.DatabaseError("malformed")
        return version
    if version == repeated != 0 or repeated == 0 < version < FORMAT or "deliveries" not in tables:
        raise SpoolError(
            f"The spool {path} has the format {version}, but this version of the pack reads format "
            f"{FORMAT}. Install the version of the pack that wrote it until it is empty, or move "
            "it away.")
    raise sqlite3.DatabaseError("the format is malformed")


def _is_sound(db: sqlite3.Connection) -> bool:
    return db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def _connection(path: str) -> sqlite3.Connection:
    """Return a connection whose commits are on disk when they return."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
    db.text_factory = _text
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA journal_size_limit = 16777216")
    db.execute("PRAGMA cache_size = -256")  # KiB
    db.execute("PRAGMA secure_delete = ON")  # chat text does not stay in the file
    return db


def _reopened(path: str) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    db.text_factory = _text
    return db


def _text(stored: bytes) -> str:
    """Never raise: a delivery that cannot be read would hold up its room for ever."""
    return stored.decode("utf-8", "replace")


def _copy(source: sqlite3.Connection, target: sqlite3.Connection, known: Optional[Set[int]],
          columns: str = COLUMNS) -> _Copied:
    """Copy all that SQLite can read to a file in which a transaction is open.

    Args:
        known: The numbers of the deliveries to copy; None copies all.
    """
    saved, reading = 0, _Reading(source)
    for row in reading.deliveries(columns, known):
        row = row if columns == COLUMNS else _upgraded(row)
        if is_intact(row) and (known is None or row[0] in known):
            saved += target.execute(
                f"INSERT OR IGNORE INTO deliveries ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                row).rowcount
    failed = reading.failed
    for table in ("seen_before", "seen"):
        target.executemany(f"INSERT OR IGNORE INTO {table} VALUES (?)",
                           reading.rows(SEEN_KEYS[columns].format(table)))
        if columns == OLD_COLUMNS:  # a delivery that waits is known by its own row now
            target.execute(f"DELETE FROM {table} WHERE dedup_key IN "
                           "(SELECT dedup_key FROM deliveries)")
    if columns == COLUMNS:
        for state in reading.rows("SELECT current, rotated_at FROM state"):
            target.execute("UPDATE state SET current = ?, rotated_at = ?", state)
    return _Copied(not failed, saved)


class _Reading:
    """Reads a file that may be damaged; failed: whether there is something it could not read."""

    def __init__(self, source: sqlite3.Connection):
        self._source = source
        self.failed = False

    def deliveries(self, columns: str, known: Optional[Set[int]]) -> Iterator[Sequence]:
        """Yield the rows that can be read, some twice: from both ends up to the damage, and then
        one by one."""
        select, number = f"SELECT {columns} FROM deliveries", columns.partition(",")[0]
        for order in ("ASC", "DESC"):
            self.failed = False
            yield from self.rows(f"{select} ORDER BY {number} {order}")
            if not self.failed:
                return
        if known is None:
            known = {row[0] for row in self.rows(f"SELECT {number} FROM deliveries INDEXED BY "
                                                 f"{'keys' if columns == COLUMNS else 'lanes'}")
                     if type(row[0]) is int}
        for each in sorted(known):
            yield from self.rows(f"{select} WHERE {number} = {each}")
        self.failed = True

    def rows(self, query: str) -> Iterator[Sequence]:
        """Yield the rows of a query up to the first that cannot be read."""
        try:
            yield from self._source.execute(query)
        except (sqlite3.Error, OverflowError, UnicodeDecodeError):
            self.failed = True


def _upgraded(row: Sequence) -> Tuple:
    """Return a row of format 2 as one of this format; one that is not intact if its room has no
    ID."""
    number, lane, event, trace, received, body = row
    if not str(lane).isdecimal() or not isinstance(body, bytes):
        return ()
    values = (number, int(lane), event, trace, received, body)
    return values + (f"{event} {lane} {trace}", checksum(values))


def _make_private(path: str) -> None:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _sync(path: str) -> None:
    """Let a file's content, or a rename in a directory, outlast a loss of power."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _inode(path: str) -> Optional[int]:
    try:
        return os.stat(path).st_ino
    except OSError:
        return None
