"""Parts of HipChat's responses: one that is missing is an error that names it."""
from typing import Any, Dict, List

from hipchat.errors import NoAnswer

__all__ = ["items_of", "object_of", "part"]


def object_of(found: Any, where: str) -> Dict[str, Any]:
    """Return a response that must be an object. where: what it is, for the error (NoAnswer)."""
    if not isinstance(found, dict):
        raise NoAnswer(f"{where} is no object. {_REMEDY}")
    return found


def items_of(page: Any, where: str) -> List[Dict[str, Any]]:
    """Return the objects in `items` of a response; NoAnswer where there is no list of them."""
    items = page.get("items") if isinstance(page, dict) else None
    if not isinstance(items, list):
        raise NoAnswer(f"{where} holds no list of items. {_REMEDY}")
    for position, item in enumerate(items):
        object_of(item, f"items[{position}] of {where}")
    return items


def part(found: Any, name: str, where: str) -> Any:
    """Return what a response holds under a dotted name; NoAnswer, which names it, without it."""
    value = found
    for key in name.split("."):
        value = value.get(key) if isinstance(value, dict) else None
        if value is None:
            raise NoAnswer(f"{where} has no {name}. {_REMEDY}")
    return value


_REMEDY = "Is api_url really HipChat's API v2?"
