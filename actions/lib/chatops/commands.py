"""What is done about a chat message that may be a command.

    outcome = commands.handle(message, now, about_to_start)

A command is checked, its alias is found, and StackStorm is asked to start it. Then `outcome` says
which executions to wait for and which replies to send. It sends nothing itself.
"""
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Set, Tuple

from chatops.accounts import Accounts
from chatops.ack import ack_of
from chatops.aliases import Aliases, CommandForbidden, name_of
from chatops.catalog import FRESH, Catalog
from chatops.command import ChatMessage, check_age, check_harmless, check_words, command_in
from chatops.errors import CommandRejected, CommandTooOld, NotACommand, StackStormError
from chatops.help import help_on
from chatops.inquiry import about_question, check_may_answer, response_of
from chatops.matching import Fit
from chatops.origin import command_key, room_of, root_of, source_of
from chatops.permissions import Permissions
from chatops.reply import Reply
from chatops.settings import ChatOpsSettings
from chatops.stackstorm import StackStorm
from chatops.values import check_values
from hipchat.errors import HipChatError
from hipchat.api.people import People

__all__ = ["Attempt", "Commands", "Outcome", "Started"]

UNKNOWN_END = ("StackStorm did not tell what became of it. The command may run all the same: look "
               "into its history before you say it again.")
INTERRUPTED = ("I was restarted while StackStorm started this command, and found {} of its "
               "executions. Look into StackStorm's history before you say it again.")
TROUBLE = "{}. (hipchat.check may tell what is to be done.)"
LEAD = timedelta(minutes=1)  # of our clock before StackStorm's, where a message id proves the rest
NARROW_LEAD = timedelta(seconds=2)  # the same where nothing else tells two commands apart


class Attempt(NamedTuple):
    """What StackStorm was about to be asked to start, enough to find what it has started.

    begun_at is in ISO 8601; is_multiple: the command may start several executions.
    """

    alias_id: str
    alias_ref: str
    action_ref: str
    begun_at: str
    is_multiple: bool


class Started(NamedTuple):
    """An execution that a command has started."""

    execution_id: str
    alias_ref: str
    alias: Optional[Dict[str, Any]] = None


class Outcome(NamedTuple):
    """What was done about a message.

    kind is started, answered, rejected, failed, ignored or too old; replies: what the requester is
    told; minutes: how old the message is that is too old.
    """

    kind: str
    replies: List[Reply]
    started: List[Started] = []
    alias: str = ""
    reason: str = ""
    minutes: int = 0


