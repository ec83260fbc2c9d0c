"""Looks up people in HipChat: their IDs, their names, and the owner of the pack's token."""
import re
from typing import Any, Callable, Iterable, Optional

from hipchat.api.client import Client, part
from hipchat.errors import HipChatError, NoAnswer, ParameterError

__all__ = ["People", "mention_name"]

MOST_NAMES = 3  # in one list; each name costs a call
_MENTION = re.compile(r"[\w.-]{1,50}")


class People:
    """Looks up people of one HipChat server.

    Args:
        client: calls HipChat with the pack's token.
        as_user: returns a client with a user's token; raises ParameterError if there is none.
    """

    def __init__(self, client: Client, as_user: Callable[[], Client]):
        self._client, self._as_user = client, as_user

    def owner_id(self) -> Optional[int]:
        """Return the ID of the user in whose name the pack posts: the owner of its token, or None.

        Raises:
            NoAnswer: HipChat does not say who owns the token.
        """
        try:
            owner = self._as_user().token_info().get("owner")
        except ParameterError:  # an add-on without api_key never posts as a user
            return None
        if not isinstance(owner, dict) or type(owner.get("id")) is not int:
            raise NoAnswer("HipChat does not say who owns the token of api_key. Make a new token "
                           "(HipChat: Account settings > API access) with an account of its own.")
        return owner["id"]

    def id_of(self, person: Any) -> int:
        """Return the ID of a person, given by ID, email or @mention; else raise ParameterError.

        Calls GET /v2/user/{id_or_email}, with the scope view_group, unless given an ID.
        """
        given = str(person).strip()
        if given.isascii() and given.isdigit():
            return int(given)
        if "@" not in given:
            raise ParameterError(
                f"{person!r} is no person. Give a person by id, email or @mention.")
        return part(self._client.ask("GET", "user", given), "id", "HipChat's answer on " + given)

    def names(self, people_ids: Iterable[int]) -> str:
        """Return the names of up to three people as one string, such as "Ann, Bo, Cy and 2 more".

        A person whose name HipChat does not return is listed by ID.
        """
        ids = list(people_ids)
        names = [self._name(person_id) for person_id in ids[:MOST_NAMES]]
        more = len(ids) - len(names)
        return ", ".join(names) + (f" and {more} more" if more > 0 else "")

    def _name(self, person_id: int) -> str:
        try:
            user = self._client.call("GET", "user", person_id) or {}
        except HipChatError:
            user = {}
        return str(user.get("name") or person_id)


def mention_name(value: object) -> str:
    """Return the value if it is a valid mention name (without "@"), else ""."""
    return value if isinstance(value, str) and _MENTION.fullmatch(value) else ""
