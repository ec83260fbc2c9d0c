"""A HipChat group: stores and finds its people, rooms, tokens and add-ons."""

import itertools
import re
import secrets
import threading
import time
import uuid
from typing import Dict, Iterable, List, Optional

from sandbox.hipchat_server.errors import ApiError, not_found
from sandbox.hipchat_server.models import (
    SCOPES, Client, Installation, Message, Room, Token, User, Webhook)

OWNER = "Sandbox Owner"


class Group:
    """The server's state. Hold `lock` while you use it, and do not block while you hold it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.id = 1
        self.name = "Sandbox"
        self.lock = threading.RLock()
        self.users: Dict[int, User] = {}
        self.rooms: Dict[int, Room] = {}
        self.tokens: Dict[str, Token] = {}
        self.clients: Dict[str, Client] = {}
        self.installations: Dict[str, Installation] = {}
        # Each kind has its own range of IDs, so that an ID of the wrong kind is never found.
        self._room_ids = itertools.count(1001)
        self._user_ids = itertools.count(2001)
        self.webhook_ids = itertools.count(3001)
        self.owner = self.person(OWNER)

    def room(self, id_or_name: str) -> Room:
        """Find a room, or raise HipChat's 404."""
        for room in self.rooms.values():
            if id_or_name in (str(room.id), room.name):
                return room
        raise not_found("Room", id_or_name)

    def user(self, id_or_email: str) -> User:
        """Find a user by ID, email or @mention, or raise HipChat's 404."""
        for user in self.users.values():
            if id_or_email in (str(user.id), user.email, "@" + user.mention_name):
                return user
        raise not_found("User", id_or_email)

    def person(self, name: str) -> User:
        """Find a user by name, or create one."""
        for user in self.users.values():
            if user.name == name:
                return user
        return self.add_user(name)

    def add_user(self, name: str) -> User:
        """Create a user."""
        words = re.findall(r"\w+", name) or ["Somebody"]
        mention_name = self._unused("".join(words), (u.mention_name for u in self.users.values()))
        email = f"{mention_name.lower()}@example.com"
        user = User(next(self._user_ids), name, mention_name, email)
        self.users[user.id] = user
        return user

    def remove_user(self, user: User) -> None:
        """Remove a user from the group and from all rooms."""
        del self.users[user.id]
        for room in self.rooms.values():
            room.members.pop(user.id, None)
            room.participants.pop(user.id, None)

    def message(self, message_id: str) -> Message:
        """Find a message in any room, or raise HipChat's 404."""
        for room in self.rooms.values():
            for message in room.history:
                if message.id == message_id:
                    return message
        raise not_found("Message", message_id)

    def mentioned(self, text: str, room: Room) -> List[User]:
        """Return the users that a text mentions; @all and @here mention all people in the room."""
        names = set(re.findall(r"@(\w+)", text))
        everyone = room.participants if names & {"all", "here"} else {}
        return [user for user in self.users.values()
                if user.mention_name in names or user.id in everyone]

    def add_room(self, name: str, owner: Optional[User] = None) -> Room:
        """Create a room; raise HipChat's 409 if its name is taken."""
        if any(room.name == name for room in self.rooms.values()):
            raise ApiError(409, "Another room exists with that name.")
        room = Room(next(self._room_ids), name, owner or self.owner)
        room.members[room.owner.id] = room.owner
        self.rooms[room.id] = room
        return room

    def add_personal_token(self, value: str, *scopes: str) -> None:
        """Add a token of the group's owner, with all scopes unless some are named."""
        client = Client(str(uuid.uuid4()), self.owner.name)
        self.tokens[value] = Token(value, scopes or SCOPES, client, self.owner)

    def add_room_token(self, value: str, room: Room) -> None:
        """Add a room notification token, which can only notify that room."""
        client = Client(str(uuid.uuid4()), room.name)
        self.tokens[value] = Token(value, ("send_notification",), client, self.owner, room=room)

    def install(self, installation: Installation) -> None:
        """Let an add-on get tokens and receive events."""
        self.clients[installation.client.id] = installation.client
        self.installations[installation.client.id] = installation

    def uninstall(self, installation: Installation) -> None:
        """Remove an add-on with its tokens, webhooks and glances."""
        client = installation.client
        self.clients.pop(client.id, None)
        self.installations.pop(client.id, None)
        self.tokens = {value: token for value, token in self.tokens.items()
                       if token.client is not client}
        for room in self.rooms.values():
            room.glances.pop(client.id, None)
            room.webhooks = {webhook_id: hook for webhook_id, hook in room.webhooks.items()
                             if hook.token.client is not client}

    def webhooks(self, room: Room) -> List[Webhook]:
        """Return all webhooks for a room's events: the room's own, and the add-ons' webhooks."""
        declared = [hook for each in self.installations.values() if each.room in (None, room)
                    for hook in each.webhooks]
        return [*room.webhooks.values(), *declared]

    def add_integration(self, client_id: str, secret: str, life: int) -> None:
        """Install an integration, whose tokens are valid for `life` seconds."""
        self.clients[client_id] = Client(client_id, "Integration", secret, life)

    def issue_token(self, client: Client, scopes: Iterable[str]) -> Token:
        """Create a token for an integration."""
        token = Token(secrets.token_hex(20), tuple(scopes), client,
                      expires=time.time() + client.token_life)
        self.tokens[token.value] = token
        return token

    def token(self, value: str) -> Token:
        """Find a token that is known and has not expired, or raise HipChat's 401."""
        token = self.tokens.get(value)
        if token is None or (token.expires is not None and token.expires < time.time()):
            raise ApiError(401, "Invalid OAuth session")
        return token

    @staticmethod
    def _unused(name: str, taken: Iterable[str]) -> str:
        taken = set(taken)
        numbered = itertools.chain([name], (f"{name}{n}" for n in itertools.count(2)))
        return next(candidate for candidate in numbered if candidate not in taken)
