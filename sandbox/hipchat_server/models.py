"""The records of a HipChat group: clients, tokens, users, rooms, messages and webhooks."""

import datetime
import re
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple, Union

SCOPES = ("admin_group", "admin_room", "import_data", "manage_rooms", "send_message",
          "send_notification", "view_group", "view_messages", "view_room")


def now() -> datetime.datetime:
    """Return the current time in UTC."""
    return datetime.datetime.now(datetime.timezone.utc)


@dataclass
class Client:
    """An OAuth client: an integration, or the client of a personal token.

    Attributes:
        key: an add-on's key, from its descriptor.
        scopes: the scopes for which it may request a token.
        room: the only room in which it is installed; None for the whole group.
    """

    id: str
    name: str
    secret: str = field(default="", repr=False)
    token_life: int = 3600
    key: str = ""
    scopes: Tuple[str, ...] = SCOPES
    room: Optional["Room"] = None

    @property
    def is_integration(self) -> bool:
        return bool(self.secret)


@dataclass
class User:
    """A person of the group; `inbox` contains the private messages to this person."""

    id: int
    name: str
    mention_name: str
    email: str
    is_online: bool = False
    title: str = ""
    timezone: str = "UTC"
    is_group_admin: bool = False
    photo_url: Optional[str] = None
    created: datetime.datetime = field(default_factory=now)
    inbox: List["Message"] = field(default_factory=list, repr=False)


@dataclass
class Token:
    """An access token: a personal token if it has an owner, else an integration's token.

    A token with a `room` is a room notification token.
    """

    value: str = field(repr=False)
    scopes: Tuple[str, ...]
    client: Client
    owner: Optional[User] = None
    expires: Optional[float] = None
    room: Optional["Room"] = None

    @property
    def kind(self) -> str:
        """The kind of token, in the words of HipChat's documentation."""
        if self.owner:
            return "user"
        return "room client" if self.client.room else "group client"

    @property
    def only_room(self) -> Optional["Room"]:
        """The only room that it may be used for; None for all rooms."""
        return self.room or self.client.room

    @property
    def actor(self) -> Union[User, Client]:
        return self.owner or self.client

    @property
    def seconds_left(self) -> Optional[int]:
        return None if self.expires is None else int(self.expires - time.time())


@dataclass
class Message:
    """An item of a room's history.

    Attributes:
        type: message, notification or topic.
        by: the integration that posted a notification.
    """

    sender: Union[User, Client, str]
    text: str
    type: str = "message"
    color: Optional[str] = None
    format: str = "text"
    mentions: List[User] = field(default_factory=list)
    card: Optional[Dict[str, Any]] = None
    file: Optional[Dict[str, Any]] = None
    attach_to: Optional[str] = None
    by: Optional[Client] = None
    is_deleted: bool = False
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    date: datetime.datetime = field(default_factory=now)


@dataclass
class Webhook:
    """A URL to which one event of one room is posted.

    A webhook that an add-on's descriptor declares (`is_declared`) is for all rooms in which the
    add-on is installed.
    """

    id: int
    url: str
    event: str
    token: Token
    pattern: str = ""
    name: str = ""
    key: str = ""
    authentication: str = "none"
    is_declared: bool = False
    created: datetime.datetime = field(default_factory=now)

    def wants(self, event: str, text: Optional[str]) -> bool:
        """Return whether to deliver an event; the pattern applies only to events with a text."""
        if event != self.event:
            return False
        return text is None or re.search(self.pattern, text) is not None


@dataclass
class Room:
    """A room: its history, the people in it, its webhooks, and add-ons' glances.

    Attributes:
        glances: by the ID of an add-on's OAuth client, the add-on's glances by key.
    """

    id: int
    name: str
    owner: User
    topic: str = ""
    privacy: str = "public"
    is_archived: bool = False
    is_guest_accessible: bool = False
    created: datetime.datetime = field(default_factory=now)
    history: List[Message] = field(default_factory=list, repr=False)
    members: Dict[int, User] = field(default_factory=dict, repr=False)
    participants: Dict[int, User] = field(default_factory=dict, repr=False)
    webhooks: Dict[int, Webhook] = field(default_factory=dict, repr=False)
    glances: Dict[str, Dict[str, Any]] = field(default_factory=dict, repr=False)


@dataclass
class Installation:
    """An installed add-on; `url` is the URL of its descriptor."""

    url: str
    descriptor: Dict[str, Any]
    client: Client
    webhooks: List[Webhook]

    @property
    def room(self) -> Optional[Room]:
        """The only room in which it is installed; None for the whole group."""
        return self.client.room
