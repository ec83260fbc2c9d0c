"""Reads parts of a HipChat response, and raises NoAnswer if a part is missing or malformed.

Each `title` names the response in the error, such as "HipChat's answer to GET /v2/room".
"""
from typing import Any, Dict, List

from hipchat.errors import NoAnswer

__all__ = ["items_of", "object_of", "part"]

_REMEDY = "Is api_url really HipChat's API v2?"


def object_of(response: Any, title: str) -> Dict[str, Any]:
    """Return a decoded response; raises NoAnswer if it is no JSON object."""
    if not isinstance(response, dict):
        raise NoAnswer(f"{title} is no object. {_REMEDY}")
    return response


def items_of(page: Any, title: str) -> List[Dict[str, Any]]:
    """Return the `items` of a page; raises NoAnswer unless they are a list of objects."""
    items = page.get("items") if isinstance(page, dict) else None
    if not isinstance(items, list):
        raise NoAnswer(f"{title} has no list of items. {_REMEDY}")
    for position, item in enumerate(items):
        object_of(item, f"items[{position}] of {title}")
    return items


def part(response: Any, key: str, title: str) -> Any:
    """Return the value at a dotted key, such as "owner.id"; raises NoAnswer if missing or null."""
    value = response
    for segment in key.split("."):
        value = value.get(segment) if isinstance(value, dict) else None
        if value is None:
            raise NoAnswer(f"{title} has no {key}. {_REMEDY}")
    return value
