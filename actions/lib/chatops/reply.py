"""A reply to a chat command: its text, the style that its alias gives it, and the ack."""
import re
from typing import Any, Dict, NamedTuple, Optional, Tuple

__all__ = ["Reply", "ack_of", "is_private", "split_message", "styled"]

SEPARATOR = "{~}"  # between text and code
COLORS = ("yellow", "green", "red", "purple", "gray", "random")
NO = ("", "false", "no", "none", "0")


class Reply(NamedTuple):
    """A reply to a command: a text, code after the text, and their style.

    Attributes:
        code: shown unchanged, in a fixed-width font.
        format: the format of `text`: text or html.
        notify: whether HipChat alerts the people who get the reply.
        private: whether only the requester gets the reply, and the room a hint.
        prefer_private: like private, but the room gets the reply if HipChat refuses that.
        reply: whether HipChat shows the reply under the command, as a reply to that message.
        web_url: the URL of the whole result in StackStorm, for a reply that must be truncated.
    """

    text: str
    code: str = ""
    color: str = "gray"
    format: str = "text"
    notify: bool = False
    card: Optional[Dict[str, Any]] = None
    private: bool = False
    prefer_private: bool = False
    reply: bool = False
    web_url: str = ""


def ack_of(started: Dict[str, Any]) -> Optional[Reply]:
    """Return the acknowledgement of a command; None if the alias disables it.

    `started` is the response of StackStorm.run_alias(), perhaps without message and extra.
    """
    ack = started["actionalias"].get("ack") or {}
    if ack.get("enabled") is False:
        return None
    execution = started["execution"]
    url = execution.get("web_url") or ""
    text, code = split_message(started.get("message") or f"Running {execution['action']['ref']}.")
    if ack.get("append_url") is not False and url:
        text += f" (details available at {url})"
    reply = Reply(text, code, web_url=url)
    extra = started.get("extra")
    # If StackStorm could not render `extra`, it is a string.
    return styled(reply, extra) if isinstance(extra, dict) else (
        reply._replace(private=is_private(ack.get("extra"))))


def styled(reply: Reply, extra: Any) -> Reply:
    """Return the reply with the valid style in `extra.hipchat` of an alias's rendered `extra`."""
    options = _hipchat_options(extra)
    style: Dict[str, Any] = {
        key: _is_yes(options.get(key)) for key in ("notify", "private", "reply")}
    if options.get("color") in COLORS + ("grey",):
        style["color"] = options["color"].replace("grey", "gray")
    if options.get("format") in ("text", "html"):
        style["format"] = options["format"]
    if isinstance(options.get("card"), dict):
        style["card"] = options["card"]
    return reply._replace(**style)


def is_private(extra: Any) -> bool:
    """Return whether an alias's `extra` asks for a private reply; an unrendered template does."""
    return _is_yes(_hipchat_options(extra).get("private"))


def _hipchat_options(extra: Any) -> Dict[str, Any]:
    options = extra.get("hipchat") if isinstance(extra, dict) else None
    return options if isinstance(options, dict) else {}


def _is_yes(value: Any) -> bool:
    """Return whether a value means yes. (A template renders a boolean to a string: "False".)"""
    return value.strip().lower() not in NO if isinstance(value, str) else bool(value)


def split_message(message: str) -> Tuple[str, str]:
    """Split an alias's message at its separator {~} into (text, code); without one, code is ""."""
    text, separator, code = message.partition(SEPARATOR)
    return (text.strip(), re.sub(r"\A(?: *\n| )", "", code).rstrip()) if separator else (
        message.strip(), "")
