"""Replies to commands, and their style."""
import re
from typing import Any, Dict, NamedTuple, Optional, Tuple

__all__ = ["Reply", "is_private", "split_message", "styled"]

SEPARATOR = "{~}"  # between text and code
COLORS = ("yellow", "green", "red", "purple", "gray", "random")
NO = ("", "false", "no", "none", "0")


class Reply(NamedTuple):
    """A reply: a text, code after it, and their style.

    Attributes:
        format: text or html.
        color: of a notification.
        private: whether only the requester gets it; the room gets a hint.
        prefer_private: like private, but if HipChat refuses the private message, the room gets it.
        reply: whether it is shown under the command.
        web_url: the URL of the whole result, if the reply must be truncated.
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


def styled(reply: Reply, extra: Any) -> Reply:
    """Return the reply with the style of an alias's `extra.hipchat`; invalid keys are ignored."""
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
    """Return whether an alias's `extra` asks for a private reply.

    A template that was not rendered counts as yes.
    """
    return _is_yes(_hipchat_options(extra).get("private"))


def _hipchat_options(extra: Any) -> Dict[str, Any]:
    options = extra.get("hipchat") if isinstance(extra, dict) else None
    return options if isinstance(options, dict) else {}


def _is_yes(value: Any) -> bool:
    """Return whether a value means yes; a rendered template is a text, such as "False"."""
    return value.strip().lower() not in NO if isinstance(value, str) else bool(value)


def split_message(message: str) -> Tuple[str, str]:
    """Return the text and the code of a message; without a separator, all is text."""
    text, separator, code = message.partition(SEPARATOR)
    return (text.strip(), re.sub(r"\A(?: *\n| )", "", code).rstrip()) if separator else (
        message.strip(), "")
