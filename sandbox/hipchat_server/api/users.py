"""People: list, create, get, update and delete them, their photos and the rooms they join."""

import secrets
from typing import Any, Dict, Optional

from flask import Blueprint, jsonify

from sandbox.hipchat_server import schemas
from sandbox.hipchat_server.context import group, serializer
from sandbox.hipchat_server.errors import ApiError
from sandbox.hipchat_server.authorization import GROUP_WIDE, created, done, needs
from sandbox.hipchat_server.models import User
from sandbox.hipchat_server.paging import page
from sandbox.hipchat_server.timezones import timezone
from sandbox.hipchat_server.validation import json_body

blueprint = Blueprint("users", __name__)

CHANGEABLE = ("name", "mention_name", "email", "title", "timezone", "is_group_admin")


@blueprint.get("/user")
@needs("view_group", by=GROUP_WIDE)
def get_all_users() -> Any:
    return jsonify(page(list(group.users.values()), serializer.user_ref, serializer.user))


@blueprint.post("/user")
@needs("admin_group", by=GROUP_WIDE)
def create_user() -> Any:
    fields = json_body(schemas.NEW_USER)
    check(fields)
    user = group.add_user(fields["name"])
    change(user, fields)
    entity = serializer.user_ref(user)
    return created(entity["links"], id=user.id, entity=entity,
                   password=fields.get("password") or secrets.token_hex(8))


@blueprint.get("/user/<id_or_email>")
@needs("view_group", by=GROUP_WIDE)
def view_user(id_or_email: str) -> Any:
    return jsonify(serializer.user(group.user(id_or_email)))


@blueprint.put("/user/<id_or_email>")
@needs("admin_group", by=GROUP_WIDE)
def update_user(id_or_email: str) -> Any:
    user = group.user(id_or_email)
    fields = json_body(schemas.USER)
    check(fields, user)
    change(user, fields)
    return done()


@blueprint.delete("/user/<id_or_email>")
@needs("admin_group", by=GROUP_WIDE)
def delete_user(id_or_email: str) -> Any:
    group.remove_user(group.user(id_or_email))
    return done()


@blueprint.put("/user/<id_or_email>/photo")
@needs("admin_group", by=GROUP_WIDE)
def update_photo(id_or_email: str) -> Any:
    user = group.user(id_or_email)
    json_body(schemas.PHOTO)
    user.photo_url = f"https://files.example.com/photos/{user.id}.png"
    return done()


@blueprint.delete("/user/<id_or_email>/photo")
@needs("admin_group", by=GROUP_WIDE)
def delete_photo(id_or_email: str) -> Any:
    group.user(id_or_email).photo_url = None
    return done()


@blueprint.get("/user/<id_or_email>/preference/auto-join")
@needs("view_group", by=GROUP_WIDE)
def get_auto_join_rooms(id_or_email: str) -> Any:
    user = group.user(id_or_email)
    joined = [room for room in group.rooms.values() if user.id in room.participants]
    return jsonify(page(joined, serializer.room_ref, serializer.room))


def check(fields: Dict[str, Any], user: Optional[User] = None) -> None:
    """Check what a schema cannot: raise 400 for an unknown time zone, 409 for a taken name."""
    timezone(fields.get("timezone") or "UTC")
    for other in group.users.values():
        for name in ("email", "mention_name"):
            if other is not user and getattr(other, name) == (fields.get(name) or None):
                raise ApiError(409, f"Another user exists with that {name.replace('_', ' ')}.")


def change(user: User, fields: Dict[str, Any]) -> None:
    """Set the given fields. Null changes nothing, and only the title may be an empty text."""
    for name in CHANGEABLE:
        value = fields.get(name)
        if value is not None and (value != "" or name == "title"):
            setattr(user, name, value)
