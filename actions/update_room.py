"""hipchat.update_room: change a room's name, topic, privacy, guest access or owner."""
from base import HipChatAction
from hipchat.api.rooms import change_room, check_room

__all__ = ["UpdateRoomAction"]


class UpdateRoomAction(HipChatAction):
    """GET and PUT /v2/room/{id_or_name}, which need the scopes view_room and admin_room."""

    def do(self, room, name=None, topic=None, privacy=None, guest_access=None, owner=None):
        """Change what is given; returns the room's fields after it, as HipChat names them."""
        check_room(name, topic)
        return change_room(self.hipchat, self.room_of(room), name=name, topic=topic,
                           privacy=privacy, is_guest_accessible=guest_access,
                           owner={"id": owner} if owner else None)
