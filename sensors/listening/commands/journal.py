"""The commands that are not answered yet, on disk beside the spool."""
import json
import os
import sqlite3
import time
from dataclasses import asdict, dataclass, field
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import eventlet
from eventlet import tpool
from eventlet.event import Event as Signal

from chatops.command import ChatMessage
from chatops.commands import Attempt
from chatops.reply import Reply
from listening import timing
from listening.spool.delivery import SpoolError

__all__ = ["Command", "Execution", "Journal", "PendingReply"]

FILE = "commands.sqlite"


@dataclass
class Execution:
    """An execution that a command has started and whose end is not answered.

    asked: the inquiries that the room was asked; alias: as StackStorm had it at the start.
    """

    execution_id: str
    alias_ref: str
    started_at: float
    asked: List[str] = field(default_factory=list)
    alias: Optional[Dict[str, Any]] = None


@dataclass
class PendingReply:
    """A reply that was decided, and may have been sent since begun_at, by HipChat's clock."""

    reply: Reply
    begun_at: float


@dataclass
class Command:
    """A message that may be a command, and what became of it so far.

    attempt: what StackStorm was asked to start, while nobody knows whether it did.
    """

    message: ChatMessage
    taken_at: float
    attempt: Optional[Attempt] = None
    executions: List[Execution] = field(default_factory=list)
    replies: List[PendingReply] = field(default_factory=list)

    @property
    def is_handled(self) -> bool:
        """Whether it was started or refused."""
        return bool(self.executions or self.replies)

    def to_json(self) -> str:
        """Return the command as text; the alias, which StackStorm has, is left out."""
        found = asdict(self)
        for execution in found["executions"]:
            del execution["alias"]
        if self.is_handled:
            found["message"] = self.message._replace(text="")  # it may hold secrets
        return json.dumps(found)

    @classmethod
    def from_json(cls, text: str) -> "Command":
        """Read what to_json() wrote."""
        found = json.loads(text)
        return cls(message=ChatMessage(*found["message"]), taken_at=found["taken_at"],
                   attempt=Attempt(*found["attempt"]) if found["attempt"] else None,
                   executions=[Execution(**each) for each in found["executions"]],
                   replies=[PendingReply(Reply(*each["reply"]), each["begun_at"])
                            for each in found["replies"]])


class Journal:
    """Commands by message id; those that were answered are known for a day.

    Each change is on disk when its method returns; SpoolError if it cannot be written.
    """

    def __init__(self, directory: str, report_damage: Callable[[str], None]):
        """Open nothing yet.

        Args:
            directory: The spool's, which the spool has locked for this process.
            report_damage: Called with words for the operator when the file had to be given up.
        """
        self._path = os.path.join(directory, FILE)
        self._report_damage = report_damage
        self._db: Any = None
        # What was dispatched before a kill comes again after the start: it must be known then.
        self._purge_at = time.monotonic() + timing.COMMAND_PURGE_PERIOD
        self._commands: Dict[str, Command] = {}
        self._queue: List[Tuple[str, Tuple[Any, ...], Signal]] = []
        self._is_writing = False

    def open(self) -> None:
        """Open or make the file; one that cannot be read is set aside."""
        try:
            commands = tpool.execute(self._open)
        except (sqlite3.DatabaseError, ValueError, TypeError, KeyError) as error:
            aside = f"{self._path}.damaged-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
            os.rename(self._path, aside)
            self._report_damage(
                f"{self._path} cannot be read ({error}) and was set aside as {aside}. Commands "
                "that had not been answered when the sensor ended are not answered.")
            commands = tpool.execute(self._open)
        self._commands = {command.message.message_id: command for command in commands}

    def __iter__(self) -> Iterator[Command]:
        """Iterate over the commands that are not answered, oldest first."""
        return iter(list(self._commands.values()))

    def __len__(self) -> int:
        return len(self._commands)

    def oldest(self) -> float:
        """Return for how many seconds the oldest command has not been answered, 0 for none."""
        now = time.time()
        taken = (command.taken_at for command in self._commands.values())
        return round(max(0.0, now - min(taken, default=now)), 3)

    def add(self, command: Command) -> bool:
        """Write a new command; False if its message is known already."""
        message_id = command.message.message_id
        if message_id in self._commands or not self._execute(
                "INSERT OR IGNORE INTO commands VALUES (?, NULL, ?)", message_id,
                command.to_json()):
            return False
        self._commands[message_id] = command
        if time.monotonic() > self._purge_at:
            self._purge_at = time.monotonic() + timing.COMMAND_PURGE_PERIOD
            self._execute("DELETE FROM commands WHERE answered_at < ?",
                          time.time() - timing.COMMAND_KEPT)
        return True

    def save(self, command: Command) -> None:
        """Write what has changed of a command."""
        self._execute("INSERT OR REPLACE INTO commands VALUES (?, NULL, ?)",
                      command.message.message_id, command.to_json())

    def finish(self, command: Command) -> None:
        """Write that a command is answered: only its message id is kept."""
        self._commands.pop(command.message.message_id, None)
        self._execute("INSERT OR REPLACE INTO commands VALUES (?, ?, '')",
                      command.message.message_id, time.time())

    def _open(self) -> List[Command]:
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        self._db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA secure_delete = ON")
        self._db.execute("CREATE TABLE IF NOT EXISTS commands (message_id TEXT PRIMARY KEY, "
                         "answered_at REAL, command TEXT NOT NULL) WITHOUT ROWID")
        rows = self._db.execute("SELECT command FROM commands WHERE answered_at IS NULL")
        return sorted((Command.from_json(text) for text, in rows),
                      key=lambda command: command.taken_at)

    def _execute(self, statement: str, *values: Any) -> int:
        """Run a statement, and return how many rows it has changed once these are on disk.

        Statements that come while the disk is busy share the next commit.
        """
        done = Signal()
        self._queue.append((statement, values, done))
        if not self._is_writing:
            self._is_writing = True
            eventlet.spawn_n(self._write)
        return done.wait()

    def _write(self) -> None:
        while self._queue:
            batch, self._queue = self._queue, []
            try:
                counts = tpool.execute(self._commit, [each[:2] for each in batch])
            except Exception as error:
                for _, _, done in batch:
                    done.send_exception(SpoolError(
                        f"The journal of commands {self._path} cannot be used: {error}. Check its "
                        "disk and its permissions."))
            else:
                for (_, _, done), count in zip(batch, counts):
                    done.send(count)
        self._is_writing = False

    def _commit(self, statements: List[Tuple[str, Tuple[Any, ...]]]) -> List[int]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            counts = [self._db.execute(*each).rowcount for each in statements]
            self._db.execute("COMMIT")
            return counts
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
