"""StackStorm's API for commands, and the endpoints that the sandbox does not support."""

from typing import Any, Callable, List, Tuple

from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Request

from sandbox.stackstorm.aliases import Aliases
from sandbox.stackstorm.errors import Invalid, Unsupported

Answer = Tuple[int, Any]

REQUIRED = {"name", "format", "command", "user", "source_channel"}
OPTIONAL = {"notification_route", "source_context"}


class AliasApi:
    """Endpoints.

    Args:
        aliases: all aliases.
        page: returns the part of a list that a request asks for.
    """

    def __init__(self, aliases: Aliases, page: Callable[..., List[Any]]):
        self._aliases, self._page = aliases, page

    def list(self, request: Request) -> Answer:
        """Return all aliases."""
        return 200, self._page(request, self._aliases, pack="pack", name="name")

    def get(self, request: Request, ref: str) -> Answer:
        """Return one alias, by ref or ID."""
        for alias in self._aliases:
            if ref in (alias["ref"], alias["id"]):
                return 200, alias
        raise NotFound(f"There is no action alias {ref!r}.")

    def match(self, request: Request) -> Answer:
        """Return the alias that a command matches."""
        return 200, self._aliases.match(str(request.get_json(force=True).get("command")))

    def run(self, request: Request) -> Answer:
        """Execute an alias."""
        body = request.get_json(force=True)
        missing, strange = REQUIRED.difference(body), set(body) - REQUIRED - OPTIONAL
        if missing or strange:
            raise Invalid(f"an alias execution needs {', '.join(sorted(REQUIRED))}; it cannot have "
                          f"{', '.join(sorted(strange)) or 'less'}")
        return 201, self._aliases.execute(**body)

    def user(self, request: Request) -> Answer:
        """Return the user that the request's key belongs to."""
        return 200, {"username": "sandbox", "rbac": {"enabled": False, "is_admin": True,
                                                     "roles": []}}

    def refuse(self, request: Request, ref: str = "") -> Answer:
        """Reject a call that the sandbox does not support."""
        raise Unsupported(f"the sandbox does not support {request.method} {request.path}")
