"""Webhooks that an add-on creates in a room under its own keys."""

from typing import Any, Dict, Optional

from flask import Blueprint, g, jsonify

from sandbox.hipchat_server import schemas
from sandbox.hipchat_server.api.webhooks import check, make
from sandbox.hipchat_server.context import group, serializer
from sandbox.hipchat_server.errors import ApiError, not_found
from sandbox.hipchat_server.authorization import CLIENTS, created, done, needs
from sandbox.hipchat_server.models import Room, Webhook
from sandbox.hipchat_server.validation import json_body

blueprint = Blueprint("extension_webhooks", __name__)

WEBHOOKS_MAX = 10  # in a room, of all add-ons


@blueprint.put("/room/<id_or_name>/extension/webhook/<key>")
@needs("admin_room", by=CLIENTS)
def put_webhook(id_or_name: str, key: str) -> Any:
    room = group.room(id_or_name)
    fields: Dict[str, Any] = {**json_body(schemas.WEBHOOK), "key": key}
    check(fields)
    old = own(room, key)
    if old:
        del room.webhooks[old.id]
    elif sum(not hook.token.owner for hook in room.webhooks.values()) >= WEBHOOKS_MAX:
        raise ApiError(400, f"You can only create {WEBHOOKS_MAX} webhooks in a room")
    hook = make(room, fields)
    return created(serializer.webhook_ref(room, hook)["links"], id=hook.id)


@blueprint.get("/room/<id_or_name>/extension/webhook/<key>")
@needs("admin_room", by=CLIENTS)
def get_webhook(id_or_name: str, key: str) -> Any:
    room = group.room(id_or_name)
    return jsonify(serializer.webhook(room, found(room, key)))


@blueprint.delete("/room/<id_or_name>/extension/webhook/<key>")
@needs("admin_room", by=CLIENTS)
def delete_webhook(id_or_name: str, key: str) -> Any:
    room = group.room(id_or_name)
    del room.webhooks[found(room, key).id]
    return done()


def own(room: Room, key: str) -> Optional[Webhook]:
    """Return the add-on's webhook with this key in a room, or None."""
    return next((hook for hook in room.webhooks.values()
                 if hook.key == key and hook.token.client is g.token.client), None)


def found(room: Room, key: str) -> Webhook:
    """Return the add-on's webhook with this key, or raise HipChat's 404."""
    hook = own(room, key)
    if hook is None:
        raise not_found("Webhook", key)
    return hook
