"""The control API: acts as people in rooms, and shows the results."""

import re
from typing import Any, Dict, Iterable, List

from flask import Blueprint, jsonify, request

from sandbox.hipchat_server import addons_control, schemas
from sandbox.hipchat_server.authorization import done
from sandbox.hipchat_server.context import events, faults, group, request_log, serializer, trace
from sandbox.hipchat_server.errors import ApiError
from sandbox.hipchat_server.faults import Fault
from sandbox.hipchat_server.models import Message, Room, User
from sandbox.hipchat_server.serializer import SPELLINGS, label
from sandbox.hipchat_server.validation import json_body

blueprint = Blueprint("control", __name__)

RECENT = 200

SAY = schemas.body("room", "user", "message", room=schemas.text(1), user=schemas.text(1),
                   message=schemas.text(1))
STACKSTORM = schemas.body("url", url=schemas.text(1))
SPELLING = schemas.body("spelling", spelling={"enum": list(SPELLINGS)})
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
        trace.begin("message", room, user, message.text)
    return jsonify({"id": message.id}), 201


@blueprint.post("/act")
def act() -> Any:
    fields = json_body(ACT)
    event = fields["event"]
    if event.startswith("room_"):
        event = event[len("room_"):]
    if "room_" + event not in schemas.EVENTS or event == "message":
        raise ApiError(400, f"No such event: {fields['event']}. Post messages with /sandbox/say.")
    with group.lock:
        user = group.person(fields["user"])
        room = room_for(event, fields["room"], user)
        events.happen(event, room, user, fields)
        trace.begin(event, room, user, fields.get("message") or fields.get("topic") or "")
    return jsonify({"event": "room_" + event}), 201


def room_for(event: str, name: str, user: User) -> Room:
    """Return the room of an event; the event `created` creates it."""
    if event == "created" and all(room.name != name for room in group.rooms.values()):
        return group.add_room(name, user)
    return group.room(name)


@blueprint.delete("/messages/<message_id>")
def delete_message(message_id: str) -> Any:
    """Delete a message as its author or an admin does: the history keeps an empty item."""
    with group.lock:
        group.message(message_id).is_deleted = True
    return done()


@blueprint.get("/transcript")
def get_transcript() -> Any:
    with group.lock:
        if "user" in request.args:
            messages = group.person(request.args["user"]).inbox
        else:
            messages = group.room(request.args.get("room", "")).history
        return jsonify(lines(messages))


def lines(messages: Iterable[Message]) -> List[Dict[str, Any]]:
    """Return the messages that are not deleted, in the form of a transcript."""
    return [line(message) for message in messages if not message.is_deleted]


def line(message: Message) -> Dict[str, Any]:
    """Return a message in the form of a transcript."""
    return {"who": label(message.sender), "what": message.text, "color": message.color,
            "format": message.format, "when": message.date.isoformat(), "id": message.id,
            "type": message.type, "card": message.card, "file": message.file,
            "attach_to": message.attach_to}


@blueprint.get("/state")
def get_state() -> Any:
    """Return what the chat page shows: all rooms, and the messages of one."""
    with group.lock:
        rooms = list(group.rooms.values())
        wanted = [room for room in rooms if str(room.id) == request.args.get("room")]
        return jsonify({
            "rooms": [room_state(room) for room in rooms],
            "people": [user.name for user in group.users.values() if user is not group.owner],
            "room": wanted[0].id if wanted else None,
            "messages": lines(message for room in wanted for message in room.history[-RECENT:]),
            "addons": [addons_control.shape(each) for each in group.installations.values()],
            "happened": events.event_count})


def room_state(room: Room) -> Dict[str, Any]:
    """Return a room as the list of rooms shows it."""
    return {"id": room.id, "name": room.name, "topic": room.topic,
            "is_archived": room.is_archived, "messages": len(lines(room.history)),
            "people": [user.name for user in room.participants.values()]}


@blueprint.post("/stackstorm")
def set_stackstorm() -> Any:
    """Set the URL of the sandbox's StackStorm, whose API the event trace calls."""
    trace.stackstorm_url = json_body(STACKSTORM)["url"]
    return done()


@blueprint.get("/trace")
def get_trace() -> Any:
    return jsonify(trace.report())


@blueprint.get("/deliveries")
def get_deliveries() -> Any:
    return jsonify(events.deliveries.report())


@blueprint.delete("/deliveries")
def forget_deliveries() -> Any:
    events.deliveries.forget()
    return done()


@blueprint.get("/requests")
def get_requests() -> Any:
    return jsonify(request_log.report())


@blueprint.delete("/requests")
def forget_requests() -> Any:
    request_log.forget()
    return done()


@blueprint.post("/faults")
def add_faults() -> Any:
    asked = request.get_json()
    try:
        faults.add(*(Fault(**fault) for fault in (asked if isinstance(asked, list) else [asked])))
    except (TypeError, ValueError, re.error) as error:
        raise ApiError(400, str(error)) from error
    return done()


@blueprint.post("/spelling")
def spell() -> Any:
    """Set how the URLs of webhooks are listed."""
    serializer.spelling = json_body(SPELLING)["spelling"]
    return done()


@blueprint.delete("/faults")
def heal() -> Any:
    faults.heal()
    return done()
