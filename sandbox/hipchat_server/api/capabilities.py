"""What the server is and where its API is found."""

from typing import Any

from flask import Blueprint, jsonify

from sandbox.hipchat_server.context import group
from sandbox.hipchat_server.guard import needs_no_token
from sandbox.hipchat_server.models import SCOPES

blueprint = Blueprint("capabilities", __name__)


@blueprint.get("/capabilities")
@needs_no_token
def get_capabilities() -> Any:
    scopes = {scope: {"id": scope, "name": scope} for scope in SCOPES}
    return jsonify({
        "key": "hipchat", "name": "HipChat", "description": "HipChat sandbox",
        "links": {"self": group.url + "/capabilities", "api": group.url},
        "capabilities": {
            "hipchatApiProvider": {"url": group.url + "/", "availableScopes": scopes},
            "oauth2Provider": {"tokenUrl": group.url + "/oauth/token"}}})
