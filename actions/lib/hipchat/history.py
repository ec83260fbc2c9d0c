"""What was said in a room, and what is said next."""
import time
from typing import Any, Dict, List, NamedTuple, Optional

from hipchat.client import PAGE, Client
from hipchat.errors import Incomplete, NoAnswer, ParameterError, RateLimited, ServerTrouble

__all__ = ["Wanted", "latest", "until", "wait_for"]

Message = Dict[str, Any]


class Wanted(NamedTuple):
    """Which messages are waited for.

    pattern: a regular expression (RE2) that is searched in the text; people: ids and @mention
    names of those whose messages count, everybody's if empty; notifications: whether they count.
    """

    pattern: str
    people: List[Any]
    notifications: bool

    def compiled(self) -> Any:
        """The pattern's filter; ParameterError if it is no regular expression."""
        from hipchat.filters import Filter  # here, since re2 is needed by no other action
        try:
            return Filter(self.pattern)
        except ValueError as error:
            raise ParameterError("The filter {!r} is no regular expression that RE2 knows: {}."
                                 .format(self.pattern, error)) from None

    def has(self, message: Message) -> bool:
        """Whether a message comes from one of the people, or is a notification that counts."""
        sender = message.get("from")
        if not isinstance(sender, dict):
            return self.notifications and not self.people
        names = {str(sender.get("id")), "@{}".format(sender.get("mention_name"))}
        return not self.people or not names.isdisjoint(map(str, self.people))


def latest(client: Client, room: str, limit: int, **params: Any) -> List[Message]:
    """The newest messages, oldest first: up to `limit`, at most 1,000."""
    if limit > PAGE:
        raise ParameterError("HipChat gives the latest {} messages only, not {}. For more, give "
                             "the date up to which you want them.".format(PAGE, limit))
    return client.page("room", room, "history", "latest",
                       **dict(params, **{"max-results": limit}))["items"]


def until(client: Client, room: str, limit: int, date: str, end_date: Optional[str],
          timezone: str) -> List[Message]:
    """The newest messages up to a date, oldest first: up to `limit`, none before end_date."""
    # HipChat answers 401 to both.
    either = {"end-date": end_date} if end_date else {"timezone": timezone}
    found = client.items(
        "room", room, "history", limit=limit, date=date, reverse="false", **either)
    return list(found)[::-1]


def wait_for(client: Client, room: str, wanted: Wanted, after: Optional[str], seconds: float,
             every: float) -> Dict[str, Any]:
    """Wait for the first message that is wanted: {"message": HipChat's, "matches": its groups}.

    after: the id of the message to begin after, by default the room's newest; every: seconds
    between two looks. Trouble of HipChat's is borne until the time is over; then Incomplete, with
    timed_out, or the trouble.
    """
    pattern, deadline = wanted.compiled(), time.monotonic() + seconds
    after = after or _newest(latest(client, room, 1))
    while True:
        trouble, now = None, time.monotonic()
        try:
            for message in _later(client, room, after):
                text = str(message.get("message") or "")
                matches = pattern.groups(text) if wanted.has(message) else None
                if matches is not None:
                    return {"message": message, "matches": matches}
                after = message.get("id") or after
        except (NoAnswer, RateLimited, ServerTrouble) as error:
            trouble = error
        if now >= deadline:
            raise trouble or Incomplete("No such message came within {:g} s.".format(seconds),
                                        timed_out=True)
        time.sleep(max(0.0, min(every, deadline - time.monotonic())))


def _newest(messages: List[Message]) -> Optional[str]:
    return messages[-1].get("id") if messages else None


def _later(client: Client, room: str, after: Optional[str]) -> List[Message]:
    if after is None:
        return latest(client, room, PAGE)
    found = latest(client, room, PAGE, **{"not-before": after})
    position = next((position for position, message in enumerate(found)
                     if message.get("id") == after), -1)
    return found[position + 1:]
