"""The ten events: each changes its room, and is then posted to the webhooks of the event."""

import json
from typing import Any, Callable, Dict, Optional, Union

from sandbox.hipchat_server.deliveries import Deliveries, Delivery
from sandbox.hipchat_server.errors import ApiError
from sandbox.hipchat_server.group import Group
from sandbox.hipchat_server.models import Client, Message, Room, User, Webhook
from sandbox.hipchat_server.schemas import NOTIFICATION, TOPIC
from sandbox.hipchat_server.serializer import Serializer, label
from sandbox.hipchat_server.validation import validate

Actor = Union[User, Client]


class Events:
    """Causes events in rooms, with one method for each event. Callers hold the group's lock.

    Args:
        deliver: called with each delivery, in place of posting it.
    """

    def __init__(self, group: Group, serializer: Serializer,
                 deliver: Optional[Callable[[Delivery], None]] = None) -> None:
        self._group = group
        self._serializer = serializer
        self.deliveries = Deliveries(responded=self._post_response)
        self._deliver = deliver or self.deliveries.add
        self.event_count = 0

    def happen(self, event: str, room: Room, user: User, fields: Dict[str, Any]) -> None:
        """Cause an event as a person; `fields` contain its text, topic or file."""
        if event == "message":
            self.message(room, user, fields["message"])
        elif event == "notification":
            self.notification(room, user, validate(fields, NOTIFICATION))
        elif event == "topic_change":
            self.topic_change(room, user, validate(fields, TOPIC)["topic"])
        elif event == "file_upload":
            name = fields.get("name", "notes.txt")
            file = {"name": name, "size": fields.get("size", 1024),
                    "url": fields.get("url", f"https://files.example.com/{name}")}
            self.file_upload(room, user, file)
        else:
            getattr(self, event)(room, user)

    def message(self, room: Room, who: Actor, text: str, **more: Any) -> Message:
        """Add a person's message to the room."""
        message = Message(who, text, mentions=self._group.mentioned(text, room), **more)
        room.history.append(message)
        self._notify_webhooks(room, "room_message", who, text,
                              message=self._serializer.message(message))
        return message

    def notification(self, room: Room, who: Union[Actor, str],
                     fields: Dict[str, Any]) -> Message:
        """Add a notification to the room; `fields` are those of HipChat's send_notification."""
        attach_to = fields.get("attach_to")
        if all(message.id != attach_to for message in room.history):
            attach_to = None  # HipChat then shows the notification on its own
        message = Message(
            fields.get("from") or label(who), fields["message"], type="notification",
            color=fields.get("color", "yellow"), format=fields.get("message_format", "html"),
            card=fields.get("card"), attach_to=attach_to,
            by=who if isinstance(who, Client) else None)
        room.history.append(message)
        self._notify_webhooks(room, "room_notification", who, message.text,
                              message=self._serializer.message(message))
        return message

    def enter(self, room: Room, who: User) -> None:
        who.is_online = True
        room.participants[who.id] = who
        self._notify_webhooks(room, "room_enter", who, sender=self._serializer.actor(who))

    def exit(self, room: Room, who: User) -> None:
        room.participants.pop(who.id, None)
        self._notify_webhooks(room, "room_exit", who, sender=self._serializer.actor(who))

    def topic_change(self, room: Room, who: Actor, topic: str) -> None:
        room.topic = topic
        room.history.append(Message(who, topic, type="topic"))
        self._notify_webhooks(room, "room_topic_change", who, topic=topic,
                              sender=self._serializer.actor(who))

    def file_upload(self, room: Room, who: Actor, file: Dict[str, Any], text: str = "") -> None:
        room.history.append(Message(who, text, file=file))
        self._notify_webhooks(room, "room_file_upload", who, file=file,
                              sender=self._serializer.actor(who))

    def archived(self, room: Room, who: Actor) -> None:
        room.is_archived = True
        self._notify_webhooks(room, "room_archived", who, sender=self._serializer.actor(who))

    def unarchived(self, room: Room, who: Actor) -> None:
        room.is_archived = False
        self._notify_webhooks(room, "room_unarchived", who, sender=self._serializer.actor(who))

    def created(self, room: Room, who: Actor) -> None:
        self._notify_webhooks(room, "room_created", who, sender=self._serializer.actor(who))

    def deleted(self, room: Room, who: Actor) -> None:
        del self._group.rooms[room.id]
        self._notify_webhooks(room, "room_deleted", who, sender=self._serializer.actor(who))

    def _notify_webhooks(self, room: Room, event: str, who: Union[Actor, str],
                         text: Optional[str] = None, **item: Any) -> None:
        item["room"] = self._serializer.room_ref(room)
        user_id = who.id if isinstance(who, User) else None
        self.event_count += 1
        for hook in self._group.webhooks(room):
            if hook.wants(event, text):
                body = {"event": event, "item": item, "webhook_id": hook.id,
                        "oauth_client_id": hook.token.client.id}
                self._deliver(Delivery(self.event_count, room, hook,
                                       json.dumps(body, sort_keys=True), user_id))

    def _post_response(self, room: Room, hook: Webhook, fields: Dict[str, Any]) -> None:
        # A receiver may respond with a notification, which HipChat posts to the room.
        try:
            validate(fields, NOTIFICATION)
        except ApiError:
            return
        with self._group.lock:
            self.notification(room, hook.token.actor, fields)
