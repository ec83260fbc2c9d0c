"""The base class of the pack's Python actions: it makes the client and returns the result."""
from functools import cached_property
from typing import Any, Callable, Dict, Optional, Tuple

from st2common.runners.base_action import Action

from hipchat.api.client import Client
from hipchat.errors import HipChatError, ParameterError
from hipchat.text.template_guard import neutralize_templates
from hipchat.api.limits import check_length
from hipchat.text.room_reference import room_key
from hipchat.api.people import People
from hipchat.config.api_settings import ApiSettings
from hipchat.text.sanitize import sanitize

__all__ = ["HipChatAction", "Result"]

Result = Dict[str, Any]


class HipChatAction(Action):
    """An action that calls HipChat. Subclasses define do(); run() returns its result or error."""

    do: Callable[..., Result]
    """Runs the action with the parameters of its YAML file; raises HipChatError if it fails."""

    def run(self, **parameters: Any) -> Tuple[bool, Result]:
        """Return whether do() succeeded, and its result or error; StackStorm calls this."""
        try:
            return True, self._guarded(self.do(**parameters))
        except HipChatError as error:
            return False, self._guarded(error.as_result())

    @cached_property
    def settings(self) -> ApiSettings:
        """The settings for calls to HipChat, from the pack's config."""
        return ApiSettings.from_config(self.config)

    @cached_property
    def hipchat(self) -> Client:
        """The client of HipChat's API with the pack's token."""
        return Client(self.settings)

    @cached_property
    def hipchat_as_user(self) -> Client:
        """The client for calls that HipChat allows only to users, such as private messages.

        Raises ParameterError if the pack is an add-on, and the config has no api_key of a user.
        """
        settings = self.settings.of_user()
        return self.hipchat if settings is self.settings else Client(settings)

    @cached_property
    def people(self) -> People:
        """Looks up people in HipChat."""
        return People(self.hipchat, lambda: self.hipchat_as_user)

    def room_or_default(self, room: Any) -> str:
        """Return a room's name or ID as a string; for None, the config's default_room.

        Raises ParameterError if the room is invalid, or there is none.
        """
        chosen = self.settings.default_room if room is None else room
        if chosen is None:
            raise ParameterError("No room is given. Give the action a room, or set default_room in "
                                 "the pack's config.")
        return self.room_of(chosen)

    def room_of(self, room: Any) -> str:
        """Return a room's name or ID as a string; raises ParameterError if it is invalid."""
        try:
            return room_key(room)
        except ValueError as error:
            raise ParameterError(f"The room {room!r} {error}.") from None

    def room_or_user(self, room: Optional[str], user: Optional[str]) -> Tuple[str, str]:
        """Return the target of a share: ("user", user) if a user is given, else ("room", the room).

        Raises ParameterError if both are given, the given one is invalid, or there is no room.
        """
        if user and room:
            raise ParameterError("Give either a room or a user.")
        check_length("user", user, 1, 100)
        return ("user", user) if user else ("room", self.room_or_default(room))

    def _guarded(self, result: Result) -> Result:
        """Return a result that StackStorm can store, with its templates made harmless.

        The result may contain chat text, and a workflow that passes the result on would evaluate
        templates in it. With template_guard: false in the config, templates stay.
        """
        result = sanitize(result)
        if (self.config or {}).get("template_guard") is False:
            return result
        return neutralize_templates(result)
