"""Writes chat commands to the journal, starts them in StackStorm, and acknowledges them."""
import logging
import time
from collections import Counter
from datetime import datetime, timezone
from typing import Dict, List, Optional

import eventlet
from eventlet.semaphore import Semaphore

from chatops.chat_message import ChatMessage
from chatops.command_handler import Attempt, CommandHandler, Outcome
from chatops.errors import StackStormError
from chatops.reply import Reply
from hipchat.api.people import People
from hipchat.errors import HipChatError
from listening import timing
from listening.backoff import Backoff
from listening.commands.journal import Command, Journal
from listening.commands.replies import Replies
from listening.commands.results import Results
from listening.errors import ServiceUnavailable
from listening.operations.health import Health

__all__ = ["Owner", "Runner"]

STARTS_MAX = 20  # commands that are started at the same time
BUSY = f"I am busy with {STARTS_MAX} commands. Say it again in a moment."
NO_OWNER = ("I cannot tell whether I wrote that myself, so I run no commands now. {} (st2 run "
            "hipchat.check says what is to be done.)")
UNEXPECTED = "The command failed unexpectedly, and may run all the same. The sensor's log says why."
NOT_FOUND = ("I was restarted while StackStorm started this command, and StackStorm does not tell "
             "what became of it. Look into its history before you say it again.")
TOO_OLD = "That was said {} minutes ago, and is too old to be run now. Say it again if you still " \
          "want it."
ALL_TOO_OLD = "{} commands were said while I was away, the first {} minutes ago, and are too old " \
              "to be run now. Say them again if you still want them."


class Owner:
    """Recognizes the messages of the token's owner, which the pack itself may have sent."""

    def __init__(self, people: People, health: Health):
        self._people, self._health = people, health
        self._reading = Semaphore()
        self.forget()

    def forget(self) -> None:
        """Let wrote() read the owner from HipChat again after the token has changed."""
        self._user_id: Optional[int] = None
        self._is_known = False

    def wrote(self, message: ChatMessage) -> bool:
        """Return whether the owner wrote a message; raises HipChatError if that is unknown."""
        with self._reading:
            if not self._is_known:
                try:
                    self._user_id, self._is_known = self._people.owner_id(), True
                except HipChatError as error:
                    self._health.set_problem(
                        "commands", "not run, because the owner of the pack's token is unknown",
                        str(error), about="owner")
                    raise
                self._health.clear_problem("commands", about="owner")
        return self._user_id == message.requester_id


