"""Yes/no questions that hipchat.ask puts to a room: one answer answers one of them.

Where another question waits in the room for an answer, a question has a code, and its answer names
the code. The question that was there first is answered by the word alone.
"""
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, Iterable, List, NamedTuple

from chatops.stackstorm import StackStorm

__all__ = ["ASK", "RoomQuestion", "code_of", "waiting_beside"]

ASK = "hipchat.ask"
LONGEST_WAIT = timedelta(days=1, minutes=10)
ENDED = ("succeeded", "failed", "timeout", "abandoned", "canceled")
SHORTEST_CODE = 3
# A word alone, with signs around it: "Yes!", and neither "yes?" nor "yes, but only tomorrow".
_SIGNS = "[^\\pL\\pN?\uff1f]*"


class RoomQuestion(NamedTuple):
    """A question; code is "" where no other question waits in the room."""

    text: str
    code: str

    @property
    def message(self) -> str:
        """The question with how it is answered."""
        return f"{self.text} (answer yes {self.code} or no {self.code})" if self.code else (
            f"{self.text} (yes or no)")

    @property
    def answer_filter(self) -> str:
        """The regular expression (RE2) of an answer, whose one group is yes or no."""
        code = rf"[^\pL\pN?]+{self.code}" if self.code else ""
        return rf"(?i)^{_SIGNS}(yes|no){code}{_SIGNS}$"


def waiting_beside(execution_id: str, stackstorm: StackStorm,
                   is_same_room: Callable[[Any], bool]) -> List[str]:
    """Find the other questions that wait in a room.

    Args:
        execution_id: Of the hipchat.ask that asks now.
        stackstorm: An account that may list executions.
        is_same_room: Tells whether the `room` parameter of a hipchat.ask is the room in question.

    Returns:
        The ids of the other executions of hipchat.ask there that have not ended.
    """
    since = (datetime.now(timezone.utc) - LONGEST_WAIT).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return [each["id"] for each in stackstorm.states_since(ASK, since)
            if each["id"] != execution_id and each["status"] not in ENDED and
            is_same_room((each.get("parameters") or {}).get("room"))]


def code_of(execution_id: str, others: Iterable[str]) -> str:
    """Return a code for a question: the shortest end of its execution's id that no other has."""
    ids = list(others)
    return next(execution_id[-length:] for length in range(SHORTEST_CODE, len(execution_id) + 1)
                if not any(other.endswith(execution_id[-length:]) for other in ids))
