"""Returns the body that HipChat would post for an event, by causing it in a HipChat group."""

from typing import Any, Dict, List, Optional

from sandbox.hipchat_server.deliveries import Delivery
from sandbox.hipchat_server.events import Events
from sandbox.hipchat_server.group import Group
from sandbox.hipchat_server.models import Webhook
from sandbox.hipchat_server.serializer import Serializer
from sandbox.stackstorm import REPOSITORY, plugins

plugins.add_to_path(REPOSITORY / "sensors")
from hipchat.events import read_body  # noqa: E402

URL = "http://127.0.0.1:8090/v2"
# Their accounts are created first, so that their IDs are the same in every run.
PEOPLE = ("Ann", "Bob", "Carol")


def sample_body(event: str, room_name: str, user_name: str, user_id: Optional[int] = None,
                text: str = "") -> Dict[str, Any]:
    """Return the webhook body for one event.

    Args:
        event: the trigger type's name, such as "message".
        room_name: the room it happens in.
        user_name: the person who does it.
        user_id: that person's ID in HipChat; the next free one if None.
        text: the message, the notification or the new topic.

    Raises:
        ApiError: HipChat refuses the text.
    """
    group = Group(URL)
    posted: List[Delivery] = []
    for name in PEOPLE:
        group.person(name)
    user, room = group.person(user_name), group.add_room(room_name)
    user.id = user_id or user.id
    group.add_personal_token("token")
    hook = Webhook(next(group.webhook_ids), "", "room_" + event, group.tokens["token"])
    room.webhooks[hook.id] = hook
    events = Events(group, Serializer(URL), deliver=posted.append)
    events.happen(event, room, user, {"message": text, "message_format": "text", "topic": text})
    return read_body(posted[0].body.encode())
