"""Posts the yes/no question of the action hipchat.ask in a room.

Calls POST /v2/room/{id_or_name}/message, which needs the scope send_message.
"""
import os
from functools import partial
from typing import Any, Optional

from base import HipChatAction, Result
from chatops.errors import StackStormError
from chatops.room_question import RoomQuestion, code_of, waiting_beside
from chatops.stackstorm import StackStorm
from hipchat.api.limits import LONGEST_MESSAGE, check_length
from hipchat.api.rooms import room_id_of
from hipchat.errors import NotFound


class PutQuestionAction(HipChatAction):
    def do(self, question: str, room: Optional[str] = None) -> Result:
        """Post the question; return {"id", "room", "answer_filter": an RE2 pattern of answers}."""
        room = self.room_or_default(room)
        room_question = RoomQuestion(question, self._code(room))
        check_length("question", room_question.message, 1, LONGEST_MESSAGE)
        posted = self.hipchat_as_user.ask("POST", "room", room, "message",
                                          json={"message": room_question.message})
        return {"id": posted.get("id"), "room": room, "answer_filter": room_question.answer_filter}

    def _code(self, room: str) -> str:
        """Return the code that answers must contain; "" if no other question waits in the room."""
        execution_id = os.environ.get("ST2_ACTION_EXECUTION_ID", "")
        token = os.environ.get("ST2_ACTION_AUTH_TOKEN")
        stackstorm = StackStorm(os.environ.get("ST2_ACTION_API_URL", ""),
                                lambda: {"X-Auth-Token": token} if token else {})
        try:
            execution_id = stackstorm.execution(execution_id).get("parent") or execution_id
            others = waiting_beside(execution_id, stackstorm, partial(self._is_same, room))
        except StackStormError:  # for example no permission to list executions: assume others
            return code_of(execution_id, [])
        return code_of(execution_id, others) if others else ""

    def _is_same(self, room: str, other: Any) -> bool:
        """Return whether another question's `room` means this room."""
        other = self.room_or_default(other)
        try:
            return other == room or (
                room_id_of(self.hipchat, other) == room_id_of(self.hipchat, room))
        except NotFound:  # the room was deleted
            return False
