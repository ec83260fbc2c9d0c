"""Runs a chat command: checks the message, finds its alias, and starts the alias's action."""
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple

from chatops.accounts import Accounts
from chatops.aliases import check_choice, find, name_of
from chatops.catalog import FRESH, Catalog, Listing
from chatops.chat_message import ChatMessage, check_age, check_harmless, check_words, command_in
from chatops.errors import (
    CommandForbidden, CommandRejected, CommandTooOld, NotACommand, StackStormError)
from chatops.help import help_on
from chatops.inquiry import about_question, check_may_answer, response_of
from chatops.matching import Format, FormatMatch
from chatops.permissions import Permissions
from chatops.reply import Reply, ack_of
from chatops.settings import ChatOpsSettings
from chatops.stackstorm import StackStorm, command_key, room_of, source_of
from chatops.values import check_values
from hipchat.errors import HipChatError
from hipchat.api.people import People

__all__ = ["Attempt", "CommandHandler", "Execution", "Outcome"]

UNCONFIRMED = "StackStorm did not confirm {}: check StackStorm's history before you repeat it."
START = UNCONFIRMED.format("the start. The command may run nevertheless")
ANSWER = UNCONFIRMED.format("the answer. The workflow may have it nevertheless")
# By how much our clock may be ahead of StackStorm's. LEAD applies if the message's ID identifies
# the execution, NARROW_LEAD if only the time distinguishes the executions of two commands.
LEAD = timedelta(minutes=1)
NARROW_LEAD = timedelta(seconds=2)


class Attempt(NamedTuple):
    """A command's start, stored before the call to StackStorm, so that a crash loses no execution.

    After a crash, CommandHandler.resume() finds the executions that the call has started.

    Attributes:
        begun_at: the time before the call, in ISO 8601, by our clock.
        is_multiple: whether the command may start several executions.
    """

    alias_id: str
    alias_ref: str
    action_ref: str
    begun_at: str
    is_multiple: bool


@dataclass
class Execution:
    """A StackStorm execution that a command has started, until its result is posted.

    Attributes:
        started_at: Unix time, this machine's clock.
        asked: the IDs of the execution's inquiries that were posted in the room.
        alias: the alias as it was when the execution started; None after a restart.
    """

    execution_id: str
    alias_ref: str
    started_at: float = field(default_factory=time.time)
    asked: List[str] = field(default_factory=list)
    alias: Optional[Dict[str, Any]] = None


class Outcome(NamedTuple):
    """What CommandHandler did with a chat message, and the replies, which the caller sends.

    Attributes:
        kind: started (an action), answered (help, or an inquiry's answer), rejected (the requester
            must correct something), failed (HipChat or StackStorm did), ignored (it is no command),
            or too old.
        started: the executions to wait for, because their results are posted.
        alias: the full name of the alias, for the log; "" without an alias.
        reason: why the message was rejected or ignored, or the command failed, for the log; or "".
        minutes: the age of a message that is too old; else 0.
    """

    kind: str
    replies: List[Reply]
    started: List[Execution] = []
    alias: str = ""
    reason: str = ""
    minutes: int = 0


