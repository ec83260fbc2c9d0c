"""The base of the pack's actions."""
from typing import Any, Dict, Optional, Tuple

from st2common.runners.base_action import Action

from hipchat.client import Client
from hipchat.errors import HipChatError, ParameterError
from hipchat.settings import ApiSettings

__all__ = ["HipChatAction"]


class HipChatAction(Action):
    """An action that calls HipChat: subclasses define do(), errors become the result.

    self.settings is the pack's config and self.hipchat the client made of it.
    """

    def run(self, **parameters: Any) -> Tuple[bool, Dict[str, Any]]:
        """(True, what do() returned), or (False, {"error": what was wrong and what to do, ...})."""
        try:
            self.settings = ApiSettings.from_config(self.config)
            self.hipchat = Client(self.settings)
            return True, self.do(**parameters)
        except HipChatError as error:
            return False, error.as_result()

    def do(self, **parameters: Any) -> Dict[str, Any]:
        """What the action does; raises HipChatError."""
        raise NotImplementedError

    def room_or_default(self, room: Optional[str]) -> str:
        """The room of a parameter, or else the config's default_room."""
        chosen = room or self.settings.default_room
        if not chosen:
            raise ParameterError("No room is given. Give the action a room, or set default_room in "
                                 "the pack's config.")
        return chosen


def check_length(name: str, text: Optional[str], least: int, most: int) -> None:
    """Raise ParameterError unless the text has from `least` to `most` characters, or is None."""
    if text is not None and not least <= len(text) <= most:
        raise ParameterError("{} has {} characters; HipChat takes {} to {}.".format(
            name, len(text), least, most))
