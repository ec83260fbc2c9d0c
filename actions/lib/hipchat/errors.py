"""What can go wrong, one class for each kind, each text with the remedy in it."""
from typing import Any, Dict, List, Optional

__all__ = [
    "HipChatError", "ConfigError", "NotInstalled", "ParameterError", "Incomplete", "NoAnswer",
    "TimedOut", "TooLarge", "ApiError", "InvalidRequest", "InvalidToken", "Forbidden", "NotFound",
    "Conflict", "RateLimited", "ServerTrouble", "api_error",
]

TOKEN_REMEDY = (
    "Set api_key in the pack's config to a valid personal access token "
    "(HipChat: Account settings > API access). A Group API (v1) key of Group Admin is the wrong "
    "kind, and a token expires after a year.")
INTEGRATION_REMEDY = (
    "Set oauth.id and oauth.secret in the pack's config to what HipChat gave when the integration "
    "was installed, and check that it still is.")

ADDON_REMEDY = (
    "HipChat does not know the add-on any more. Install it again: st2 run hipchat.check says the "
    "URL to paste.")


class HipChatError(Exception):
    """Base of all errors of this pack; its text says what was wrong and what to do."""

    def as_result(self) -> Dict[str, Any]:
        """Return the error as an action's result: {"error": text}."""
        return {"error": str(self)}


class ConfigError(HipChatError):
    """The pack's config is wrong; problems names every wrong value with its remedy."""

    def __init__(self, problems: List[str]):
        self.problems = problems
        super().__init__("The config of the pack hipchat (/opt/stackstorm/configs/hipchat.yaml) is "
                         "wrong:\n  " + "\n  ".join(problems))


class NotInstalled(HipChatError):
    """The pack is to be an add-on, and HipChat has not installed it."""

    def __init__(self) -> None:
        super().__init__("The add-on is not installed in HipChat. Run st2 run hipchat.check, which "
                         "says the URL to paste there.")


class ParameterError(HipChatError):
    """A parameter of a rule or an action is wrong."""


class Incomplete(HipChatError):
    """Not all of what was asked for could be done; `result` says what was done and what not."""

    def __init__(self, text: str, **result: Any):
        self.result = result
        super().__init__(text)

    def as_result(self) -> Dict[str, Any]:
        """Return {"error": text} and the result's keys."""
        return dict(self.result, error=str(self))


class NoAnswer(HipChatError):
    """HipChat could not be reached, or did not answer in time or in HipChat's way."""


class TooLarge(NoAnswer):
    """HipChat's answer is larger than what is read of one."""


class TimedOut(NoAnswer):
    """HipChat did not answer within the timeout."""


class ApiError(HipChatError):
    """HipChat refused a call.

    Attributes:
        status: HTTP status.
        words: HipChat's own message.
        field: the field of the request that it names, or None.
        remedy: what to do.
    """

    remedy = "See HipChat's message."

    def __init__(self, call: str, status: int, words: str, field: Optional[str] = None,
                 remedy: Optional[str] = None):
        self.status, self.words, self.field = status, words, field
        self.remedy = remedy or self.remedy
        where = f" (field {field!r})" if field else ""
        super().__init__(
            f"HipChat answered {status} to {call}{where}: {words.rstrip('.')}. {self.remedy}")

    def as_result(self) -> Dict[str, Any]:
        """Return {"error": text, "status": HTTP status, "field": text or None, "remedy": text}."""
        return {"error": str(self), "status": self.status, "field": self.field,
                "remedy": self.remedy}


class InvalidRequest(ApiError):
    """400: a field of the request is wrong."""

    remedy = "Correct the value of that field."


class InvalidToken(ApiError):
    """401: the token is unknown, expired or of the wrong kind."""

    remedy = TOKEN_REMEDY


class Forbidden(ApiError):
    """403: the token lacks a scope, or its owner a right in the room."""

    remedy = (
        "Make a token that has the scope named here (the pack needs send_notification, "
        "send_message, view_room, view_group and admin_room); for room administration its owner "
        "must also be an admin of the room.")


class NotFound(ApiError):
    """404: no such room, user, message or webhook, or hidden from the token's owner."""

    remedy = "Check the name or id, and that the token's owner can see it."


class Conflict(ApiError):
    """409: what was to be made is there already, or what was to be changed has changed."""

    remedy = (
        "HipChat has it already, or it was changed in between. Choose another name (an "
        "archived room keeps its own: see hipchat.list_rooms with include_archived), or look at "
        "what is there and try again.")


class RateLimited(ApiError):
    """429 (or 403, by its words): too many calls. reset_in: seconds until HipChat allows more."""

    def __init__(self, call: str, status: int, words: str, *, reset_in: float):
        self.reset_in = reset_in
        super().__init__(call, status, words, remedy=f"Try again in {reset_in:.0f} s: HipChat "
                         "allows a token only so many calls (and 30 messages a minute and room).")


class ServerTrouble(ApiError):
    """5xx: HipChat itself is in trouble."""

    remedy = "Try again later; if it goes on, look at the HipChat server's own log."


_BY_STATUS = {400: InvalidRequest, 401: InvalidToken, 403: Forbidden, 404: NotFound,
              409: Conflict}


def api_error(call: str, status: int, words: str, field: Optional[str] = None,
              remedy: Optional[str] = None) -> ApiError:
    """Return the error for a response of HipChat's with this status (429 is RateLimited's own)."""
    kind = _BY_STATUS.get(status, ServerTrouble if status >= 500 else ApiError)
    return kind(call, status, words, field, remedy)
