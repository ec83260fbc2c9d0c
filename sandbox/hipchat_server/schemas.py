"""JSON schemas (draft 4) of the bodies of HipChat's API."""

from typing import Any, Dict

EVENTS = ("room_archived", "room_created", "room_deleted", "room_enter", "room_exit",
          "room_file_upload", "room_message", "room_notification", "room_topic_change",
          "room_unarchived")

COLORS = ("yellow", "green", "red", "purple", "gray", "random")


def text(minimum: int = 0, maximum: int = 0, **more: Any) -> Dict[str, Any]:
    """Return the schema of a string of `minimum` to `maximum` characters; 0 means no limit."""
    limits = {"maxLength": maximum} if maximum else {}
    return {"type": "string", "minLength": minimum, **limits, **more}


def optional(schema: Dict[str, Any]) -> Dict[str, Any]:
    """Return a schema that allows null, too."""
    return {**schema, "type": [schema["type"], "null"]}


def choice(*values: str) -> Dict[str, Any]:
    return {"type": "string", "enum": list(values)}


def body(*required: str, **fields: Dict[str, Any]) -> Dict[str, Any]:
    """Return the schema of an object with these fields, some of them required."""
    schema = {"type": "object", "properties": fields}
    # Draft 4 does not allow an empty list.
    return {**schema, "required": list(required)} if required else schema


BOOLEAN = {"type": "boolean"}
ICON = {"anyOf": [text(), body("url", url=text(1))]}
ABSOLUTE_URL = text(1, pattern=r"^[A-Za-z][A-Za-z0-9+.-]*:.")

CARD = body(
    "style", "title", "id",
    style=choice("file", "image", "application", "link", "media"),
    id=text(1), title=text(1, 500), url=ABSOLUTE_URL, format=choice("compact", "medium"),
    description={"anyOf": [text(), body(
        "value", "format", value=text(1, 1000), format=choice("html", "text"))]},
    thumbnail=body("url", url=text(1, 250), width={"type": "number"}, height={"type": "number"},
                   **{"url@2x": text(1, 250)}),
    icon=ICON,
    activity={**body("html", html=text(1), icon=ICON), "additionalProperties": False},
    attributes={"type": "array", "items": body(
        "value", label=text(1, 50), value=body(
            "label", label=text(), url=text(), icon=ICON,
            style=choice("lozenge", "lozenge-success", "lozenge-error", "lozenge-current",
                         "lozenge-complete", "lozenge-moved")))})
CARD["type"] = ["object", "null"]

NOTIFICATION = body(
    "message", message=text(1, 10000), message_format=choice("html", "text"),
    color=choice(*COLORS), notify=BOOLEAN, attach_to=text(0, 36), card=CARD,
    **{"from": text(0, 64)})
MESSAGE = body("message", message=text(1, 10000))
# The documentation says parentMessageId; hipchat-rb, HipChat's own client, says parent_message_id.
REPLY = body("message", parentMessageId=text(1), parent_message_id=text(1),
             message=text(1, 10000))
PRIVATE_MESSAGE = body(
    "message", message=text(1, 10000), message_format=choice("html", "text"), notify=BOOLEAN)
TOPIC = body("topic", topic=text(0, 250))
LINK = body("link", link=text(10, 1000), message=text(0, 1000))
FILE_METADATA = body(message=text(0, 1000))

PRIVACY = choice("public", "private")
NEW_ROOM = body(
    "name", name=text(1, 50), topic=text(0, 250), privacy=PRIVACY, guest_access=BOOLEAN,
    owner_user_id={"type": ["string", "integer", "null"]})
ROOM = body(
    "name", "topic", "privacy", "is_archived", "is_guest_accessible", "owner",
    name=text(1, 50), topic=text(0, 250), privacy=PRIVACY, is_archived=BOOLEAN,
    is_guest_accessible=BOOLEAN, owner=body("id", id={"type": ["string", "integer"]}))
INVITATION = body(reason=text(0, 250))

# Clients send null, or an empty text, for what HipChat is to choose.
NAMES = dict(name=text(1, 50), mention_name=optional(text(0, 50)), email=text(1),
             title=optional(text(0, 50)), password=optional(text()), timezone=optional(text()),
             is_group_admin=optional(BOOLEAN), roles={"type": "array", "items": text(1)})
NEW_USER = body("name", "email", **NAMES)
USER = body("name", "email", presence={"type": ["object", "null"]}, **NAMES)
PHOTO = body("photo", photo=text(1))

TOKEN_REQUEST = body("grant_type", grant_type=choice("client_credentials"), scope=text())

GLANCE = body(
    "name", key=text(1, 40), name=body("value", value=text(1)), queryUrl=text(),
    target={"type": ["string", "object"]}, icon=ICON)
GLANCE_UPDATE = body("glance", glance={"type": "array", "items": body(
    "key", "content", key=text(1), content={"type": "object"})})

WEBHOOK = body(
    "url", "event", url=text(1), event=choice(*EVENTS), authentication=choice("none", "jwt"),
    key=text(1, 40, pattern=r"^[a-zA-Z0-9_\-.]+$"),
    name={"type": ["string", "null"]}, pattern={"type": ["string", "null"]})