class Commands:
    """Checks and starts what people say."""

    def __init__(self, settings: ChatOpsSettings, accounts: Accounts, catalog: Catalog,
                 people: People):
        self._settings, self._accounts = settings, accounts
        self._catalog, self._people = catalog, people
        self._permissions = Permissions(settings)

    def handle(self, message: ChatMessage, now: datetime,
               about_to_start: Callable[[Attempt], None]) -> Outcome:
        """Run a command, or say why not.

        Args:
            message: a message that the pack's own user did not write.
            now: The time by HipChat's clock.
            about_to_start: Called before StackStorm is asked to start something.
        """
        try:
            return self._handle(message, now, about_to_start)
        except NotACommand as reason:
            return Outcome("ignored", [], reason=str(reason))
        except CommandTooOld as reason:
            return Outcome("too old", [], minutes=reason.minutes)
        except CommandForbidden as reason:
            words = str(reason)
            if reason.people:
                words += f" Those who may: {self._people.names(reason.people)}."
            return _rejection(words)
        except CommandRejected as reason:
            return _rejection(str(reason), reason=str(reason.__cause__ or ""))
        except HipChatError as error:  # StackStorm's too
            return Outcome("failed", [Reply(TROUBLE.format(error), color="red")],
                           reason=type(error).__name__)

    def resume(self, message: ChatMessage, attempt: Attempt, known: Set[str]) -> Optional[Outcome]:
        """Find what an attempt has started whose end this process did not see.

        Args:
            known: The ids of executions that other commands have started.

        Returns:
            None if it has started nothing.
        """
        found = [each for each in self._started(message, attempt) if each["id"] not in known]
        if not found:
            return None
        started = [Started(each["id"], attempt.alias_ref) for each in found]
        replies = [Reply(INTERRUPTED.format(len(found)))] if attempt.is_multiple else (
            self._acknowledge(found, attempt))
        return Outcome("started", replies, started, attempt.alias_ref)

    def _handle(self, message: ChatMessage, now: datetime,
                about_to_start: Callable[[Attempt], None]) -> Outcome:
        command = self._checked(message, now)
        word, _, rest = command.partition(" ")
        if word.lower() == "answer":
            return self._answer(message, rest)
        if word.lower() == "help":
            allowed = self._aliases(message).allowed()
            return Outcome("answered", [help_on(rest, allowed, self._settings.opening)])
        return self._run(message, self._find(message, command), about_to_start)

    def _checked(self, message: ChatMessage, now: datetime) -> str:
        """Return the command in a message; no call has been made until then."""
        command = command_in(message.text, self._settings.prefix)
        try:
            check_age(message.date, now)
        except CommandTooOld:
            check_words(command)
            raise
        if not self._permissions.any(message.requester_id, message.room_id):
            check_words(command)
            raise CommandRejected("You may not run commands here. (Your id is {}; chatops.allow in "
                                  "the pack's config says who may.)".format(message.requester_id))
        self._accounts.of(message.requester_id)  # rejects those who have none
        check_harmless(command)
        return command

    def _aliases(self, message: ChatMessage, **kept: float) -> Aliases:
        return Aliases(self._catalog.listing(**kept), self._accounts.pack(), self._permissions,
                       message.requester_id, message.room_id)

    def _find(self, message: ChatMessage, command: str) -> Fit:
        try:
            return self._aliases(message).find(command)
        except CommandRejected:  # by aliases that may have changed since they were read
            return self._aliases(message, kept=FRESH).find(command)

    def _run(self, message: ChatMessage, fit: Fit,
             about_to_start: Callable[[Attempt], None]) -> Outcome:
        stackstorm, alias = self._accounts.of(message.requester_id), fit.format.alias
        check_values(fit, self._settings.extra_parameters)
        # StackStorm's notifier evaluates these values: they are IDs, and never text from chat.
        what = {"command": fit.command, "user": self._accounts.username(stackstorm),
                "source_channel": str(message.room_id)}
        attempt = Attempt(alias["id"], alias["ref"], alias["action_ref"],
                          datetime.now(timezone.utc).isoformat(), fit.format.multiple)
        about_to_start(attempt)
        if fit.format.multiple:
            started = _starting(lambda: stackstorm.run_each_match(**what))
        else:
            started = [_starting(lambda: self._run_alias(stackstorm, message, fit, attempt, what))]
        return Outcome("started", [ack for ack in map(ack_of, started) if ack], [
            Started(each["execution"]["id"], alias["ref"], each["actionalias"])
            for each in started], name_of(alias))

    def _run_alias(self, stackstorm: StackStorm, message: ChatMessage, fit: Fit, attempt: Attempt,
                   what: Dict[str, Any]) -> Dict[str, Any]:
        try:
            return stackstorm.run_alias(
                name=fit.format.alias["name"], format=fit.format.representation,
                source_context={"room_id": str(message.room_id),
                                "requester_id": str(message.requester_id),
                                "message_id": command_key(message.message_id)}, **what)
        except StackStormError:
            # StackStorm starts the action before it renders the alias's ack, which may fail.
            for execution in self._started(message, attempt):
                alias = self._accounts.pack().alias(attempt.alias_ref) or {}
                return {"execution": self._accounts.pack().execution(execution["id"]),
                        "actionalias": alias}
            raise

    def _started(self, message: ChatMessage, attempt: Attempt) -> Iterable[Dict[str, Any]]:
        """Yield the executions that StackStorm has of an attempt, newest first."""
        begun_at = datetime.fromisoformat(attempt.begun_at)
        for each in self._accounts.pack().executions_since(
                attempt.action_ref, _as_stackstorm_writes(begun_at - LEAD)):
            alias = (each.get("context") or {}).get("action_alias_ref") or {}
            if each.get("parent") or alias.get("id") != attempt.alias_id or (
                    room_of(each) != message.room_id):
                continue
            key = source_of(each).get("message_id")
            if key == command_key(message.message_id) or (
                    key is None and each["start_timestamp"] >= _as_stackstorm_writes(
                        begun_at - NARROW_LEAD)):
                yield each

    def _acknowledge(self, found: List[Dict[str, Any]], attempt: Attempt) -> List[Reply]:
        stackstorm = self._accounts.pack()
        alias = stackstorm.alias(attempt.alias_ref) or {}
        acks = [ack_of({"execution": stackstorm.execution(each["id"]), "actionalias": alias})
                for each in found]
        return [ack for ack in acks if ack]

    def _answer(self, message: ChatMessage, rest: str) -> Outcome:
        id, _, words = rest.partition(" ")
        if not words.strip() or not id.isalnum():
            raise CommandRejected("Write {}answer, the question's id, and your answer."
                                  .format(self._settings.opening))
        stackstorm = self._accounts.of(message.requester_id)
        inquiry, alias = self._asked(message, id)
        check_may_answer(inquiry, alias, message.requester_id, message.room_id, self._settings,
                         lambda: self._accounts.has_rbac(stackstorm))
        response = response_of(words, inquiry)
        _rejecting(lambda: about_question(lambda: stackstorm.respond(id, response)))
        return Outcome("answered", [Reply("Thank you, it goes on.", color="green")])

    def _asked(self, message: ChatMessage, id: str) -> Tuple[Dict[str, Any], str]:
        """Return an inquiry that was asked in the message's room, and the alias that led to it."""
        stackstorm = self._accounts.pack()
        inquiry = _rejecting(lambda: about_question(lambda: stackstorm.inquiry(id)))
        root = root_of(stackstorm.execution(id), stackstorm)
        if room_of(root) != message.room_id:
            raise CommandRejected("That was not asked in this room.")
        alias = stackstorm.alias(root["context"]["action_alias_ref"]["id"])
        return inquiry, name_of(alias) if alias else ""


def _rejection(words: str, reason: str = "") -> Outcome:
    return Outcome("rejected", [Reply(words, color="red")], reason=reason)


def _as_stackstorm_writes(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _rejecting(call: Callable[[], Any]) -> Any:
    """Call StackStorm; CommandRejected, in its words, where it is the person's matter."""
    try:
        return call()
    except StackStormError as error:
        if error.status is None:
            raise CommandRejected(UNKNOWN_END) from error
        if error.status < 500 and error.status != 401:
            raise CommandRejected(error.words) from error
        raise


def _starting(call: Callable[[], Any]) -> Any:
    """Make a call that starts something, and may have started it where StackStorm fails."""
    try:
        return _rejecting(call)
    except StackStormError as error:
        if error.status == 401:
            raise
        raise CommandRejected(UNKNOWN_END) from error
