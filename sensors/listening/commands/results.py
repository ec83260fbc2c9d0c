"""Waits for the executions of chat commands to end, and posts their results in the room."""
import time
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Dict, Optional

import eventlet

from chatops.accounts import Accounts
from chatops.catalog import Catalog
from chatops.command_handler import Execution
from chatops.errors import StackStormError
from chatops.inquiry import question
from chatops.reply import Reply
from chatops.result import result_of
from chatops.stackstorm import ENDED, room_of
from listening import timing
from listening.backoff import Backoff
from listening.commands import event_stream
from listening.commands.event_stream import Event
from listening.commands.journal import Command
from listening.commands.replies import Replies
from listening.operations.health import Health
from listening.operations.supervisor import Supervisor

__all__ = ["Results"]

PAUSED = ("pausing", "paused")
PENDING = "pending"  # the status of an inquiry that waits for an answer
FAILED = ("failed", "timeout")  # a policy action.retry may run the action again
KEPT_MAX = 100  # failed executions that are kept for that policy; events in Results._ended
GROWTH = 20  # an execution is checked again after 1/20 of its age
OVERDUE = "{} has not ended after {:.0f} hours, and I wait no longer. {}"
# replies to HTTP statuses that are final; {0} is the error, {1} the execution ID
LOST: Dict[Optional[int], str] = {
    403: "I may not read what became of this command: {0} (st2 run hipchat.check says which right "
         "is missing.) Its execution is {1}.",
    404: "StackStorm does not have the execution {1} any more, so I cannot say how it ended."}
UNREADABLE_QUESTION = "The command asks something that I cannot read: {} Its inquiry is {}."
NO_STREAM = ("Answers come up to a second later, as running executions are looked up one by one. "
             "Check the service st2stream, chatops.stream_url and, with RBAC, that the user has "
             "stream_view. The error: {:.300}")
NO_API = ("Commands are not answered until it answers. Check the service st2api, chatops.api_url "
          "and chatops.api_key. The error: {:.300}")
NO_RIGHTS = ("Commands are not answered. Check chatops.api_key and, with RBAC, that its user has "
             "the role hipchat_reads of docs/chatops.md. The error: {:.300}")


@dataclass
class _Followed:
    """An execution whose end is awaited, and the command that started it."""

    command: Command
    execution: Execution
    due_at: float = 0.0  # of the next check; time.monotonic()


