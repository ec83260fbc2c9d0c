"""The exceptions of the pack: one class for each kind of failure. Messages contain the remedy."""
from typing import Any, Dict, List, Optional

__all__ = [
    "HipChatError", "ConfigError", "NotInstalled", "ParameterError", "Incomplete", "NoAnswer",
    "TimedOut", "TooLarge", "ApiError", "InvalidRequest", "InvalidToken", "Forbidden", "NotFound",
    "Conflict", "RateLimited", "ServerError",
]

INTEGRATION_REMEDY = (
    "Set oauth.id and oauth.secret in the pack's config to what HipChat gave when the integration "
    "was installed, and check that it is still installed.")
ADDON_REMEDY = (
    "HipChat no longer knows the add-on. Install it again: st2 run hipchat.check shows the URL to "
    "paste.")


class HipChatError(Exception):
    """Base class of the pack's exceptions. The message says what is wrong and what to do."""

    def as_result(self) -> Dict[str, Any]:
        """Return the error as an action's result: {"error": message}."""
        return {"error": str(self)}


class ConfigError(HipChatError):
    """The pack's config is wrong; `problems` has a sentence and remedy for each wrong value."""

    def __init__(self, problems: List[str]):
        self.problems = problems
        super().__init__("The config of the pack hipchat (/opt/stackstorm/configs/hipchat.yaml) is "
                         "wrong:\n  " + "\n  ".join(problems))


class NotInstalled(HipChatError):
    """The config enables the add-on, and the add-on is not installed in HipChat."""

    def __init__(self) -> None:
        super().__init__("The add-on is not installed in HipChat. Run st2 run hipchat.check, which "
                         "shows the URL to paste there.")


class ParameterError(HipChatError):
    """A parameter of a rule or an action is wrong."""


class Incomplete(HipChatError):
    """An action succeeded only in part; `result` has keys that say what succeeded and failed."""

    def __init__(self, text: str, **result: Any):
        self.result = result
        super().__init__(text)

    def as_result(self) -> Dict[str, Any]:
        """Return {"error": message} with the keys of `result`."""
        return dict(self.result, error=str(self))


class NoAnswer(HipChatError):
    """HipChat could not be reached, or its response was late or malformed."""


class TooLarge(NoAnswer):
    """HipChat's response is larger than the pack accepts: see transport.LARGEST_RESPONSE."""


class TimedOut(NoAnswer):
    """HipChat did not answer within the timeout."""


class ApiError(HipChatError):
    """HipChat refused a call: its response has an error status.

    Args:
        call: method and path of the call, such as "GET /v2/room/1001".
        message: HipChat's own message.
        field: the field of the request that HipChat's message names; None if it names none.
        remedy: what the user should do, in sentences; by default that of the class.
    """

    remedy = "See HipChat's message."

    def __init__(self, call: str, status: int, message: str, field: Optional[str] = None,
                 remedy: Optional[str] = None):
        self.status, self.field = status, field
        self.remedy = remedy or self.remedy
        where = f" (field {field!r})" if field else ""
        super().__init__(
            f"HipChat answered {status} to {call}{where}: {message.rstrip('.')}. {self.remedy}")

    def as_result(self) -> Dict[str, Any]:
        """Return {"error": message, "status", "field", "remedy"}."""
        return {"error": str(self), "status": self.status, "field": self.field,
                "remedy": self.remedy}


class InvalidRequest(ApiError):
    """400: a field of the request is wrong."""

    remedy = "Correct the value of that field."


class InvalidToken(ApiError):
    """401: the token is unknown, expired or of the wrong kind."""

    remedy = (
        "Set api_key in the pack's config to a valid personal access token "
        "(HipChat: Account settings > API access). A Group API (v1) key of Group Admin is the "
        "wrong kind, and a token expires after a year.")


class Forbidden(ApiError):
    """403: the token lacks a scope, or its owner lacks a right in the room."""

    remedy = (
        "Make a token that has the scope named here (the pack needs send_notification, "
        "send_message, view_room, view_group and admin_room); for room administration its owner "
        "must also be an admin of the room.")


class NotFound(ApiError):
    """404: no such room, user, message or webhook, or the token's owner cannot see it."""

    remedy = "Check the name or id, and that the token's owner can see it."


class Conflict(ApiError):
    """409: the object to create exists already, or the object to change has changed."""

    remedy = (
        "HipChat has it already, or it was changed in between. Choose another name (an "
        "archived room keeps its own: see hipchat.list_rooms with include_archived), or check "
        "its present state and try again.")


class RateLimited(ApiError):
    """429, or 403 with a message about the rate limit: wait for `reset_in` seconds."""

    def __init__(self, call: str, status: int, message: str, *, reset_in: float):
        self.reset_in = reset_in
        super().__init__(call, status, message, remedy=f"Try again in {reset_in:.0f} s: HipChat "
                         "limits a token's calls, and allows 30 messages per minute and room.")


class ServerError(ApiError):
    """5xx: HipChat itself has failed."""

    remedy = "Try again later; if the error persists, look at the HipChat server's own log."
