"""Serializes records to HipChat's JSON: short references, and whole objects."""

import datetime
import json
from typing import Any, Dict, List, Optional, Union
from urllib.parse import quote, unquote

from sandbox.hipchat_server.models import Client, Message, Room, Token, User, Webhook

Json = Dict[str, Any]


def respelled(url: str) -> str:
    """Return another spelling of a URL: with capitals in the host, and a slash at the end."""
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    return f"{scheme}://{host.upper()}/{unquote(path)}/"


# The spellings in which webhooks can be listed, as a HipChat might change their URLs.
SPELLINGS = {"as made": lambda url: url, "respelled": respelled, "none": lambda url: None}


class Serializer:
    """Serializes the records of one server.

    Attributes:
        url: the beginning of all links.
        spelling: the key of SPELLINGS for the URLs of listed webhooks.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.spelling = "as made"

    def user_ref(self, user: User) -> Json:
        return {"id": user.id, "name": user.name, "mention_name": user.mention_name,
                "version": version(user), "links": {"self": f"{self.url}/user/{user.id}"}}

    def user(self, user: User) -> Json:
        presence = {"is_online": True, "show": "chat", "status": ""} if user.is_online else None
        return {**self.user_ref(user), "email": user.email, "presence": presence,
                "created": user.created.isoformat(), "title": user.title,
                "timezone": user.timezone, "roles": ["user"], "is_deleted": False,
                "is_group_admin": user.is_group_admin, "is_guest": False,
                "photo_url": user.photo_url, "last_active": None,
                "xmpp_jid": f"1_{user.id}@chat.example.com"}

    def client(self, client: Client, scopes: Optional[List[str]] = None) -> Json:
        return {"id": client.id, "name": client.name, "room": None,
                "allowed_scopes": scopes or [],
                "links": {"self": f"{self.url}/oauth/client/{quote(client.id)}"}}

    def actor(self, actor: Union[User, Client, str]) -> Union[Json, str]:
        """Return who caused an event: a user, an integration, or a label only."""
        if isinstance(actor, str):
            return actor
        return self.user_ref(actor) if isinstance(actor, User) else self.client(actor)

    def token(self, token: Token) -> Json:
        owner, client = self.actor(token.actor), self.client(token.client, list(token.scopes))
        if token.room:
            client["room"] = self.room_ref(token.room)
        return {"access_token": token.value, "scopes": list(token.scopes),
                "expires_in": token.seconds_left, "owner": owner,
                "owner_type": "user" if token.owner else "client",
                "client": client}

    def room_ref(self, room: Room) -> Json:
        own = f"{self.url}/room/{room.id}"
        links = {"self": own, "webhooks": own + "/webhook", "participants": own + "/participant"}
        if room.privacy == "private":
            links["members"] = own + "/member"
        return {"id": room.id, "name": room.name, "privacy": room.privacy,
                "is_archived": room.is_archived, "version": version(room), "links": links}

    def room(self, room: Room) -> Json:
        statistics = {"links": {"self": f"{self.url}/room/{room.id}/statistics"}}
        return {**self.room_ref(room), "topic": room.topic, "owner": self.user_ref(room.owner),
                "created": room.created.isoformat(), "statistics": statistics,
                "is_guest_accessible": room.is_guest_accessible, "guest_access_url": None,
                "participants": [self.user_ref(user) for user in room.participants.values()],
                "xmpp_jid": f"1_{room.id}@conf.example.com", "avatar_url": None,
                "last_active": last_active(room)}

    def statistics(self, room: Room) -> Json:
        return {"links": {"self": f"{self.url}/room/{room.id}/statistics"},
                "messages_sent": len(room.history), "last_active": last_active(room)}

    def message(self, message: Message) -> Json:
        sender = message.sender
        shape: Json = {
            "id": message.id, "date": message.date.isoformat(timespec="microseconds"),
            "from": self.user_ref(sender) if isinstance(sender, User) else label(sender),
            "mentions": [self.user_ref(user) for user in message.mentions],
            "message": message.text, "type": message.type}
        if message.type == "notification":
            shape.update(color=message.color, message_format=message.format)
        for optional in ("card", "file", "attach_to"):
            if getattr(message, optional) is not None:
                shape[optional] = getattr(message, optional)
        return shape

    def past_message(self, message: Message, zone: datetime.tzinfo) -> Json:
        """Return a message as an item of the history, whose form differs from a webhook's."""
        shape = self.message(message)
        shape["date"] = message.date.astimezone(zone).isoformat(timespec="microseconds")
        if message.is_deleted:
            shape["message"] = None
            return {name: shape[name] for name in
                    ("id", "date", "from", "mentions", "message", "type")}
        if message.card is not None:
            shape["card"] = json.dumps(message.card)
        if message.by:
            shape["notification_sender"] = {
                "type": "addon", "id": message.by.key, "client_id": message.by.id}
        return shape

    def webhook_ref(self, room: Room, hook: Webhook) -> Json:
        own = f"{self.url}/room/{room.id}/webhook/{hook.id}"
        return {"id": hook.id, "links": {"self": own}, "key": hook.key, "name": hook.name,
                "event": hook.event, "pattern": hook.pattern,
                "url": SPELLINGS[self.spelling](hook.url),
                "authentication": hook.authentication}

    def webhook(self, room: Room, hook: Webhook) -> Json:
        return {**self.webhook_ref(room, hook), "room": self.room_ref(room),
                "creator": self.actor(hook.token.actor), "created": hook.created.isoformat()}


def label(sender: Union[User, Client, str]) -> str:
    """Return a sender's name, which is the `from` of a notification."""
    return sender if isinstance(sender, str) else sender.name


def last_active(room: Room) -> Optional[str]:
    return room.history[-1].date.isoformat() if room.history else None


def version(thing: Union[User, Room]) -> str:
    return f"{thing.id:08X}"
