"""The journal: the record of unanswered commands in StackStorm's datastore."""
import json
import time
from dataclasses import asdict, dataclass, field
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional
from urllib.parse import quote, unquote

from chatops.chat_message import ChatMessage
from chatops.command_handler import Attempt, Execution
from chatops.reply import Reply
from listening import timing

__all__ = ["Command", "CommandStore", "Journal", "PendingReply"]

PREFIX = "hipchat_command_"  # of the datastore keys; the message ID follows


@dataclass
class PendingReply:
    """A reply that the sensor began to send at `begun_at` (Unix time, HipChat's clock)."""

    reply: Reply
    begun_at: float


@dataclass
class Command:
    """A chat command, and how far it is answered.

    Attributes:
        taken_at: when the command was written to the journal (Unix time).
        attempt: a request to start executions whose outcome is not recorded yet; else None.
        executions: those whose result is not posted yet.
        replies: those that are not sent yet.
    """

    message: ChatMessage
    taken_at: float
    attempt: Optional[Attempt] = None
    executions: List[Execution] = field(default_factory=list)
    replies: List[PendingReply] = field(default_factory=list)

    @property
    def is_handled(self) -> bool:
        """True if the command was started or refused, so it must not be started again."""
        return bool(self.executions or self.replies)

    def to_json(self) -> str:
        """Return the command as JSON, without the action alias, because StackStorm has it."""
        record = asdict(self)
        for execution in record["executions"]:
            del execution["alias"]
        if self.is_handled:
            record["message"] = self.message._replace(text="")  # the text may contain secrets
        return json.dumps(record)

    @classmethod
    def from_record(cls, record: Dict[str, Any]) -> "Command":
        """Create a command from the decoded result of to_json()."""
        return cls(message=ChatMessage(*record["message"]), taken_at=record["taken_at"],
                   attempt=Attempt(*record["attempt"]) if record["attempt"] else None,
                   executions=[Execution(**each) for each in record["executions"]],
                   replies=[PendingReply(Reply(*each["reply"]), each["begun_at"])
                            for each in record["replies"]])


class CommandStore(NamedTuple):
    """The functions with which the journal uses StackStorm's datastore.

    Each function raises ServiceUnavailable if the datastore does not answer.

    Attributes:
        check_active: raises ServiceUnavailable if another sensor may be active.
        read: returns the values of all keys that begin with a prefix, by key.
    """

    check_active: Callable[[], None]
    read: Callable[[str], Dict[str, str]]
    write: Callable[[str, str], None]
    delete: Callable[[str], None]


class Journal:
    """Records commands by message ID, so that each command is run and answered once.

    After a restart or a takeover, the sensor continues with the unanswered commands. Answered
    commands are recognized for COMMAND_KEPT. open(), add() and save() raise ServiceUnavailable if
    the datastore does not answer.
    """

    def __init__(self, store: CommandStore, report_damage: Callable[[str], None]):
        """Args:
            report_damage: called with a sentence for the operator for each unreadable record.
        """
        self._store, self._report_damage = store, report_damage
        self.check_active = store.check_active
        self._commands: Dict[str, Command] = {}
        self._answered_at: Dict[str, float] = {}  # by message ID
        # Deliveries from before a kill come again after the start, so nothing is purged first.
        self._purge_at = time.monotonic() + timing.COMMAND_PURGE_PERIOD

    def open(self) -> None:
        """Read all commands; a command whose record is unreadable counts as answered."""
        commands = []
        for key, value in self._store.read(PREFIX).items():
            message_id = unquote(key[len(PREFIX):])
            try:
                record = json.loads(value)
                if isinstance(record, dict):
                    commands.append(Command.from_record(record))
                else:
                    self._answered_at[message_id] = float(record)
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                self._answered_at[message_id] = time.time()
                self._report_damage(f"The datastore's value {key} cannot be read: {error}. If the "
                                    "command was not answered yet, it is not answered.")
        commands.sort(key=lambda command: command.taken_at)
        self._commands = {command.message.message_id: command for command in commands}

    def __iter__(self) -> Iterator[Command]:
        """Iterate over the unanswered commands, oldest first."""
        return iter(list(self._commands.values()))

    def __len__(self) -> int:
        return len(self._commands)

    def oldest(self) -> float:
        """Return the age of the oldest unanswered command in seconds; 0 if none waits."""
        return round(max([0.0, *(time.time() - command.taken_at for command in self)]), 3)

    def add(self, command: Command) -> bool:
        """Write a new command; return False if its message is known, so it must not run again."""
        message_id = command.message.message_id
        if message_id in self._commands or message_id in self._answered_at:
            return False
        self._commands[message_id] = command  # before anything yields: a duplicate may come
        try:
            self._store.write(_key(message_id), command.to_json())
        except BaseException:
            del self._commands[message_id]
            raise
        self._purge()
        return True

    def save(self, command: Command) -> None:
        """Write the state of a command; of an answered one, only the time of the answer."""
        message_id, now = command.message.message_id, time.time()
        is_answered = not (command.is_handled or command.attempt)
        if is_answered:
            self._commands.pop(message_id, None)
            self._answered_at[message_id] = now
        self._store.write(_key(message_id), json.dumps(now) if is_answered else command.to_json())

    def _purge(self) -> None:
        if time.monotonic() < self._purge_at:
            return
        self._purge_at = time.monotonic() + timing.COMMAND_PURGE_PERIOD
        for message_id, answered_at in list(self._answered_at.items()):
            if answered_at < time.time() - timing.COMMAND_KEPT:
                self._store.delete(_key(message_id))
                del self._answered_at[message_id]


def _key(message_id: str) -> str:
    return PREFIX + quote(message_id, safe="")
