"""Creates tokens for integrations, and returns a token's scopes and owner."""

import hmac
from typing import Any

from flask import Blueprint, jsonify, request

from sandbox.hipchat_server import schemas
from sandbox.hipchat_server.context import group, serializer
from sandbox.hipchat_server.errors import ApiError
from sandbox.hipchat_server.authorization import done, needs, needs_no_token
from sandbox.hipchat_server.models import Client
from sandbox.hipchat_server.validation import form_or_json_body

blueprint = Blueprint("oauth", __name__)


@blueprint.post("/oauth/token")
@needs_no_token
def generate_token() -> Any:
    client = authenticated_client()
    fields = form_or_json_body(schemas.TOKEN_REQUEST)
    scopes = fields.get("scope", " ".join(client.scopes)).split()
    refused = set(scopes) - set(client.scopes)
    if refused:
        raise ApiError(400, f"Invalid scopes: {' '.join(sorted(refused))}")
    token = group.issue_token(client, scopes)
    return jsonify({"access_token": token.value, "token_type": "bearer",
                    "scope": " ".join(scopes), "expires_in": client.token_life,
                    "group_id": group.id, "group_name": group.name})


@blueprint.get("/oauth/token/<value>")
@needs()
def get_session(value: str) -> Any:
    return jsonify(serializer.token(group.token(value)))


@blueprint.delete("/oauth/token/<value>")
@needs()
def delete_session(value: str) -> Any:
    del group.tokens[group.token(value).value]
    return done()


def authenticated_client() -> Client:
    """Return the integration that the HTTP Basic credentials belong to, or raise HipChat's 401."""
    basic = request.authorization
    client = group.clients.get(basic.username or "") if basic and basic.type == "basic" else None
    given = (basic.password or "").encode() if basic else b""
    if client is None or not hmac.compare_digest(client.secret.encode(), given):
        raise ApiError(401, "Invalid OAuth client credentials")
    return client
