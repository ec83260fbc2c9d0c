"""The control API for an administrator: installs and uninstalls add-ons."""

from typing import Any, Dict

from flask import Blueprint, jsonify

from sandbox.hipchat_server import descriptor as descriptors
from sandbox.hipchat_server import schemas
from sandbox.hipchat_server.context import addons, group
from sandbox.hipchat_server.models import Installation
from sandbox.hipchat_server.validation import json_body

blueprint = Blueprint("addons", __name__)

OFFER = schemas.body("url", url=schemas.text(1))
INSTALL = schemas.body("url", url=schemas.text(1), room={"type": ["string", "null"]})


@blueprint.get("/addons")
def get_addons() -> Any:
    with group.lock:
        return jsonify([shape(each) for each in group.installations.values()])


@blueprint.post("/addons/offer")
def show_offer() -> Any:
    """Return what an administrator approves: the add-on and the scopes that it requests."""
    return jsonify(offer(descriptors.fetch(json_body(OFFER)["url"])))


@blueprint.post("/addons")
def install() -> Any:
    fields = json_body(INSTALL)
    with group.lock:
        room = group.room(fields["room"]) if fields.get("room") else None
    return jsonify(shape(addons.install(fields["url"], room))), 201


@blueprint.delete("/addons/<client_id>")
def uninstall(client_id: str) -> Any:
    return jsonify(addons.uninstall(client_id))


def offer(descriptor: Dict[str, Any]) -> Dict[str, Any]:
    """Return an add-on as an administrator sees it before it is installed."""
    return {"key": descriptor["key"], "name": descriptor["name"],
            "description": descriptor["description"],
            "scopes": list(descriptors.scopes(descriptor)),
            "events": [hook["event"] for hook in descriptors.hooks(descriptor)]}


def shape(installation: Installation) -> Dict[str, Any]:
    """Return an installed add-on, without its secret."""
    return {**offer(installation.descriptor), "id": installation.client.id,
            "url": installation.url, "room": installation.room and installation.room.name}
