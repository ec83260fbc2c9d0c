"""hipchat.put_question: put a yes/no question to a room, for hipchat.ask."""
import os
from typing import Any, Callable, Optional

from base import HipChatAction, Result
from chatops.errors import StackStormError
from chatops.room_question import RoomQuestion, code_of, waiting_beside
from chatops.stackstorm import StackStorm
from hipchat.api.limits import LONGEST_MESSAGE, check_length
from hipchat.api.rooms import room_id_of
from hipchat.errors import NotFound

__all__ = ["PutQuestionAction"]


class PutQuestionAction(HipChatAction):
    """POST /v2/room/{id_or_name}/message, which needs the scope send_message."""

    def do(self, question: str, room: Optional[str] = None) -> Result:
        """Say it; returns the message's id, and the filter of an answer to this question alone."""
        room = self.room_or_default(room)
        asked = RoomQuestion(question, self._code(room))
        check_length("question", asked.message, 1, LONGEST_MESSAGE)
        said = self.hipchat_as_user.ask("POST", "room", room, "message",
                                        json={"message": asked.message})
        return {"id": said.get("id"), "room": room, "answer_filter": asked.answer_filter}

    def _code(self, room: str) -> str:
        execution_id = os.environ.get("ST2_ACTION_EXECUTION_ID", "")
        token = os.environ.get("ST2_ACTION_AUTH_TOKEN")
        stackstorm = StackStorm(os.environ.get("ST2_ACTION_API_URL", ""),
                                lambda: {"X-Auth-Token": token} if token else {})
        try:
            execution_id = stackstorm.execution(execution_id).get("parent") or execution_id
            others = waiting_beside(execution_id, stackstorm, self._is(room))
        except StackStormError:  # its user may not list executions: there may be other questions
            return code_of(execution_id, [])
        return code_of(execution_id, others) if others else ""

    def _is(self, room: str) -> Callable[[Any], bool]:
        """Return a function that tells whether a `room` parameter is this room."""
        def is_same(other: Any) -> bool:
            other = self.room_or_default(other)
            if other == room:
                return True
            try:
                return room_id_of(self.hipchat, other) == room_id_of(self.hipchat, room)
            except NotFound:  # the room was deleted in between
                return False

        return is_same
