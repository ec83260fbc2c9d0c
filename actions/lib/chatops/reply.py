"""A reply to a person in a room."""
import re
from typing import Any, Dict, NamedTuple, Optional, Tuple

__all__ = ["Reply", "is_private", "parted", "styled"]

MARK = "{~}"  # parts text from code
COLORS = ("yellow", "green", "red", "purple", "gray", "random")
NO = ("", "false", "no", "none", "0")


class Reply(NamedTuple):
    """A text, with code after it, and how it is shown.

    format is text or html; color is that of a notification; private: to the person alone, with a
    word to the room; aside: the same where HipChat lets the pack, else to the room; reply: under
    the command; web_url: where the rest stands of what is too long.
    """

    text: str
    code: str = ""
    color: str = "gray"
    format: str = "text"
    notify: bool = False
    card: Optional[Dict[str, Any]] = None
    private: bool = False
    aside: bool = False
    reply: bool = False
    web_url: str = ""


def styled(reply: Reply, extra: Any) -> Reply:
    """The reply as an alias's `extra` wants it: its `hipchat`, those of its keys that are well."""
    wanted = _of_hipchat(extra)
    style: Dict[str, Any] = {
        key: _is_yes(wanted.get(key)) for key in ("notify", "private", "reply")}
    if wanted.get("color") in COLORS + ("grey",):
        style["color"] = wanted["color"].replace("grey", "gray")
    if wanted.get("format") in ("text", "html"):
        style["format"] = wanted["format"]
    if isinstance(wanted.get("card"), dict):
        style["card"] = wanted["card"]
    return reply._replace(**style)


def is_private(extra: Any) -> bool:
    """Whether an alias's `extra` wants a private reply; so does what is a template, unrendered."""
    return _is_yes(_of_hipchat(extra).get("private"))


def _of_hipchat(extra: Any) -> Dict[str, Any]:
    wanted = extra.get("hipchat") if isinstance(extra, dict) else None
    return wanted if isinstance(wanted, dict) else {}


def _is_yes(value: Any) -> bool:
    """What a template gives is a text: of those, the ones that say no."""
    return value.strip().lower() not in NO if isinstance(value, str) else bool(value)


def parted(message: str) -> Tuple[str, str]:
    """Text and code; all is text unless the alias parts them."""
    text, mark, code = message.partition(MARK)
    return (text.strip(), re.sub(r"\A(?: *\n| )", "", code).rstrip()) if mark else (
        message.strip(), "")
