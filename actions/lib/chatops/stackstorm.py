"""HTTP calls to StackStorm's API."""
from typing import Any, Callable, Dict, Iterator, List, Optional
from urllib.parse import quote

from chatops.errors import StackStormError
from hipchat import timing
from hipchat.api.transport import FAILURES, ApiResponse, http_session, send

__all__ = ["LARGEST_RESULT", "ROUTE", "StackStorm"]

ROUTE = "hipchat"  # of the notifications that come back to this pack
PAGE = 100  # the most that everybody may ask for
LARGEST_RESULT = 1 << 20  # bytes; to read and to render more would hold the process up
OF_ALIASES = "id,name,ref,pack,description,enabled,formats,action_ref,extra"


class StackStorm:
    """StackStorm's API for one account; every call raises StackStormError."""

    def __init__(self, url: str, headers: Callable[[], Dict[str, str]]):
        """Call nothing yet.

        Args:
            url: The API's address, which ends in /v1.
            headers: Returns what proves the account; asked at each call, as a token ends.
        """
        self._url, self._headers = url.rstrip("/"), headers

    def aliases(self) -> Iterator[Dict[str, Any]]:
        """All aliases, without what they say of acknowledgement and result."""
        return self._pages("actionalias", include_attributes=OF_ALIASES)

    def alias(self, ref_or_id: str) -> Optional[Dict[str, Any]]:
        """An alias; None where it is gone."""
        try:
            return self._call("GET", "actionalias", ref_or_id)
        except StackStormError as error:
            if error.status == 404:
                return None
            raise

    def match(self, command: str) -> Dict[str, Any]:
        """The one alias that fits, by StackStorm's own matching: actionalias, representation."""
        return self._call("POST", "actionalias", "match", json={"command": command})

    def run_alias(self, **what: Any) -> Dict[str, Any]:
        """Start an alias's action: execution, actionalias, and message and extra by its ack.

        what: name, format, command, user, source_channel, source_context.
        """
        return self._call("POST", "aliasexecution", json=dict(what, notification_route=ROUTE))

    def run_each_match(self, **what: str) -> List[Dict[str, Any]]:
        """Start as many as the command names, with an alias that has match_multiple."""
        return self._call("POST", "aliasexecution", "match_and_execute",
                          json=dict(what, notification_route=ROUTE))["results"]

    def execution(self, id: str) -> Dict[str, Any]:
        """Return an execution; its result is left out where that is too large for a room."""
        return self._call("GET", "executions", id, params={"max_result_size": LARGEST_RESULT})

    def pending(self) -> Iterator[Dict[str, Any]]:
        """Yield the executions that wait for an answer, all of them inquiries."""
        return self._pages("executions", status="pending",
                           include_attributes="id,context,parent,status")

    def executions_since(self, action: str, since: str) -> Iterator[Dict[str, Any]]:
        """Yield an action's executions, newest first: id, context, parent, start and liveaction.

        (Their results would take StackStorm four times as long.)
        """
        return self._pages("executions", action=action, timestamp_gt=since,
                           include_attributes="id,context,parent,start_timestamp,liveaction")

    def action(self, ref: str) -> Dict[str, Any]:
        """Return an action."""
        return self._call("GET", "actions", ref)

    def states_since(self, action: str, since: str) -> Iterator[Dict[str, Any]]:
        """Yield an action's executions, newest first: id, status and parameters."""
        return self._pages("executions", action=action, timestamp_gt=since,
                           include_attributes="id,status,parameters")

    def inquiry(self, id: str) -> Dict[str, Any]:
        """An inquiry: id, route, ttl in minutes, users, roles, schema."""
        return self._call("GET", "inquiries", id)

    def respond(self, id: str, response: Dict[str, Any]) -> None:
        """Answer an inquiry."""
        self._call("PUT", "inquiries", id, json={"id": id, "response": response})

    def user(self) -> Dict[str, Any]:
        """Whose account it is: username, and rbac: enabled, is_admin, roles."""
        return self._call("GET", "user")

    def _pages(self, *path: str, **params: Any) -> Iterator[Dict[str, Any]]:
        offset = 0
        while True:
            page = self._call("GET", *path, params=dict(params, limit=PAGE, offset=offset))
            yield from page
            offset += PAGE
            if len(page) < PAGE:
                return

    def _call(self, method: str, *path: str, **options: Any) -> Any:
        call = f"{method} /v1/{'/'.join(path)}"
        url = "/".join([self._url, *(quote(part, safe="") for part in path)])
        try:
            # Each call has a connection of its own. One that was used before may be closed under
            # the call, and then nobody knows whether StackStorm has executed it.
            with http_session() as session:
                session.trust_env = False  # StackStorm is near: no proxy, no ~/.netrc
                response = send(session, method, url, timeout=timing.STACKSTORM_TIMEOUT,
                                retry_delays=timing.RETRY_DELAYS, headers=self._headers(),
                                **options)
        except FAILURES as error:
            raise StackStormError(call, words=type(error).__name__) from None
        if response.status >= 300:
            raise StackStormError(call, response.status, _words(response))
        try:
            return response.json()
        except ValueError:
            raise StackStormError(call, words="what it answered is no JSON") from None


def _words(response: ApiResponse) -> str:
    """The first line of StackStorm's own words: a schema may follow."""
    try:
        words = str(response.json()["faultstring"])
    except (ValueError, KeyError, TypeError):
        words = response.reason or "no reason given"
    return words.strip().partition("\n")[0]
