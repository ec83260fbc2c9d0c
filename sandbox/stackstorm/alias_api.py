"""The calls of StackStorm's API that commands need, and those that the sandbox refuses."""

from typing import Any, Callable, List, Tuple

from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Request

from sandbox.stackstorm.aliases import Aliases
from sandbox.stackstorm.errors import Invalid, Unsupported

Answer = Tuple[int, Any]

REQUIRED = {"name", "format", "command", "user", "source_channel"}
OPTIONAL = {"notification_route", "source_context"}


class AliasApi:
    """Endpoints; page is how the API shows a list."""

    def __init__(self, aliases: Aliases, page: Callable[..., List[Any]]):
        self._aliases, self._page = aliases, page

    def list(self, request: Request) -> Answer:
        """All aliases."""
        return 200, self._page(request, self._aliases, pack="pack", name="name")

    def get(self, request: Request, ref: str) -> Answer:
        """One alias, by ref or id."""
        for alias in self._aliases:
            if ref in (alias["ref"], alias["id"]):
                return 200, alias
        raise NotFound(f"There is no action alias {ref!r}.")

    def match(self, request: Request) -> Answer:
        """The alias whose format a command has."""
        return 200, self._aliases.match(str(request.get_json(force=True).get("command")))

    def run(self, request: Request) -> Answer:
        """Execute an alias."""
        body = request.get_json(force=True)
        missing, strange = REQUIRED.difference(body), set(body) - REQUIRED - OPTIONAL
        if missing or strange:
            raise Invalid("an alias execution needs {}; it cannot have {}".format(
                ", ".join(sorted(REQUIRED)), ", ".join(sorted(strange)) or "less"))
        return 201, self._aliases.execute(**body)

    def user(self, request: Request) -> Answer:
        """Who asks."""
        return 200, {"username": "sandbox", "rbac": {"enabled": False, "is_admin": True,
                                                     "roles": []}}

    def refuse(self, request: Request, ref: str = "") -> Answer:
        """Reject a call that the sandbox does not support."""
        raise Unsupported(f"the sandbox does not support {request.method} {request.path}")
