"""Links and files that are shared with a room or a person."""

import email
import email.message
import email.policy
import json
from typing import Any, Dict, Mapping, Optional, Tuple

from flask import Blueprint, g, request

from sandbox.hipchat_server import schemas
from sandbox.hipchat_server.context import events, group
from sandbox.hipchat_server.errors import ApiError
from sandbox.hipchat_server.authorization import USERS, count_message, done, needs
from sandbox.hipchat_server.models import Message, Room, User
from sandbox.hipchat_server.validation import json_body, validate

blueprint = Blueprint("shares", __name__)

# The documentation says POST; ac-node-hipchat, Atlassian's own client, says PUT.
LINK_METHODS = ("POST", "PUT")


@blueprint.route("/room/<id_or_name>/share/link", methods=LINK_METHODS)
@needs("send_message", by=USERS)
def share_link_with_room(id_or_name: str) -> Any:
    return post_in_room(group.room(id_or_name), shared_link())


@blueprint.route("/user/<id_or_email>/share/link", methods=LINK_METHODS)
@needs("send_message", by=USERS)
def share_link_with_user(id_or_email: str) -> Any:
    return send_to_user(group.user(id_or_email), shared_link())


@blueprint.post("/room/<id_or_name>/share/file")
@needs("send_message", by=USERS)
def share_file_with_room(id_or_name: str) -> Any:
    room = group.room(id_or_name)
    file, text = shared_file()
    return post_in_room(room, text, file)


@blueprint.post("/user/<id_or_email>/share/file")
@needs("send_message", by=USERS)
def share_file_with_user(id_or_email: str) -> Any:
    user = group.user(id_or_email)
    file, text = shared_file()
    return send_to_user(user, text, file)


def post_in_room(room: Room, text: str, file: Optional[Dict[str, Any]] = None) -> Any:
    """Post a shared link or file in a room."""
    count_message(room.id)
    if file:
        events.file_upload(room, g.token.actor, file, text)
    else:
        events.message(room, g.token.actor, text)
    return done()


def send_to_user(user: User, text: str, file: Optional[Dict[str, Any]] = None) -> Any:
    """Send a shared link or file to a person."""
    count_message(user.id)
    user.inbox.append(Message(g.token.actor, text, file=file))
    return done()


def shared_link() -> str:
    """Return the message that shows a shared link."""
    fields = json_body(schemas.LINK)
    return " ".join(filter(None, (fields.get("message"), fields["link"])))


def shared_file() -> Tuple[Dict[str, Any], str]:
    """Return the file of a multipart/related body, in HipChat's form, and the message."""
    if request.mimetype != "multipart/related":
        raise ApiError(400, "Content-Type must be multipart/related")
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n"
    whole = email.message_from_bytes(head.encode() + request.get_data(),
                                     policy=email.policy.HTTP)
    parts = {str(part.get_param("name", header="content-disposition")): part
             for part in whole.walk()}
    if "file" not in parts:
        raise ApiError(400, "Required field 'file' is missing", field="file")
    return described(parts["file"]), _text(parts)


def described(part: email.message.Message) -> Dict[str, Any]:
    """Return the name, size and URL of an uploaded file."""
    name = part.get_filename() or "file"
    return {"name": name, "size": len(_content(part)),
            "url": f"https://files.example.com/{name}"}


def _text(parts: Mapping[str, email.message.Message]) -> str:
    if "metadata" not in parts:
        return ""
    try:
        metadata = json.loads(_content(parts["metadata"]))
    except ValueError as error:
        raise ApiError(400, "The part 'metadata' is not JSON", field="metadata") from error
    return validate(metadata, schemas.FILE_METADATA).get("message", "")


def _content(part: email.message.Message) -> bytes:
    """Return the decoded bytes of a part; empty if the part is a multipart itself."""
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""