class CommandHandler:
    """Checks chat messages, and starts their commands in StackStorm."""

    def __init__(self, settings: ChatOpsSettings, accounts: Accounts, catalog: Catalog,
                 people: People):
        self._settings, self._accounts = settings, accounts
        self._catalog, self._people = catalog, people
        self._permissions = Permissions(settings)

    def handle(self, message: ChatMessage, now: datetime,
               about_to_start: Callable[[Attempt], None]) -> Outcome:
        """Run the command in a message that the pack's own user did not write.

        Errors of HipChat and StackStorm become an Outcome; those of about_to_start are raised.

        Args:
            now: the time by HipChat's clock.
            about_to_start: called right before the call that starts the command in StackStorm, so
                that the caller can store the attempt for resume().
        """
        try:
            command = self._checked(message, now)
            word, _, rest = command.partition(" ")
            if word.lower() == "answer":
                return self._answer(message, rest)
            if word.lower() == "help":
                allowed = filter(self._allowed_to(message), self._catalog.listing().formats)
                return Outcome("answered", [help_on(rest, allowed, self._settings.opening)])
            return self._run(message, self._find(message, command), about_to_start)
        except NotACommand as reason:
            return Outcome("ignored", [], reason=str(reason))
        except CommandTooOld as reason:
            return Outcome("too old", [], minutes=reason.minutes)
        except CommandForbidden as reason:
            people_ids = self._permissions.people_for(reason.command, message.room_id)
            may = f" These people may: {self._people.names(people_ids)}." if people_ids else ""
            return _rejection(str(reason) + may)
        except CommandRejected as reason:
            return _rejection(str(reason), reason=str(reason.__cause__ or ""))
        except HipChatError as error:  # StackStormError is one, too
            return Outcome("failed", [Reply(f"{error}. (hipchat.check may show the remedy.)",
                                            color="red")], reason=type(error).__name__)

    def resume(self, message: ChatMessage, attempt: Attempt, known: Set[str]) -> Optional[Outcome]:
        """Find the executions of an attempt that a crash interrupted; return None without any.

        Args:
            attempt: what handle() passed to about_to_start.
            known: the IDs of executions that other commands have started; they are left out.
        """
        executions = [execution for execution in self._executions(message, attempt)
                      if execution["id"] not in known]
        if not executions:
            return None
        started = [Execution(execution["id"], attempt.alias_ref) for execution in executions]
        if not attempt.is_multiple:
            replies = _acks([self._response(each, attempt) for each in executions])
        else:
            count = f"{len(started)} execution{'s' if len(started) > 1 else ''}"
            replies = [Reply(f"I was restarted while StackStorm started this command. I found "
                             f"{count} of it. Check StackStorm's history before you repeat it.")]
        return Outcome("started", replies, started, attempt.alias_ref)

    def _checked(self, message: ChatMessage, now: datetime) -> str:
        """Return a message's command without the prefix, after the checks that need no call."""
        command = command_in(message.text, self._settings.prefix)
        try:
            check_age(message.date, now)
        except CommandTooOld:
            check_words(command)
            raise
        if not self._permissions.may_any(message.requester_id, message.room_id):
            check_words(command)
            raise CommandRejected("You may not run commands here. (chatops.allow in the pack's "
                                  f"config sets who may; your id is {message.requester_id}.)")
        self._accounts.of(message.requester_id)  # rejects a requester without an account
        check_harmless(command)
        return command

    def _allowed_to(self, message: ChatMessage) -> Callable[[Format], bool]:
        return lambda format: self._permissions.may(
            name_of(format.alias), message.requester_id, message.room_id)

    def _find(self, message: ChatMessage, command: str) -> FormatMatch:
        try:
            return self._find_in(self._catalog.listing(), message, command)
        except CommandRejected:  # the aliases may have changed since they were read
            return self._find_in(self._catalog.listing(max_age=FRESH), message, command)

    def _find_in(self, listing: Listing, message: ChatMessage, command: str) -> FormatMatch:
        match = find(command, listing, self._allowed_to(message))
        if match.format.is_multiple:
            check_choice(match, self._accounts.pack())
        return match

    def _run(self, message: ChatMessage, match: FormatMatch,
             about_to_start: Callable[[Attempt], None]) -> Outcome:
        stackstorm, alias = self._accounts.of(message.requester_id), match.format.alias
        check_values(match, self._settings.extra_parameters)
        # StackStorm's notifier evaluates user and source_channel: never put text from chat there.
        body = {"command": match.command, "user": self._accounts.username(stackstorm),
                "source_channel": str(message.room_id)}
        attempt = Attempt(alias["id"], alias["ref"], alias["action_ref"],
                          datetime.now(timezone.utc).isoformat(), match.format.is_multiple)
        about_to_start(attempt)
        with _rejecting(START):
            starts = stackstorm.run_each_match(**body) if match.format.is_multiple else [
                self._run_alias(stackstorm, message, match, attempt, body)]
        return Outcome("started", _acks(starts), [
            Execution(start["execution"]["id"], alias["ref"], alias=start["actionalias"])
            for start in starts], name_of(alias))

    def _run_alias(self, stackstorm: StackStorm, message: ChatMessage, match: FormatMatch,
                   attempt: Attempt, body: Dict[str, Any]) -> Dict[str, Any]:
        """Start the alias's action; return the response of StackStorm.run_alias().

        If StackStorm answers with an error, but has started the action nevertheless, the response
        lacks the ack.
        """
        try:
            return stackstorm.run_alias(
                name=match.format.alias["name"], format=match.format.representation,
                source_context={"room_id": str(message.room_id),
                                "requester_id": str(message.requester_id),
                                "message_id": command_key(message.message_id)}, **body)
        except StackStormError:
            # StackStorm starts the action before it renders the alias's ack, which may fail.
            execution = next(self._executions(message, attempt), None)
            if execution:
                return self._response(execution, attempt)
            raise

    def _response(self, execution: Dict[str, Any], attempt: Attempt) -> Dict[str, Any]:
        """Return a started execution as StackStorm.run_alias() does, without the ack."""
        stackstorm = self._accounts.pack()
        return {"execution": stackstorm.execution(execution["id"]),
                "actionalias": stackstorm.alias(attempt.alias_ref) or {}}

    def _executions(self, message: ChatMessage, attempt: Attempt) -> Iterator[Dict[str, Any]]:
        """Yield the executions that an attempt has started in StackStorm, newest first."""
        begun_at = datetime.fromisoformat(attempt.begun_at)
        for execution in self._accounts.pack().executions_since(
                attempt.action_ref, _stackstorm_date(begun_at - LEAD)):
            alias = (execution.get("context") or {}).get("action_alias_ref") or {}
            if execution.get("parent") or alias.get("id") != attempt.alias_id or (
                    room_of(execution) != message.room_id):
                continue
            key = source_of(execution).get("message_id")
            if key == command_key(message.message_id) or (
                    key is None and execution["start_timestamp"] >= _stackstorm_date(
                        begun_at - NARROW_LEAD)):
                yield execution

    def _answer(self, message: ChatMessage, rest: str) -> Outcome:
        inquiry_id, _, answer = rest.partition(" ")
        if not answer.strip() or not inquiry_id.isalnum():
            raise CommandRejected(f"Write {self._settings.opening}answer, the question's id, and "
                                  "your answer.")
        stackstorm = self._accounts.of(message.requester_id)
        inquiry, alias = self._inquiry(message, inquiry_id)
        check_may_answer(inquiry, alias, message.requester_id, message.room_id, self._settings,
                         lambda: self._accounts.has_rbac(stackstorm))
        response = response_of(answer, inquiry)
        with _rejecting(ANSWER), about_question():
            stackstorm.respond(inquiry_id, response)
        return Outcome("answered", [Reply("Thank you, the workflow continues.", color="green")])

    def _inquiry(self, message: ChatMessage, inquiry_id: str) -> Tuple[Dict[str, Any], str]:
        """Return an inquiry of a command in this room, and the full name of its alias, if any."""
        stackstorm = self._accounts.pack()
        with _rejecting(), about_question():
            inquiry = stackstorm.inquiry(inquiry_id)
        root = stackstorm.root_of(stackstorm.execution(inquiry_id))
        if room_of(root) != message.room_id:
            raise CommandRejected("That question was not asked in this room.")
        alias = stackstorm.alias(root["context"]["action_alias_ref"]["id"])
        return inquiry, name_of(alias) if alias else ""


def _rejection(text: str, reason: str = "") -> Outcome:
    return Outcome("rejected", [Reply(text, color="red")], reason=reason)


def _acks(starts: Iterable[Dict[str, Any]]) -> List[Reply]:
    return [ack for ack in map(ack_of, starts) if ack]


def _stackstorm_date(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@contextmanager
def _rejecting(unconfirmed: str = "") -> Iterator[None]:
    """Raise CommandRejected if StackStorm rejects a call in a `with` block.

    Args:
        unconfirmed: the reply if StackStorm fails, but may have executed the call; "" for a call
            that changes nothing, whose StackStormError is raised then.
    """
    try:
        yield
    except StackStormError as error:
        if error.status == 401:
            raise
        if error.status and error.status < 500:
            raise CommandRejected(error.message) from error
        if unconfirmed:
            raise CommandRejected(unconfirmed) from error
        raise
