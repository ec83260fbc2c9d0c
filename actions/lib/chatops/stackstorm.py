"""Calls StackStorm's API; finds out which chat command, in which room, started an execution."""
import hashlib
import re
from functools import cached_property
from itertools import count
from typing import Any, Callable, Dict, Iterator, List, Optional
from urllib.parse import quote

from chatops.errors import StackStormError
from hipchat import timing
from hipchat.api.transport import FAILURES, ApiResponse, http_session, send

__all__ = ["ENDED", "LARGEST_RESULT", "StackStorm", "command_key", "room_of", "source_of"]

ROUTE = "hipchat"  # StackStorm sends notifications with this route back to the pack
PAGE = 100  # items; the largest page that StackStorm allows to every user
ENDED = ("succeeded", "failed", "timeout", "abandoned", "canceled")  # an execution's statuses
LARGEST_RESULT = 1 << 20  # bytes; rendering a larger result would block the sensor
_IDENTIFIER = re.compile(r"[0-9A-Za-z-]{1,64}")


class StackStorm:
    """A client of StackStorm's API, whose URL ends in /v1; returns the objects of that API.

    Every method raises StackStormError if StackStorm refuses the call or does not answer.

    Attributes:
        headers: returns the headers that authenticate the account; called at each call, because
            tokens expire.
    """

    def __init__(self, url: str, headers: Callable[[], Dict[str, str]]):
        self._url, self.headers = url.rstrip("/"), headers

    def aliases(self) -> Iterator[Dict[str, Any]]:
        """Yield all aliases, disabled ones too, without their `ack` and `result`."""
        return self._pages("actionalias", include_attributes=(
            "id,name,ref,pack,description,enabled,formats,action_ref,extra"))

    def alias(self, ref_or_id: str) -> Optional[Dict[str, Any]]:
        """Return a whole alias, given by ref or ID; None if there is no such alias."""
        try:
            return self._call("GET", "actionalias", ref_or_id)
        except StackStormError as error:
            if error.status == 404:
                return None
            raise

    def match(self, command: str) -> Dict[str, Any]:
        """Find a command's actionalias and representation by StackStorm's own matching.

        Raises StackStormError with the status 400 if no alias matches, or several.
        """
        return self._call("POST", "actionalias", "match", json={"command": command})

    def run_alias(self, **body: Any) -> Dict[str, Any]:
        """Start the action of an alias.

        Args:
            body: name and format of the alias, the command, user, source_channel (the room's ID),
                and source_context (described at source_of()).

        Returns:
            execution, actionalias (the alias), and message and extra from the alias's `ack`.
        """
        return self._call("POST", "aliasexecution", json=dict(body, notification_route=ROUTE))

    def run_each_match(self, **body: str) -> List[Dict[str, Any]]:
        """Start all executions of a command with match_multiple; see run_alias() for the items.

        Args:
            body: the command, user, and source_channel (the room's ID).
        """
        return self._call("POST", "aliasexecution", "match_and_execute",
                          json=dict(body, notification_route=ROUTE))["results"]

    def execution(self, execution_id: str) -> Dict[str, Any]:
        """Return an execution; its result is left out if it is larger than LARGEST_RESULT."""
        return self._call("GET", "executions", execution_id,
                          params={"max_result_size": LARGEST_RESULT})

    def pending(self) -> Iterator[Dict[str, Any]]:
        """Yield the executions with the status pending: the inquiries without an answer."""
        return self._pages("executions", status="pending",
                           include_attributes="id,context,parent,status")

    def root_of(self, execution: Dict[str, Any]) -> Dict[str, Any]:
        """Return an execution's outermost parent, such as a workflow; else the execution itself."""
        while execution.get("parent"):
            execution = self.execution(execution["parent"])
        return execution

    def executions_since(self, action: str, since: str) -> Iterator[Dict[str, Any]]:
        """Yield an action's executions, without results, since a time (ISO 8601 with Z).

        The newest comes first. (With results, StackStorm takes four times as long.)
        """
        return self._pages("executions", action=action, timestamp_gt=since, include_attributes=(
            "id,context,parent,start_timestamp,liveaction,status,parameters"))

    def action(self, ref: str) -> Dict[str, Any]:
        """Return an action, given by its ref."""
        return self._call("GET", "actions", ref)

    def inquiry(self, inquiry_id: str) -> Dict[str, Any]:
        """Return an inquiry: id, route, ttl (minutes), users and roles (who can answer), schema."""
        return self._call("GET", "inquiries", inquiry_id)

    def respond(self, inquiry_id: str, response: Dict[str, Any]) -> None:
        """Answer an inquiry with the values of its schema's fields; then its workflow continues."""
        self._call("PUT", "inquiries", inquiry_id, json={"id": inquiry_id, "response": response})

    @cached_property
    def username(self) -> str:
        """The name of this account's user."""
        return self.user()["username"]

    def user(self) -> Dict[str, Any]:
        """Return this account's user: username, and rbac with enabled, is_admin and roles."""
        return self._call("GET", "user")

    def _pages(self, *path: str, **params: Any) -> Iterator[Dict[str, Any]]:
        for offset in count(0, PAGE):
            page = self._call("GET", *path, params=dict(params, limit=PAGE, offset=offset))
            yield from page
            if len(page) < PAGE:
                return

    def _call(self, method: str, *path: str, **options: Any) -> Any:
        call = f"{method} /v1/{'/'.join(path)}"
        url = "/".join([self._url, *(quote(part, safe="") for part in path)])
        try:
            # Each call opens a connection. A kept-alive one may be closed during the call, and then
            # it is unknown whether StackStorm has executed the call.
            with http_session() as session:
                session.trust_env = False  # no proxy and no ~/.netrc for StackStorm's own services
                response = send(session, method, url, timeout=timing.STACKSTORM_TIMEOUT,
                                retry_delays=timing.RETRY_DELAYS, headers=self.headers(),
                                **options)
        except FAILURES as error:
            raise StackStormError(call, message=type(error).__name__) from None
        if response.status >= 300:
            raise StackStormError(call, response.status, _message(response))
        try:
            return response.json()
        except ValueError:
            raise StackStormError(call, message="its response is no JSON") from None


def _message(response: ApiResponse) -> str:
    """Return the first line of a response's error message, without a schema that may follow it."""
    try:
        message = str(response.json()["faultstring"])
    except (ValueError, KeyError, TypeError):
        message = response.reason or "no reason given"
    return message.strip().partition("\n")[0]


def command_key(message_id: str) -> str:
    """Return the string by which a command is found again among StackStorm's executions.

    StackStorm's notifier evaluates templates in this string. So the string is the ID of the
    command's message if that is a plain identifier, or else a hash of the ID.
    """
    return message_id if _IDENTIFIER.fullmatch(message_id) else (
        hashlib.sha256(message_id.encode("utf-8", "replace")).hexdigest())


def room_of(execution: Dict[str, Any]) -> Optional[int]:
    """Return the ID of the room of the command that started an execution; None if none did."""
    context = execution.get("context") or {}
    room = str(context.get("source_channel", ""))
    return int(room) if context.get("action_alias_ref") and room.isdecimal() else None


def source_of(execution: Dict[str, Any]) -> Dict[str, Any]:
    """Return the source_context that the pack passed when it started an execution.

    Returns:
        room_id, requester_id and message_id (from command_key()), as strings; {} if there is none,
        for example because the action's own notify section replaced the call's.
    """
    notify = ((execution.get("liveaction") or {}).get("notify") or {}).get("on-complete") or {}
    return (notify.get("data") or {}).get("source_context") or {}
