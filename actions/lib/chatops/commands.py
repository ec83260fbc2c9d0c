"""What becomes of a message that may be a command."""
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from chatops.accounts import Accounts
from chatops.ack import ack_of
from chatops.aliases import Aliases, CommandForbidden, name_of
from chatops.reply import Reply
from chatops.command import (ChatMessage, check_age, check_clock, check_harmless, check_words,
                             command_in, earliest)
from chatops.errors import NotACommand, CommandRejected, StackStormError
from chatops.help import help_on
from chatops.inquiry import about_question, check_may_answer, response_of
from chatops.matching import Fit
from chatops.once import REPEATED, is_repeated
from chatops.origin import begun_by, identifier, origin_of, source_of
from chatops.permissions import Permissions
from chatops.settings import ChatOpsSettings
from chatops.stackstorm import StackStorm
from chatops.values import check_values
from hipchat.errors import HipChatError
from hipchat.api.people import People

__all__ = ["Commands", "Outcome"]

UNKNOWN_END = ("StackStorm did not tell what became of it. The command may run all the same: look "
               "into its history before you say it again.")
TROUBLE = "{}. (hipchat.check may tell what is to be done.)"


class Outcome(NamedTuple):
    """What was done: outcome is ran, answered, refused, ignored, repeated or failed.

    replies: what the room is told; result: what else the action's result has.
    """

    outcome: str
    replies: List[Reply]
    result: Dict[str, Any]