class Runner:
    """Runs each chat command once, or replies why it is not run.

    Attributes:
        outcomes: the number of commands by Outcome.kind. The kind "refused" is of this class: too
            busy, owner of the token unknown, or a defect.
    """

    def __init__(self, commands: CommandHandler, owner: Owner, journal: Journal, replies: Replies,
                 results: Results, log: logging.Logger):
        self._commands, self._owner, self._journal = commands, owner, journal
        self._replies, self._results, self._log = replies, results, log
        self._slots = Semaphore(STARTS_MAX)
        self._late: Dict[int, List[Command]] = {}  # commands that are too old, by room ID
        self.outcomes: Counter = Counter()

    def take(self, message: ChatMessage) -> None:
        """Write a command to the journal, and run it in the background; ignore a known message.

        Raises:
            ServiceUnavailable: StackStorm's datastore does not answer.
        """
        command = Command(message, time.time())
        if not self._journal.add(command):
            return
        if self._slots.locked():
            eventlet.spawn_n(self._conclude, command, _refused("busy", BUSY))
        else:
            eventlet.spawn_n(self._guarded, command)

    def resume(self) -> None:
        """Resume the unanswered commands that a previous process left in the journal."""
        for command in self._journal:
            eventlet.spawn_n(self._resume_answer if command.is_handled else self._guarded, command)

    def _resume_answer(self, command: Command) -> None:
        self._results.follow(command)
        self._replies.resume(command)

    def _guarded(self, command: Command) -> None:
        """Run a command; if a defect of the pack prevents that, reply so."""
        backoff = Backoff(timing.START_CHECK_RETRY_MAX)
        while True:
            try:
                return self._run(command)
            except ServiceUnavailable:  # the journal was not written, so nothing was started
                eventlet.sleep(backoff.failed())
            except Exception as error:
                self._replies.report_defect(error)
                command.attempt = None
                return self._conclude(command, _refused("unexpected", UNEXPECTED))

    def _run(self, command: Command) -> None:
        message = command.message
        try:
            if self._owner.wrote(message):
                return self._conclude(command, Outcome("ignored", [], reason="own"))
        except HipChatError as error:
            return self._conclude(command, _refused("owner unknown", NO_OWNER.format(error)))
        with self._slots:  # released before the reply, which HipChat may delay
            outcome = self._resumed(message, command.attempt) if command.attempt else None
            outcome = outcome or self._commands.handle(
                message, datetime.fromtimestamp(self._replies.now(), timezone.utc),
                lambda attempt: self._about_to_start(command, attempt))
        command.attempt = None
        command.executions = list(outcome.started)
        self._conclude(command, outcome)

    def _about_to_start(self, command: Command, attempt: Attempt) -> None:
        command.attempt = attempt
        self._journal.save(command)

    def _conclude(self, command: Command, outcome: Outcome) -> None:
        """Count and log the outcome of a command, reply, and follow its executions."""
        message, started = command.message, outcome.started
        self.outcomes[outcome.kind] += 1
        self._log.info("Command in room %d by %d, message %s: %s%s; alias %s, executions %s.",
                       message.room_id, message.requester_id, message.message_id, outcome.kind,
                       f" ({outcome.reason})" if outcome.reason else "", outcome.alias or "none",
                       ", ".join(each.execution_id for each in started) or "none")
        if outcome.kind == "too old":
            return self._reply_too_old(command, outcome.minutes)
        self._replies.send(command, *outcome.replies)
        self._results.follow(command)

    def _resumed(self, message: ChatMessage, attempt: Attempt) -> Optional[Outcome]:
        """Return the outcome of an attempt of a previous process; None if it started nothing."""
        # StackStorm may still execute the last call of that process.
        begun_at = datetime.fromisoformat(attempt.begun_at).timestamp()
        eventlet.sleep(max(0.0, begun_at + timing.START_SETTLE_DELAY - time.time()))
        backoff = Backoff(timing.START_CHECK_RETRY_MAX)
        deadline = time.monotonic() + timing.START_CHECK_TIMEOUT
        known = {execution.execution_id for each in self._journal for execution in each.executions}
        while True:
            try:
                return self._commands.resume(message, attempt, known)
            except StackStormError:
                if time.monotonic() > deadline:
                    return Outcome("failed", [Reply(NOT_FOUND, color="red")])
            eventlet.sleep(backoff.failed())

    def _reply_too_old(self, command: Command, minutes: int) -> None:
        """Send one reply to all commands of a room that are too old to run."""
        late = self._late.setdefault(command.message.room_id, [])
        late.append(command)
        if len(late) > 1:
            return  # the first one waits, and sends the reply
        collected = 0
        while collected < len(late):  # until no more arrive
            collected = len(late)
            eventlet.sleep(timing.LATE_COMMANDS_DELAY)
        del self._late[command.message.room_id]
        words = TOO_OLD.format(minutes) if len(late) == 1 else (
            ALL_TOO_OLD.format(len(late), minutes))
        if len({each.message.requester_id for each in late}) > 1:
            command.message = command.message._replace(mention_name="")
        for other in late[1:]:  # first: after a restart they would get a reply of their own
            self._replies.send(other)
        self._replies.send(command, Reply(words, color="red"))


def _refused(reason: str, words: str) -> Outcome:
    return Outcome("refused", [Reply(words, color="red")], reason=reason)
