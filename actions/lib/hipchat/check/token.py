"""Checks the token of the pack: its kind, its expiry and its scopes."""
from typing import Any, Dict, List, Tuple

from hipchat import timing
from hipchat.api.client import Client
from hipchat.check.finding import Finding, Findings
from hipchat.config.addon import SCOPES
from hipchat.config.api_settings import ApiSettings
from hipchat.errors import Forbidden, NotFound

__all__ = ["ROOM_TOKEN", "expiry_warning", "token_findings", "token_kind"]

# The scopes without which most of the pack fails.
NEEDED = ("send_notification", "send_message", "view_room", "view_group", "admin_room")
# Optional scopes, and what fails without them.
EXTRA = {"manage_rooms": "the actions create_room and delete_room fail",
         "view_messages": "the actions get_history, get_message, wait_for_message and ask fail, "
                          "and messages posted while the sensor was down are not backfilled"}
# Test calls that need a scope, for a token whose scopes HipChat does not return. With the parameter
# auth_test, HipChat only checks the token.
TRIALS = (("send_notification", "POST", ("notification",)), ("send_message", "POST", ("message",)),
          ("view_room", "GET", ()), ("admin_room", "GET", ("webhook",)))
ROOM_TOKEN = Finding(False, "token: it is a room notification token, which can only notify one "
                     "room. Set api_key to a personal access token.")


def token_findings(client: Client, settings: ApiSettings, rooms: List[str]) -> Findings:
    """Check the token, and yield the findings.

    If HipChat does not return the token's scopes, test calls to the first of the rooms (names or
    IDs) find the scopes out.

    Raises:
        HipChatError: HipChat does not answer, or does not know the token.
    """
    try:
        info = client.token_info()
    except (Forbidden, NotFound):
        yield from _trials(client, settings, rooms)
        return
    kind = token_kind(info)
    if kind == "room notification":
        yield ROOM_TOKEN
        return
    warning = expiry_warning(info, settings)
    if settings.integration is None and kind == "integration":
        yield Finding(False, "token: it is an integration's, which soon ends. Set oauth.id and "
                      "oauth.secret instead of api_key; then the pack renews it.")
    elif warning:
        yield Finding(False, "token: " + warning)
    yield from _scopes(info["scopes"], settings)


def token_kind(info: Dict[str, Any]) -> str:
    """Return "personal", "integration" or "room notification" for a client's token_info()."""
    client = info.get("client")
    if isinstance(client, dict) and client.get("room"):
        return "room notification"
    owner = info.get("owner")
    is_user = info.get("owner_type") == "user" or (
        isinstance(owner, dict) and "mention_name" in owner)
    return "personal" if is_user else "integration"


def expiry_warning(info: Dict[str, Any], settings: ApiSettings) -> str:
    """Return a warning if a personal token expires within timing.TOKEN_ENDS_SOON, else ""."""
    seconds = info.get("expires_in")
    if settings.integration or type(seconds) is not int or seconds >= timing.TOKEN_ENDS_SOON:
        return ""
    return f"it ends in {seconds // 86400} days. Make another and set api_key to it."


def _scopes(scopes: List[str], settings: ApiSettings) -> Findings:
    needed = _needed(settings)
    missing = [scope for scope in needed if scope not in scopes]
    without = [f"without {scope} {loss}" for scope, loss in EXTRA.items() if scope not in scopes]
    if not missing:
        yield Finding(True, "; ".join(["token: it has the scopes that the pack needs"] + without))
        return
    remedy = ("Update the add-on in HipChat." if settings.addon.integration else
              f"Make a token that has all of these scopes: {', '.join((*needed, *EXTRA))}.")
    yield Finding(False, f"token: it lacks {' and '.join(missing)}. {remedy}")


def _trials(client: Client, settings: ApiSettings, rooms: List[str]) -> Findings:
    if not rooms:
        yield Finding(True, "token: HipChat does not return its scopes, and no room is configured "
                      "for test calls")
        return
    lacking: List[str] = []
    needed = _needed(settings)
    for scope, method, path in [trial for trial in TRIALS if trial[0] in needed]:
        try:
            client.call(method, "room", rooms[0], *path, params={"auth_test": "true"})
        except Forbidden:
            lacking.append(scope)
        except NotFound:
            pass  # another check reports the room
    yield from _scopes([scope for scope in (*needed, *EXTRA) if scope not in lacking], settings)


def _needed(settings: ApiSettings) -> Tuple[str, ...]:
    """Return the scopes that the pack needs; HipChat gives send_message only to users."""
    return tuple(scope for scope in NEEDED if scope in SCOPES or settings.integration is None)