class Commands:
    """Runs what people say.

    patience: the seconds for which HipChat may let an execution of this action wait.
    """

    def __init__(self, settings: ChatOpsSettings, accounts: Accounts, people: People,
                 patience: float):
        self._settings, self._accounts, self._people = settings, accounts, people
        self._patience = patience
        self._permissions = Permissions(settings)

    def handle(self, message: ChatMessage, now: datetime) -> Outcome:
        """Run it, or say why not."""
        try:
            return self._handled(message, now)
        except NotACommand as reason:
            return Outcome("ignored", [], {"reason": str(reason)})
        except CommandForbidden as reason:
            words = str(reason)
            if reason.people:
                words += f" Those who may: {self._people.names(reason.people)}."
            return _refusal(words)
        except CommandRejected as reason:
            return _refusal(str(reason))
        except HipChatError as error:  # StackStorm's too
            return Outcome("failed", [Reply(TROUBLE.format(error), color="red")],
                           error.as_result())

    def _handled(self, message: ChatMessage, now: datetime) -> Outcome:
        command = self._checked(message, now)
        word, _, rest = command.partition(" ")
        answers = word.lower() == "answer"
        with ThreadPoolExecutor() as at_once:  # somebody waits, and these do not for each other
            repeated = at_once.submit(is_repeated, message, self._accounts.execution_id,
                                      self._accounts.pack(), self._patience)
            own = at_once.submit(self._people.is_own, message.requester_id)
            aliases = None if answers else at_once.submit(
                Aliases, self._accounts.pack(), self._permissions, message.requester_id,
                message.room_id)
        if repeated.result():
            return Outcome(REPEATED, [], {"reason": "Another execution has this message."})
        if own.result():
            raise NotACommand("The pack itself said it.")
        check_age(message.date, now)  # what is repeated has run, and is not to be said again
        if answers:
            return self._answer(message, rest)
        if word.lower() == "help":
            allowed = aliases.result().allowed()
            return Outcome("answered", [help_on(rest, allowed, self._settings.opening)], {})
        return self._run(message, aliases.result().find(command))

    def _checked(self, message: ChatMessage, now: datetime) -> str:
        """The command, if it may be one; no call has been made until then."""
        if message.room_id not in self._settings.rooms:
            raise NotACommand(f"The room {message.room_id} is not among chatops.rooms.")
        command = command_in(message.text, self._settings.prefix)
        check_clock(message.date, now)
        if not self._permissions.any(message.requester_id, message.room_id):
            check_words(command)
            raise CommandRejected("You may not run commands here. (Your id is {}; chatops.allow in "
                                  "the pack's config says who may.)".format(message.requester_id))
        self._accounts.of(message.requester_id)  # refuses those who have none
        check_harmless(command)
        return command

    def _run(self, message: ChatMessage, fit: Fit) -> Outcome:
        stackstorm = self._accounts.of(message.requester_id)
        check_values(fit, self._settings.extra_parameters)
        started = self._start(stackstorm, message, fit)
        acks = [ack for ack in map(ack_of, started) if ack]
        return Outcome("ran", acks, {
            "alias": name_of(fit.format.alias),
            "executions": [each["execution"]["id"] for each in started]})

    def _start(self, stackstorm: StackStorm, message: ChatMessage,
               fit: Fit) -> List[Dict[str, Any]]:
        # StackStorm's notifier evaluates these: they are ids, and nothing that somebody wrote.
        what = {"command": fit.command, "user": str(message.requester_id),
                "source_channel": str(message.room_id)}
        if fit.format.multiple:
            return _starting(lambda: stackstorm.run_each_match(**what))
        ids = {"message_id": identifier(message.message_id),
               "heard_by": self._accounts.execution_id}

        def run() -> Dict[str, Any]:
            try:
                return stackstorm.run_alias(
                    name=fit.format.alias["name"], format=fit.format.representation,
                    source_context=ids, **what)
            except StackStormError:
                # It starts before StackStorm renders the alias's ack, which may fail.
                started = self._started(message, fit)
                if started:
                    return started
                raise

        return [_starting(run)]

    def _started(self, message: ChatMessage, fit: Fit) -> Optional[Dict[str, Any]]:
        """What the message has started: execution and actionalias; None for nothing."""
        stackstorm, alias = self._accounts.pack(), fit.format.alias
        for each in stackstorm.executions_since(alias["action_ref"], earliest(message)):
            if source_of(each).get("heard_by") == self._accounts.execution_id:
                return {"execution": stackstorm.execution(each["id"]),
                        "actionalias": stackstorm.alias(alias["ref"]) or {}}
        return None

    def _answer(self, message: ChatMessage, rest: str) -> Outcome:
        id, _, words = rest.partition(" ")
        if not words.strip() or not id.isalnum():
            raise CommandRejected("Write {}answer, the question's id, and your answer."
                          .format(self._settings.opening))
        stackstorm = self._accounts.of(message.requester_id)
        inquiry, alias = self._asked(message, id)
        check_may_answer(inquiry, alias, message.requester_id, message.room_id, self._settings,
                         stackstorm)
        response = response_of(words, inquiry)
        _refusing(lambda: about_question(lambda: stackstorm.respond(id, response)))
        return Outcome("answered", [Reply("Thank you, it goes on.", color="green")],
                       {"inquiry": id})

    def _asked(self, message: ChatMessage, id: str) -> Tuple[Dict[str, Any], str]:
        """Return an inquiry that was asked in the message's room, and the alias that led to it."""
        stackstorm = self._accounts.pack()
        inquiry = _refusing(lambda: about_question(lambda: stackstorm.inquiry(id)))
        begun = begun_by(stackstorm.execution(id), stackstorm)
        try:
            asked = origin_of(begun, self._settings).room == message.room_id
        except NotACommand:
            asked = False
        if not asked:
            raise CommandRejected("That was not asked in this room.")
        alias = stackstorm.alias(begun["context"]["action_alias_ref"]["id"])
        return inquiry, name_of(alias) if alias else ""


def _refusal(words: str) -> Outcome:
    return Outcome("refused", [Reply(words, color="red")], {"reason": words})


def _refusing(call: Callable[[], Any]) -> Any:
    """Call StackStorm; CommandRejected, in its words, where it is the person's matter."""
    try:
        return call()
    except StackStormError as error:
        if error.status is None:
            raise CommandRejected(UNKNOWN_END) from None
        if error.status < 500 and error.status != 401:
            raise CommandRejected(error.words) from None
        raise


def _starting(call: Callable[[], Any]) -> Any:
    """The same of a call that starts something, and may have started it where StackStorm fails."""
    try:
        return _refusing(call)
    except StackStormError as error:
        raise (error if error.status == 401 else CommandRejected(UNKNOWN_END)) from None
