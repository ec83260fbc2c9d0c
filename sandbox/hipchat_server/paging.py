"""Pages of lists, with HipChat's links to the previous and the next page."""

from typing import Any, Callable, Dict, List, Sequence
from urllib.parse import urlencode

from flask import request
from werkzeug.urls import iri_to_uri

from sandbox.hipchat_server.errors import ApiError

Shape = Callable[[Any], Dict[str, Any]]


def number(name: str, default: int, maximum: int) -> int:
    """Return a number from the query, or raise HipChat's 400."""
    value = request.args.get(name, str(default))
    if not value.isdigit() or int(value) > maximum:
        raise ApiError(400, f"Value u'{value}' for field '{name}' is not an integer from 0 to "
                            f"{maximum}", field=name, value=value)
    return int(value)


def page(things: Sequence[Any], short: Shape, full: Shape) -> Dict[str, Any]:
    """Return the page of a list that the query asks for.

    Args:
        things: the whole list.
        short: returns an item's reference.
        full: returns the whole item, for expand=items.
    """
    start, size = number("start-index", 0, 10**9), number("max-results", 100, 1000)
    shape = full if "items" in request.args.get("expand", "").split(",") else short
    links = {"self": own_url()}
    if start > 0:
        links["prev"] = _link(max(0, start - size), size)
    if size and start + size < len(things):
        links["next"] = _link(start + size, size)
    return {"items": shaped(things[start:start + size], shape), "startIndex": start,
            "maxResults": size, "links": links}


def shaped(things: Sequence[Any], shape: Shape) -> List[Dict[str, Any]]:
    return [shape(thing) for thing in things]


def own_url() -> str:
    """Return the URL of the current request without its query."""
    return iri_to_uri(request.base_url)


def _link(start: int, size: int) -> str:
    # The query can hold a token, which must not appear in a link.
    query = {name: value for name, value in request.args.items() if name != "auth_token"}
    query.update({"start-index": str(start), "max-results": str(size)})
    return f"{own_url()}?{urlencode(query)}"
