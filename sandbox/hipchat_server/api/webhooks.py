"""Webhooks of a room: create, list, get and delete."""

import re
from typing import Any, Dict
from urllib.parse import urlsplit

from flask import Blueprint, g, jsonify

from sandbox.hipchat_server import schemas
from sandbox.hipchat_server.context import group, serializer
from sandbox.hipchat_server.errors import ApiError, not_found
from sandbox.hipchat_server.authorization import created, done, needs
from sandbox.hipchat_server.models import Room, Webhook
from sandbox.hipchat_server.paging import page
from sandbox.hipchat_server.validation import json_body

blueprint = Blueprint("webhooks", __name__)


@blueprint.post("/room/<id_or_name>/webhook")
@needs("admin_room")
def create_webhook(id_or_name: str) -> Any:
    room = group.room(id_or_name)
    fields = json_body(schemas.WEBHOOK)
    check(fields)
    hook = make(room, fields)
    return created(serializer.webhook_ref(room, hook)["links"], id=hook.id)


@blueprint.get("/room/<id_or_name>/webhook")
@needs("admin_room")
def get_all_webhooks(id_or_name: str) -> Any:
    room = group.room(id_or_name)
    return jsonify(page(list(room.webhooks.values()),
                        lambda hook: serializer.webhook_ref(room, hook),
                        lambda hook: serializer.webhook(room, hook)))


@blueprint.get("/room/<id_or_name>/webhook/<int:webhook_id>")
@needs("admin_room")
def get_webhook(id_or_name: str, webhook_id: int) -> Any:
    room = group.room(id_or_name)
    return jsonify(serializer.webhook(room, find(room, webhook_id)))


@blueprint.delete("/room/<id_or_name>/webhook/<int:webhook_id>")
@needs("admin_room")
def delete_webhook(id_or_name: str, webhook_id: int) -> Any:
    room = group.room(id_or_name)
    del room.webhooks[find(room, webhook_id).id]
    return done()


def make(room: Room, fields: Dict[str, Any]) -> Webhook:
    """Create a webhook of the current token in a room."""
    given = {name: value for name, value in fields.items()
             if name in schemas.WEBHOOK["properties"] and value is not None}
    hook = Webhook(next(group.webhook_ids), token=g.token, **given)
    room.webhooks[hook.id] = hook
    return hook


def find(room: Room, webhook_id: int) -> Webhook:
    """Find a webhook of `room`, or raise HipChat's 404."""
    if webhook_id not in room.webhooks:
        raise not_found("Webhook", webhook_id)
    return room.webhooks[webhook_id]


def check(fields: Dict[str, Any]) -> None:
    """Check what a schema cannot: raise 400 for an unusable URL, pattern or authentication."""
    if not is_absolute(fields["url"]):
        raise ApiError(400, "Field url must be an absolute URL")
    try:
        re.compile(fields.get("pattern") or "")
    except re.error as error:
        raise ApiError(400, f"Field pattern must be a regular expression: {error}") from error
    if fields.get("authentication") == "jwt" and not g.token.client.is_integration:
        raise ApiError(400, "Only an integration can have its webhooks authenticated by jwt")


def is_absolute(url: str) -> bool:
    """Return whether HipChat accepts a URL; HipChat refuses a URL with user and password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
