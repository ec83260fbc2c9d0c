"""Opens and checks the spool's SQLite file, and replaces a damaged, removed or old one."""
import contextlib
import os
import re
import sqlite3
from typing import Any, Callable, Iterator, List, Optional, Set

from listening.spool.delivery import SpoolError
from listening.spool.directory import lock_directory
from listening.spool.salvage import copy_rows
from listening.spool.schema import FORMAT, KEYS, PAGE_SIZE, SCHEMA

__all__ = ["Report", "SpoolFile", "is_damage", "is_io_error"]

OLD_FORMAT = 2  # of version 0.2.0
FILE_NAME = re.compile(r"deliveries(?:-([1-9]\d*))?\.sqlite3")
# For a new file, which is synced once it is complete.
FAST = (f"page_size = {PAGE_SIZE}", "journal_mode = OFF", "synchronous = OFF",
        "cache_size = -16384")
NEW = ".new"  # suffix of an incomplete file
IO_ERROR = "disk I/O error"
TRANSIENT = (IO_ERROR, "database is locked", "database table is locked",
             "database or disk is full", "unable to open database file",
             "attempt to write a readonly", "out of memory")

Report = Callable[[str, str], None]  # called with a summary and a detail for the operator


class SpoolFile:
    """Holds the spool's SQLite file open and locked for this process, and replaces it if damaged.

    The first file is deliveries.sqlite3. If it is damaged, its readable rows are copied to
    deliveries-2.sqlite3, and so on. The file with the highest number is in use.

    Attributes:
        db: the connection of the thread that writes.
        reader: a connection for reading from any thread; None while the spool is closed.
    """

    def __init__(self, directory: str, report: Report):
        """Args:
            report: called when a file is replaced or its directory is unsafe.
        """
        self.db: Any = None
        self.reader: Any = None
        self._directory, self._report = directory, report
        self._generation, self._commits = 1, 0
        self._lock: Any = None
        self._inodes: List[Optional[int]] = []

    def open(self) -> bool:
        """Lock the directory, and open or create the file; return True if deliveries may be lost.

        Raises:
            SpoolError: the directory or the file cannot be used.
        """
        self.close()
        self._lock = lock_directory(self._directory, self._report)
        self._generation = max(self._generations(), default=1)
        path = self._path()
        if not os.path.exists(path):
            _make_private(path)
        with contextlib.closing(_connection(path)) as found:
            try:
                if _read_format(found, path) == FORMAT:
                    self._connect()
                    return self._check_commits()
            except Exception as error:
                if not is_damage(error):
                    raise
                self._replace_damaged(found, waiting=None)
                return True
            self._replace_with_copy(found, waiting=None, is_old=True)
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.remove(path + suffix)
        return False

    def close(self) -> None:
        """Close the file, and release the directory's lock."""
        for each in (self.reader, self.db, self._lock):
            if each:
                each.close()
        self.reader = self.db = self._lock = None

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Run a `with` block as one transaction: if the block raises, undo all its changes.

        The file and the lock file count the transactions. SQLite silently drops those behind a
        damaged place in its log; at the next start, _check_commits() notices the lower count.
        """
        db = self.db
        db.execute("BEGIN IMMEDIATE")
        try:
            db.execute("UPDATE state SET commits = commits + 1")
            yield
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        self._commits += 1
        with contextlib.suppress(OSError):  # the commit succeeded; the next count may be written
            os.pwrite(self._lock.fileno(), b"%d %d\n" % (self._generation, self._commits), 0)

    def is_in_place(self) -> bool:
        """Return whether the open file is still in the directory; False if it was removed."""
        return self._inodes == self._inodes_now()

    def is_sound(self) -> bool:
        """Return whether SQLite's integrity check, which reads the whole file, finds no damage."""
        try:
            return _is_sound(self.db)
        except Exception:
            return False

    def replace(self, waiting: Set[int]) -> None:
        """Replace a damaged or removed file by a new one with these deliveries, if readable."""
        if self.is_in_place():
            # This connection has read SQLite's log; a new one may read less of a damaged log.
            self._replace_damaged(self.db, waiting)
            return
        if _inode(self._lock.name) != os.fstat(self._lock.fileno()).st_ino:
            self._lock = lock_directory(self._directory, self._report)
        saved = self._replace_with_copy(self.db, waiting)
        self._report("its files were removed and were created again",
                     f"{self._directory} was removed while in use. It was created again with "
                     f"{saved} of the {len(waiting)} deliveries that waited.")

    def _replace_damaged(self, source: sqlite3.Connection, waiting: Optional[Set[int]]) -> None:
        """Replace a damaged file by a copy of its readable rows, and report it."""
        damaged = self._path()
        saved = self._replace_with_copy(source, waiting)
        # No history contains enter, exit and room events.
        self._report(
            "a damaged file was replaced",
            f"{damaged} was damaged. {saved} {'' if waiting is None else f'of {len(waiting)} '}"
            "deliveries that waited could be read and were saved. The history of every room is "
            "read again, which returns messages, notifications and topics; enter, exit and room "
            "events that could not be read are lost. The damaged file is kept: remove it when you "
            "do not need it.")

    def _replace_with_copy(self, source: sqlite3.Connection, waiting: Optional[Set[int]],
                           is_old: bool = False) -> int:
        """Create the next file with all readable rows of the source, and open this new file.

        Returns:
            The number of copied deliveries.
        """
        path = self._path(self._generation + 1)
        _make_private(path + NEW)
        with contextlib.closing(_connection(path + NEW)) as new:
            for pragma in FAST:
                new.execute(f"PRAGMA {pragma}")
            new.executescript(SCHEMA)
            new.execute("DROP INDEX keys")  # created again below, which is faster
            new.execute("BEGIN")
            saved = copy_rows(source, new, waiting, is_old)
            new.execute(KEYS)
            new.execute("COMMIT")
        _sync(path + NEW)
        os.rename(path + NEW, path)
        _sync(self._directory)
        self._generation += 1
        self._connect()
        return saved

    def _connect(self) -> None:
        # The old reader is not closed: a thread may still read with it.
        self.db, self.reader = (_durable_connection(self._path()) for _ in range(2))
        self._inodes = self._inodes_now()
        self._commits, = self.db.execute("SELECT commits FROM state").fetchone()

    def _check_commits(self) -> bool:
        """Return whether commits are missing in the file (see transaction()); report them."""
        # The line may have overwritten a part of a longer one.
        recorded = re.match(rb"(\d+) (\d+)\n", os.pread(self._lock.fileno(), 64, 0))
        generation, commits = map(int, recorded.groups()) if recorded else (0, 0)
        if generation != self._generation or commits <= self._commits:
            return False
        self._report(
            "the last commits were lost",
            f"The log of {self._path()} was damaged: {commits - self._commits} commits "
            "are missing. The history of every room is read again, which returns messages, "
            "notifications and topics; enter, exit and room events among them are lost.")
        return True

    def _generations(self) -> List[int]:
        found = map(FILE_NAME.fullmatch, os.listdir(self._directory))
        return [int(match.group(1) or 1) for match in found if match]

    def _path(self, generation: Optional[int] = None) -> str:
        generation = generation or self._generation
        suffix = "" if generation == 1 else f"-{generation}"
        return os.path.join(self._directory, f"deliveries{suffix}.sqlite3")

    def _inodes_now(self) -> List[Optional[int]]:
        return [_inode(self._path()), _inode(self._path() + "-wal")]


