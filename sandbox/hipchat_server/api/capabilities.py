"""The capabilities document: what the server is, and the URLs of its API."""

from typing import Any

from flask import Blueprint, jsonify

from sandbox.hipchat_server.context import group
from sandbox.hipchat_server.authorization import needs_no_token
from sandbox.hipchat_server.models import SCOPES

blueprint = Blueprint("capabilities", __name__)


@blueprint.get("/capabilities")
@needs_no_token
def get_capabilities() -> Any:
    home = group.url[:-len("/v2")]
    scopes = {scope: {"id": scope, "name": scope} for scope in SCOPES}
    return jsonify({
        "key": "hipchat", "name": "HipChat", "description": "HipChat sandbox",
        "vendor": {"name": "HipChat sandbox", "url": home}, "connect_server_api_version": 1,
        "links": {"self": group.url + "/capabilities", "api": group.url, "homepage": home,
                  "subdomain": home},
        "capabilities": {
            "hipchatApiProvider": {"url": group.url + "/", "availableScopes": scopes},
            "oauth2Provider": {"tokenUrl": group.url + "/oauth/token",
                               "authorizationUrl": home + "/users/authorize"}}})
