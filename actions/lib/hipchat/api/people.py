"""People, by their ids: who they are, how they are mentioned, and which one is the pack itself."""
import re
from typing import Any, Callable, Dict, Iterable, Optional

from hipchat.api.responses import part
from hipchat.api.client import Client
from hipchat.errors import HipChatError, NoAnswer, ParameterError

__all__ = ["People", "mention_name"]

MOST_NAMES = 3  # each is a call
_MENTION = re.compile(r"[\w.-]{1,50}")


class People:
    """The people of a HipChat."""

    def __init__(self, client: Client, as_user: Callable[[], Client]):
        """Call nothing yet.

        Args:
            as_user: returns the client for what only users may do, or raises ParameterError.
        """
        self._client, self._as_user = client, as_user

    def is_own(self, person: int) -> bool:
        """Whether the pack speaks as this person."""
        return self.owner() == person

    def owner(self) -> Optional[int]:
        """Return the id of the user as whom the pack speaks; None for an add-on alone.

        Raises:
            HipChatError: HipChat does not say who owns the token.
        """
        try:
            owner = self._as_user().token_info().get("owner")
        except ParameterError:  # an add-on alone never speaks as a person
            return None
        if not isinstance(owner, dict) or type(owner.get("id")) is not int:
            raise NoAnswer("HipChat does not say who owns the token of api_key. Make a new token "
                           "(HipChat: Account settings > API access) with an account of its own.")
        return owner["id"]

    def id_of(self, person: Any) -> int:
        """Return the ID of a person who is given by ID, email or @mention.

        GET /v2/user/{id_or_email}, with the scope view_group, unless it is an ID.

        Raises:
            ParameterError: it is none of these.
        """
        given = str(person).strip()
        if given.isascii() and given.isdigit():
            return int(given)
        if "@" not in given:
            raise ParameterError(
                f"{person!r} is no person. Give a person by id, email or @mention.")
        return part(self._client.ask("GET", "user", given), "id", "HipChat's answer on " + given)

    def mention(self, person: int) -> str:
        """The mention name without "@"; "" where HipChat does not tell it."""
        return mention_name(self._user(person).get("mention_name"))

    def names(self, people: Iterable[int]) -> str:
        """The names of the first three, by ids where HipChat does not tell them."""
        people = list(people)
        names = [str(self._user(person).get("name") or person) for person in people[:MOST_NAMES]]
        more = len(people) - len(names)
        return ", ".join(names) + (f" and {more} more" if more > 0 else "")

    def _user(self, person: int) -> Dict[str, Any]:
        try:
            return self._client.call("GET", "user", person) or {}
        except HipChatError:
            return {}


def mention_name(value: object) -> str:
    """What may follow "@": the value if it is a mention name, else ""."""
    return value if isinstance(value, str) and _MENTION.fullmatch(value) else ""
