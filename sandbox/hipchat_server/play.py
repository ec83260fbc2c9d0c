"""For playing people: say and do things in rooms, and look at what came of it."""

import re
from typing import Any, Dict

from flask import Blueprint, jsonify, request

from sandbox.hipchat_server import schemas
from sandbox.hipchat_server.context import calls, events, faults, group
from sandbox.hipchat_server.errors import ApiError
from sandbox.hipchat_server.faults import Fault
from sandbox.hipchat_server.guard import done
from sandbox.hipchat_server.models import Message, Room, User
from sandbox.hipchat_server.shapes import label
from sandbox.hipchat_server.validation import json_body, validate

blueprint = Blueprint("play", __name__)

SAY = schemas.body("room", "user", "message", room=schemas.text(1), user=schemas.text(1),
                   message=schemas.text(1))
ACT = schemas.body("room", "user", "event", room=schemas.text(1), user=schemas.text(1),
                   event=schemas.text(1))


@blueprint.post("/say")
def say() -> Any:
    fields = json_body(SAY)
    with group.lock:
        room, user = group.room(fields["room"]), group.person(fields["user"])
        user.is_online = True
        room.participants.setdefault(user.id, user)
        message = events.message(room, user, fields["message"])
    return jsonify({"id": message.id}), 201


@blueprint.post("/act")
def act() -> Any:
    fields = json_body(ACT)
    event = fields["event"]
    if event.startswith("room_"):
        event = event[len("room_"):]
    if "room_" + event not in schemas.EVENTS or event == "message":
        raise ApiError(400, "No such event: %s. Speak with /sandbox/say." % fields["event"])
    with group.lock:
        user = group.person(fields["user"])
        happen(event, room_for(event, fields["room"], user), user, fields)
    return jsonify({"event": "room_" + event}), 201


def room_for(event: str, name: str, user: User) -> Room:
    """Find the room; one that is said to be created is made."""
    if event == "created" and all(room.name != name for room in group.rooms.values()):
        return group.add_room(name, user)
    return group.room(name)


def happen(event: str, room: Room, user: User, fields: Dict[str, Any]) -> None:
    """Let `user` do something; `fields` hold what the event needs."""
    if event == "notification":
        events.notification(room, user, validate(fields, schemas.NOTIFICATION))
    elif event == "topic_change":
        events.topic_change(room, user, validate(fields, schemas.TOPIC)["topic"])
    elif event == "file_upload":
        name = fields.get("name", "notes.txt")
        file = {"name": name, "size": fields.get("size", 1024),
                "url": fields.get("url", "https://files.example.com/%s" % name)}
        events.file_upload(room, user, file)
    else:
        getattr(events, event)(room, user)


@blueprint.get("/transcript")
def get_transcript() -> Any:
    with group.lock:
        if "user" in request.args:
            messages = group.person(request.args["user"]).inbox
        else:
            messages = group.room(request.args.get("room", "")).history
        return jsonify([line(message) for message in messages])


def line(message: Message) -> Dict[str, Any]:
    """Return a message as a person reads it."""
    return {"who": label(message.sender), "what": message.text, "color": message.color,
            "format": message.format, "when": message.date.isoformat(), "id": message.id,
            "type": message.type, "card": message.card, "file": message.file,
            "attach_to": message.attach_to}


@blueprint.get("/deliveries")
def get_deliveries() -> Any:
    return jsonify(events.deliveries.report())


@blueprint.delete("/deliveries")
def forget_deliveries() -> Any:
    events.deliveries.forget()
    return done()


@blueprint.get("/requests")
def get_requests() -> Any:
    return jsonify(calls.report())


@blueprint.delete("/requests")
def forget_requests() -> Any:
    calls.forget()
    return done()


@blueprint.post("/faults")
def add_faults() -> Any:
    asked = request.get_json()
    try:
        faults.add(*(Fault(**fault) for fault in (asked if isinstance(asked, list) else [asked])))
    except (TypeError, ValueError, re.error) as error:
        raise ApiError(400, str(error)) from error
    return done()


@blueprint.delete("/faults")
def heal() -> Any:
    faults.heal()
    return done()
