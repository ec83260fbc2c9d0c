"""The yes/no questions that the action hipchat.ask posts in a room.

If another question is waiting in the room, the new question gets a code, which its answer must
contain. So each answer belongs to one question.
"""
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, List, NamedTuple

from chatops.stackstorm import ENDED, StackStorm

__all__ = ["ASK", "RoomQuestion", "code_of", "waiting_beside"]

ASK = "hipchat.ask"
LONGEST_WAIT = timedelta(days=1, minutes=10)
SHORTEST_CODE = 3
# Allowed around yes and no: "Yes!" is an answer; "yes?" and "yes, but only tomorrow" are not.
_SIGNS = "[^\\pL\\pN?\uff1f]*"


class RoomQuestion(NamedTuple):
    """A yes/no question; its code is from code_of(), or "" if no other waits in the room."""

    text: str
    code: str

    @property
    def message(self) -> str:
        """Return the message to post: the question, and how to answer it."""
        return f"{self.text} (answer yes {self.code} or no {self.code})" if self.code else (
            f"{self.text} (yes or no)")

    @property
    def answer_filter(self) -> str:
        """Return the regular expression (RE2) that matches an answer; its group is yes or no."""
        code = rf"[^\pL\pN?]+{self.code}" if self.code else ""
        return rf"(?i)^{_SIGNS}(yes|no){code}{_SIGNS}$"


def waiting_beside(execution_id: str, stackstorm: StackStorm,
                   is_same_room: Callable[[Any], bool]) -> List[str]:
    """Return the IDs of the other executions of hipchat.ask that wait in the same room.

    Args:
        execution_id: the ID of the execution of hipchat.ask that asks the new question.
        is_same_room: returns whether another hipchat.ask's parameter `room` means the same room.
    """
    since = (datetime.now(timezone.utc) - LONGEST_WAIT).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return [execution["id"] for execution in stackstorm.executions_since(ASK, since)
            if execution["id"] != execution_id and execution["status"] not in ENDED and
            is_same_room((execution.get("parameters") or {}).get("room"))]


def code_of(execution_id: str, other_ids: List[str]) -> str:
    """Return a question's code: the shortest end of its execution's ID that no other ID has."""
    return next(execution_id[-length:] for length in range(SHORTEST_CODE, len(execution_id) + 1)
                if not any(other.endswith(execution_id[-length:]) for other in other_ids))
