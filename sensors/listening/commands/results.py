"""Waits for the executions of chat commands to end, and posts their results in the room."""
import contextlib
import time
from collections import OrderedDict
from http.client import HTTPException
from typing import Any, Dict, Iterator, NamedTuple, Optional

import eventlet

from chatops.accounts import Accounts
from chatops.catalog import Catalog
from chatops.errors import StackStormError
from chatops.inquiry import question
from chatops.origin import room_of, root_of
from chatops.reply import Reply
from chatops.result import result_of
from listening import timing
from listening.backoff import Backoff
from listening.commands import event_stream
from listening.commands.event_stream import Event
from listening.commands.journal import Command, Execution
from listening.commands.replies import Replies
from listening.operations.health import Health
from listening.operations.supervisor import Supervisor

__all__ = ["ENDED", "Results", "StackStormSide"]

ENDED = ("succeeded", "failed", "timeout", "abandoned", "canceled")
PAUSED = ("pausing", "paused")
PENDING = "pending"  # the status of an inquiry that waits for an answer
FAILED = ("failed", "timeout")  # a policy action.retry may run the action again
FAILED_MAX = 100  # failed executions that are kept for that policy
EARLY_MAX = 100  # stored ends of executions whose start is not confirmed yet
GROWTH = 20  # an execution is checked again after 1/20 of its age
OVERDUE = "{} has not ended after {:.0f} hours, and I wait no longer. {}"
LOST = {  # replies to HTTP statuses that are final; {0} is the error, {1} the execution ID
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


class StackStormSide(NamedTuple):
    """The objects and values with which Results reads executions from StackStorm.

    Attributes:
        accounts: gives clients of StackStorm's API.
        catalog: the action aliases.
        stream_url: the URL of StackStorm's event stream.
        opening: the beginning of a command, such as "!", for the hint how to answer a question.
    """

    accounts: Accounts
    catalog: Catalog
    stream_url: str
    opening: str


class _Followed(NamedTuple):
    """An execution whose end is awaited, and the command that started it."""

    command: Command
    execution: Execution


class Results:
    """Posts the result of each execution of a command when it ends, and its questions (inquiries).

    StackStorm's event stream reports the end of an execution fast, but loses events while it is
    disconnected. So running executions are also checked periodically.

    Attributes:
        answered: the number of executions that were followed to their end.
    """

    def __init__(self, stackstorm: StackStormSide, replies: Replies, health: Health):
        self._stackstorm, self._replies, self._health = stackstorm, replies, health
        self._followed: Dict[str, _Followed] = {}
        self._due_at: Dict[str, float] = {}
        self._early: "OrderedDict[str, Event]" = OrderedDict()
        self._failed: "OrderedDict[str, _Followed]" = OrderedDict()  # by liveaction ID
        self._expected = 0
        self._has_stream = False
        self.answered = 0

    def start(self, supervisor: Supervisor) -> None:
        """Start to follow the event stream and to check running executions, for ever.

        Args:
            supervisor: runs these two tasks, and restarts a task that raises an exception.
        """
        supervisor.run_forever("event stream", self._follow_stream)
        supervisor.run_forever("executions", self._check_forever)

    @contextlib.contextmanager
    def expecting(self) -> Iterator[None]:
        """During a `with` block, store the reported ends of executions that are not known yet.

        Start a command in the block, because its execution may end before follow() learns its ID.
        """
        self._expected += 1
        try:
            yield
        finally:
            self._expected -= 1
            if not self._expected:
                self._early.clear()

    def follow(self, command: Command) -> None:
        """Post the results of a command's executions when they end; return immediately."""
        for execution in command.executions:
            self._followed[execution.execution_id] = _Followed(command, execution)
            self._due_at[execution.execution_id] = time.monotonic() + self._check_delay(execution)
            early = self._early.pop(execution.execution_id, None)
            if early:
                self._on_end(execution.execution_id, early)

    def check_all(self) -> None:
        """Check each running execution as soon as possible."""
        self._due_at = dict.fromkeys(self._followed, 0.0)

    # The event stream

    def _follow_stream(self) -> None:
        backoff = Backoff(timing.STREAM_RETRY_MAX)
        while True:
            problem = "the stream ended"
            try:
                for event in event_stream.follow(
                        self._stackstorm.stream_url, self._stackstorm.accounts.headers(),
                        self._stream_began):
                    backoff.succeeded()
                    self._on_event(event)
            except (HTTPException, OSError, StackStormError) as error:
                problem = str(error) or repr(error)
            self._has_stream = False
            self.check_all()
            self._health.set_problem("commands", "StackStorm's event stream cannot be read",
                                     NO_STREAM.format(problem), about="stream")
            eventlet.sleep(backoff.failed())

    def _stream_began(self) -> None:
        self._has_stream = True
        self._health.clear_problem("commands", about="stream")
        self._stackstorm.catalog.expire()
        self.check_all()  # the stream contains no earlier events

    def _on_event(self, event: Event) -> None:
        if event.name.startswith(event_stream.ALIASES):
            self._stackstorm.catalog.expire()
            return
        execution_id, status = event.body.get("id"), event.body.get("status")
        if not isinstance(execution_id, str):
            return
        if status in ENDED:
            self._follow_retry(execution_id, event.body)
            if execution_id in self._followed:
                self._on_end(execution_id, event)
            elif self._expected and room_of(event.body) is not None:
                self._early[execution_id] = event
                if len(self._early) > EARLY_MAX:
                    self._early.popitem(last=False)
        elif status == PENDING and self._followed and may_be_child(event.body):
            eventlet.spawn_n(self._guarded, self._on_inquiry, event.body)

    def _follow_retry(self, execution_id: str, body: Dict[str, Any]) -> None:
        """Follow the retry of a command's failed execution, which a policy action.retry starts.

        Args:
            execution_id: an execution that has ended; it may be the retry of a failed one.
            body: this execution, as the event stream reports it.
        """
        policies = (body.get("context") or {}).get("policies") or {}
        failed = self._failed.pop(
            (policies.get("retry") or {}).get("retried_liveaction_id", ""), None)
        if failed:
            execution = Execution(execution_id, failed.execution.alias_ref, time.time(),
                                  alias=failed.execution.alias)
            failed.command.executions.append(execution)
            self._followed[execution_id] = _Followed(failed.command, execution)

    def _keep_failed(self, followed: _Followed, body: Dict[str, Any]) -> None:
        """Keep a failed execution, because a policy action.retry may run its action again."""
        liveaction_id = (body.get("liveaction") or {}).get("id")
        if body["status"] in FAILED and liveaction_id:
            self._failed[liveaction_id] = followed
            if len(self._failed) > FAILED_MAX:
                self._failed.popitem(last=False)

    def _on_end(self, execution_id: str, event: Event) -> None:
        followed = self._followed.pop(execution_id)
        self._keep_failed(followed, event.body)
        eventlet.spawn_n(self._guarded, self._answer, followed,
                         event.body if event.is_whole else None)

    # Checks of running executions

    def _check_forever(self) -> None:
        while True:
            eventlet.sleep(timing.EXECUTION_LOOK_PERIOD)
            try:
                self._check_due()
            except StackStormError as error:
                if error.status == 401:
                    self._stackstorm.accounts.note_refusal()
                is_refused = error.status in (401, 403)
                self._health.set_problem(
                    "commands", "StackStorm's API refuses the account" if is_refused else
                    "StackStorm's API does not answer",
                    (NO_RIGHTS if is_refused else NO_API).format(str(error)), about="API")
            else:
                self._health.clear_problem("commands", about="API")

    def _check_due(self) -> None:
        # Also without commands, so that /health shows whether StackStorm answers.
        self._stackstorm.catalog.refresh()
        is_paused = False
        for execution_id, followed in list(self._followed.items()):
            if time.monotonic() >= self._due_at.get(execution_id, 0.0):
                is_paused |= self._check(followed) in PAUSED
        if is_paused:
            for each in self._stackstorm.accounts.pack().pending():
                if may_be_child(each):
                    self._on_inquiry(each)

    def _check(self, followed: _Followed) -> str:
        """Check an execution, and post its result if it has ended.

        Returns:
            The execution's status; "" if StackStorm refuses or lacks the execution (403, 404), or
            if its result is being posted already.
        """
        execution = followed.execution
        try:
            found = self._stackstorm.accounts.pack().execution(execution.execution_id)
        except StackStormError as error:
            if error.status not in LOST:
                raise
            self._give_up(followed, LOST[error.status].format(error, execution.execution_id))
            return ""
        self._due_at[execution.execution_id] = time.monotonic() + self._check_delay(execution)
        if self._followed.get(execution.execution_id) != followed:
            return ""  # the event stream reported its end in the meantime
        if found["status"] in ENDED:
            self._followed.pop(execution.execution_id)
            self._keep_failed(followed, found)
            eventlet.spawn_n(self._guarded, self._answer, followed, found)
        elif found["status"] not in PAUSED and (
                time.time() - execution.started_at > timing.EXECUTION_TIMEOUT):
            self._give_up(followed, OVERDUE.format(
                found["action"]["ref"], timing.EXECUTION_TIMEOUT / 3600,
                found.get("web_url") or "Its execution is " + execution.execution_id))
        return found["status"]

    def _check_delay(self, execution: Execution) -> float:
        """Return the seconds until the next check of an execution; they grow with its age."""
        least = timing.EXECUTION_PERIOD if self._has_stream else timing.EXECUTION_LOOK_PERIOD
        return max(least, (time.time() - execution.started_at) / GROWTH)

    # Replies

    def _answer(self, followed: _Followed, found: Optional[Dict[str, Any]]) -> None:
        """Post the result of an ended execution.

        Args:
            found: the execution as StackStorm returned it; None if the event stream reported the
                end without the whole execution, which is then read from the API.
        """
        stackstorm, execution = self._stackstorm.accounts.pack(), followed.execution
        try:
            whole = found or stackstorm.execution(execution.execution_id)
            alias = execution.alias or stackstorm.alias(execution.alias_ref)
        except StackStormError as error:
            if error.status in LOST:
                self._finish(followed, Reply(
                    LOST[error.status].format(error, execution.execution_id), color="red"))
            else:  # the next check tries again
                self._followed[execution.execution_id] = followed
            return
        self._finish(followed, result_of(whole, alias))

    def _give_up(self, followed: _Followed, words: str) -> None:
        """Stop following an execution, and reply with `words`, the reason."""
        if self._followed.pop(followed.execution.execution_id, None):
            eventlet.spawn_n(self._guarded, self._finish, followed, Reply(words, color="red"))

    def _finish(self, followed: _Followed, reply: Optional[Reply]) -> None:
        followed.command.executions.remove(followed.execution)
        self._due_at.pop(followed.execution.execution_id, None)
        self._replies.send(followed.command, *([reply] if reply else []))
        self.answered += 1

    def _on_inquiry(self, inquiry: Dict[str, Any]) -> None:
        """Post the question of an inquiry (a child execution of a command's workflow), once."""
        stackstorm = self._stackstorm.accounts.pack()
        root = root_of(inquiry, stackstorm)
        followed = self._followed.get(root["id"])
        if not followed or inquiry["id"] in followed.execution.asked:
            return
        followed.execution.asked.append(inquiry["id"])
        try:
            words = question(stackstorm.inquiry(inquiry["id"]), root["action"]["ref"],
                             self._stackstorm.opening)
        except StackStormError as error:
            if error.status not in LOST:
                followed.execution.asked.remove(inquiry["id"])
                raise
            words = UNREADABLE_QUESTION.format(error, inquiry["id"])
        self._replies.send(followed.command, Reply(words, color="yellow", notify=True))

    def _guarded(self, function: Any, *arguments: Any) -> None:
        """Call a function, and report an unexpected exception as a defect of the pack.

        A StackStormError is ignored, because the next check of the executions reports it.
        """
        try:
            function(*arguments)
        except StackStormError:
            pass  # the next check reports it
        except Exception as error:
            self._replies.report_defect(error)


def may_be_child(execution: Dict[str, Any]) -> bool:
    """Return whether an execution may be a child of a chat command's execution.

    To be sure, call root_of(), which asks StackStorm's API for the parents of the execution.
    """
    context = execution.get("context") or {}
    return bool(execution.get("parent")) and str(context.get("source_channel", "")).isdecimal()