class Results:
    """Posts the result of each execution of a command when it ends, and its questions (inquiries).

    StackStorm's event stream reports the end of an execution fast, but loses events while it is
    disconnected. So running executions are also checked periodically.

    Attributes:
        answered: the number of executions that were followed to their end.
    """

    def __init__(self, accounts: Accounts, catalog: Catalog, stream_url: str, opening: str,
                 replies: Replies, health: Health):
        """Args:
            accounts: gives clients of StackStorm's API.
            stream_url: the URL of StackStorm's event stream.
            opening: the beginning of a command, such as "!", for the hint how to answer a question.
        """
        self._accounts, self._catalog, self._stream_url = accounts, catalog, stream_url
        self._opening, self._replies, self._health = opening, replies, health
        self._followed: Dict[str, _Followed] = {}  # by execution ID
        self._failed: Dict[str, _Followed] = {}  # by liveaction ID
        # The ends of executions that are not followed: some end before their start is confirmed.
        self._ended: Dict[str, Event] = {}
        self._has_stream = False
        self.answered = 0

    def start(self, supervisor: Supervisor) -> None:
        """Begin to follow the event stream and to check running executions."""
        supervisor.run_forever("event stream", self._follow_stream)
        supervisor.run_forever("executions", self._check_forever)

    def follow(self, command: Command) -> None:
        """Post the results of a command's executions when they end; return immediately."""
        for execution in command.executions:
            followed = _Followed(command, execution)
            self._followed[execution.execution_id] = followed
            self._set_due(followed)
            ended = self._ended.pop(execution.execution_id, None)
            if ended:
                self._on_end(followed, ended.body, ended.is_whole)

    # The event stream

    def _follow_stream(self) -> None:
        backoff = Backoff(timing.STREAM_RETRY_MAX)
        while True:
            problem = "the stream ended"
            try:
                for event in event_stream.follow(self._stream_url, self._accounts.pack().headers(),
                                                 self._stream_began):
                    backoff.succeeded()
                    self._on_event(event)
            except (HTTPException, OSError, StackStormError) as error:
                problem = str(error) or repr(error)
            self._has_stream = False
            self._check_all()
            self._health.set_problem("commands", "StackStorm's event stream cannot be read",
                                     NO_STREAM.format(problem), about="stream")
            eventlet.sleep(backoff.failed())

    def _stream_began(self) -> None:
        self._has_stream = True
        self._health.clear_problem("commands", about="stream")
        self._catalog.expire()
        self._check_all()  # the stream contains no earlier events

    def _on_event(self, event: Event) -> None:
        if event.name.startswith(event_stream.ALIASES):
            self._catalog.expire()
            return
        execution_id, status = event.body.get("id"), event.body.get("status")
        if not isinstance(execution_id, str):
            return
        if status in ENDED:
            self._follow_retry(execution_id, event.body)
            followed = self._followed.get(execution_id)
            if followed:
                self._on_end(followed, event.body, event.is_whole)
            elif room_of(event.body) is not None and not event.body.get("parent"):
                _keep(self._ended, execution_id, event)
        elif status == PENDING and self._followed and _may_be_child(event.body):
            eventlet.spawn_n(self._guarded, self._on_inquiry, event.body)

    def _follow_retry(self, execution_id: str, body: Dict[str, Any]) -> None:
        """If an ended execution is the retry of a command's failed one, follow it too."""
        policies = (body.get("context") or {}).get("policies") or {}
        failed = self._failed.pop(
            (policies.get("retry") or {}).get("retried_liveaction_id", ""), None)
        if failed:
            before = failed.execution
            execution = Execution(execution_id, before.alias_ref, alias=before.alias)
            failed.command.executions.append(execution)
            self._followed[execution_id] = _Followed(failed.command, execution)

    def _on_end(self, followed: _Followed, body: Dict[str, Any], is_whole: bool = True) -> None:
        """Post the result of an ended execution in the background.

        Args:
            body: the execution, from the event stream or the API.
            is_whole: False if members are missing in `body`.
        """
        if not self._followed.pop(followed.execution.execution_id, None):
            return  # the event stream and a check reported the end at the same time
        liveaction_id = (body.get("liveaction") or {}).get("id")
        if body["status"] in FAILED and liveaction_id:  # a policy may run the action again
            _keep(self._failed, liveaction_id, followed)
        eventlet.spawn_n(self._guarded, self._answer, followed, body if is_whole else None)

    # Checks of running executions

    def _check_forever(self) -> None:
        while True:
            eventlet.sleep(timing.EXECUTION_LOOK_PERIOD)
            try:
                self._check_due()
            except StackStormError as error:
                if error.status == 401:
                    self._accounts.note_refusal()
                is_refused = error.status in (401, 403)
                self._health.set_problem(
                    "commands", "StackStorm's API refuses the account" if is_refused else
                    "StackStorm's API does not answer",
                    (NO_RIGHTS if is_refused else NO_API).format(str(error)), about="API")
            else:
                self._health.clear_problem("commands", about="API")

    def _check_due(self) -> None:
        # Also without commands, so that /health shows whether StackStorm answers.
        self._catalog.refresh()
        due = [each for each in self._followed.values() if time.monotonic() >= each.due_at]
        if any([self._check(each) for each in due]):
            for inquiry in self._accounts.pack().pending():
                if _may_be_child(inquiry):
                    self._on_inquiry(inquiry)

    def _check(self, followed: _Followed) -> bool:
        """Check an execution, and post its result if it has ended; return whether it is paused.

        A paused execution may wait for the answer to a question.
        """
        execution = followed.execution
        try:
            found = self._accounts.pack().execution(execution.execution_id)
        except StackStormError as error:
            if error.status not in LOST:
                raise
            self._give_up(followed, _lost(error, execution))
            return False
        self._set_due(followed)
        is_paused = found["status"] in PAUSED
        if found["status"] in ENDED:
            self._on_end(followed, found)
        elif not is_paused and time.time() - execution.started_at > timing.EXECUTION_TIMEOUT:
            self._give_up(followed, Reply(OVERDUE.format(
                found["action"]["ref"], timing.EXECUTION_TIMEOUT / 3600,
                found.get("web_url") or "Its execution is " + execution.execution_id), color="red"))
        return is_paused

    def _set_due(self, followed: _Followed) -> None:
        """Set the time of the next check of an execution; the delay grows with its age."""
        least = timing.EXECUTION_PERIOD if self._has_stream else timing.EXECUTION_LOOK_PERIOD
        age = time.time() - followed.execution.started_at
        followed.due_at = time.monotonic() + max(least, age / GROWTH)

    def _check_all(self) -> None:
        """Check each running execution as soon as possible."""
        for followed in self._followed.values():
            followed.due_at = 0.0

    # Replies

    def _answer(self, followed: _Followed, found: Optional[Dict[str, Any]]) -> None:
        """Post the result of an ended execution; if `found` is None, read the execution first."""
        stackstorm, execution = self._accounts.pack(), followed.execution
        try:
            whole = found or stackstorm.execution(execution.execution_id)
            alias = execution.alias or stackstorm.alias(execution.alias_ref)
            reply = result_of(whole, alias)
        except StackStormError as error:
            if error.status not in LOST:
                self._followed[execution.execution_id] = followed  # the next check tries again
                return
            reply = _lost(error, execution)
        self._finish(followed, *([reply] if reply else []))

    def _give_up(self, followed: _Followed, reply: Reply) -> None:
        """Stop following an execution; send a reply with the reason."""
        if self._followed.pop(followed.execution.execution_id, None):
            eventlet.spawn_n(self._guarded, self._finish, followed, reply)

    def _finish(self, followed: _Followed, *replies: Reply) -> None:
        followed.command.executions.remove(followed.execution)
        self._replies.send(followed.command, *replies)
        self.answered += 1

    def _on_inquiry(self, inquiry: Dict[str, Any]) -> None:
        """Post the question of an inquiry (a child execution of a command's workflow), once."""
        stackstorm = self._accounts.pack()
        root = stackstorm.root_of(inquiry)
        followed = self._followed.get(root["id"])
        if not followed or inquiry["id"] in followed.execution.asked:
            return
        followed.execution.asked.append(inquiry["id"])
        try:
            words = question(stackstorm.inquiry(inquiry["id"]), root["action"]["ref"],
                             self._opening)
        except StackStormError as error:
            if error.status not in LOST:
                followed.execution.asked.remove(inquiry["id"])
                raise
            words = UNREADABLE_QUESTION.format(error, inquiry["id"])
        self._replies.send(followed.command, Reply(words, color="yellow", notify=True))

    def _guarded(self, function: Any, *arguments: Any) -> None:
        """Call a function, and report an unexpected exception as a defect of the pack."""
        try:
            function(*arguments)
        except StackStormError:
            pass  # the next check reports it
        except Exception as error:
            self._replies.report_defect(error)


def _keep(kept: Dict[str, Any], key: str, value: Any) -> None:
    """Add a value to a dict that keeps the last KEPT_MAX values."""
    kept[key] = value
    if len(kept) > KEPT_MAX:
        del kept[next(iter(kept))]


def _lost(error: StackStormError, execution: Execution) -> Reply:
    """Return the reply about an execution that StackStorm does not return."""
    return Reply(LOST[error.status].format(error, execution.execution_id), color="red")


def _may_be_child(execution: Dict[str, Any]) -> bool:
    """Return whether an execution may be a child of a command's; only root_of() makes sure."""
    context = execution.get("context") or {}
    return bool(execution.get("parent")) and str(context.get("source_channel", "")).isdecimal()