def is_damage(error: Exception) -> bool:
    """Return whether an error means that the file's content is damaged.

    Returns False for errors about disk space, locks and permissions.
    """
    if isinstance(error, sqlite3.OperationalError):
        return not str(error).startswith(TRANSIENT)
    return (isinstance(error, (sqlite3.DatabaseError, UnicodeDecodeError, OverflowError)) and
            not isinstance(error, sqlite3.ProgrammingError))


def is_io_error(error: Exception) -> bool:
    """Return whether an error is SQLite's I/O error: a full or failing disk, or damage."""
    return isinstance(error, sqlite3.OperationalError) and str(error).startswith(IO_ERROR)


def _read_format(db: sqlite3.Connection, path: str) -> int:
    """Check the format and integrity of a file; create the tables in an empty file.

    Returns:
        FORMAT or OLD_FORMAT.

    Raises:
        sqlite3.DatabaseError: the file is damaged.
        SpoolError: another version of the pack or another program wrote the file.
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


def _durable_connection(path: str) -> sqlite3.Connection:
    """Return a connection whose COMMIT returns once the data are on disk."""
    db = _connection(path)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA journal_size_limit = 16777216")
    db.execute("PRAGMA cache_size = -256")  # KiB
    db.execute("PRAGMA secure_delete = ON")  # chat text does not stay in the file
    return db


def _connection(path: str) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    db.text_factory = _text
    return db


def _text(stored: bytes) -> str:
    """Decode a stored string, replacing invalid bytes.

    If this raised an error, the room's queue would stop at this delivery for ever.
    """
    return stored.decode("utf-8", "replace")


def _make_private(path: str) -> None:
    """Create an empty file that only this user can read."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600))


def _sync(path: str) -> None:
    """Sync a file, or the renames in a directory, to disk."""
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
