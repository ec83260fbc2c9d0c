"""Checks a card (the box in a notification) against HipChat's schema, as far as that is known."""
from typing import Any, Callable, Dict, Optional, Tuple

from hipchat.errors import ParameterError
from hipchat.api.limits import check_length

__all__ = ["check_card"]

STYLES = ("file", "image", "application", "link", "media")
FORMATS = ("compact", "medium")
LOZENGES = ("lozenge", "lozenge-success", "lozenge-error", "lozenge-current", "lozenge-complete",
            "lozenge-moved")

# Takes the path in the card and the value there; raises ParameterError if the value is wrong.
Check = Callable[[str, Any], None]


def check_card(card: Any) -> None:
    """Raise ParameterError, with the path of the wrong value, unless HipChat accepts the card.

    The rules come from the schema that HipChat's own errors contain, from the types in HipChat's
    clients, and from a schema that another client copied from HipChat's documentation.
    """
    _CARD("card", card)


def _wrong(place: str, value: Any, remedy: str) -> None:
    raise ParameterError(f"{place} is {value!r}; it must be {remedy}.")


def _text(least: int = 1, most: Optional[int] = None) -> Check:
    def check(place: str, value: Any) -> None:
        if not isinstance(value, str) or (most is None and len(value) < least):
            _wrong(place, value, "a text that is not empty" if least else "a text")
        if most is not None:
            check_length(place, value, least, most)
    return check


def _one_of(*values: str) -> Check:
    def check(place: str, value: Any) -> None:
        if value not in values:
            _wrong(place, value, "one of " + ", ".join(values))
    return check


def _number(place: str, value: Any) -> None:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        _wrong(place, value, "a number")


def _text_or(check_object: Check, check_text: Check) -> Check:
    """Return a check that applies check_object to an object, and check_text to any other value."""
    def check(place: str, value: Any) -> None:
        (check_object if isinstance(value, dict) else check_text)(place, value)
    return check


def _list_of(check_item: Check) -> Check:
    def check(place: str, value: Any) -> None:
        if not isinstance(value, list):
            _wrong(place, value, "a list")
        for position, item in enumerate(value):
            check_item(f"{place}[{position}]", item)
    return check


def _object(required: Tuple[str, ...], keys: Dict[str, Check], closed: bool = False) -> Check:
    """Return a check for objects with all `required` keys; if closed, with no unknown keys."""
    def check(place: str, value: Any) -> None:
        if not isinstance(value, dict):
            _wrong(place, value, "an object")
        missing = [key for key in required if key not in value]
        unknown = sorted(set(value) - set(keys)) if closed else []
        if missing or unknown:
            raise ParameterError(f"{place} {'lacks' if missing else 'must not have'} "
                                 f"{', '.join(missing or unknown)}.")
        for key in value:
            if key in keys:
                keys[key](f"{place}.{key}", value[key])
    return check


_ICON = _text_or(_object(("url",), {"url": _text(), "url@2x": _text()}), _text(0))
_DESCRIPTION = _text(1, 1000)
_PICTURE = _text(1, 250)
_VALUE = _object(("label",), {"label": _text(0), "url": _text(), "icon": _ICON,
                              "style": _one_of(*LOZENGES)})
_CARD = _object(("style", "id", "title"), {
    "style": _one_of(*STYLES),
    "id": _text(),
    "title": _text(1, 500),
    "url": _text(),
    "format": _one_of(*FORMATS),
    "description": _text_or(_object(("value", "format"), {
        "value": _DESCRIPTION, "format": _one_of("html", "text")}), _DESCRIPTION),
    "thumbnail": _object(("url",), {
        "url": _PICTURE, "url@2x": _PICTURE, "width": _number, "height": _number}),
    "icon": _ICON,
    "activity": _object(("html",), {"html": _text(), "icon": _ICON}, closed=True),
    "attributes": _list_of(_object(("value",), {"label": _text(1, 50), "value": _VALUE})),
})
