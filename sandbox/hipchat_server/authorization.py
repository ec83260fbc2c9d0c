"""Checks a request's token, its scopes and its kind, and counts it against the rate limit."""

import functools
from typing import Any, Callable, Dict, Sequence

from flask import Response, g, jsonify, request

from sandbox.hipchat_server.context import group, limits
from sandbox.hipchat_server.errors import ApiError
from sandbox.hipchat_server.models import Token
from sandbox.hipchat_server.validation import python2_list

View = Callable[..., Any]

NO_TOKEN = ("Authenticated requests only. See https://www.hipchat.com/docs/apiv2/auth "
            "for more information.")
AUTH_TEST = {"success": {"code": 202, "type": "Accepted",
                         "message": "This auth_token has access to use this method."}}


# The kinds of tokens.
USERS = ("user",)
CLIENTS = ("group client", "room client")
GROUP_WIDE = ("group client", "user")


def needs(*scopes: str, by: Sequence[str] = USERS + CLIENTS) -> Callable[[View], View]:
    """Decorate a view that needs a token.

    Args:
        scopes: the token needs one of these; without scopes, every token is accepted.
        by: the kinds of tokens that may make the request.
    """

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def guarded(**path: Any) -> Any:
            g.token = _token()
            g.limit_headers = limits.count_call(g.token.value)
            if scopes and not set(scopes) & set(g.token.scopes):
                raise ApiError(403, "This action requires one of the following scopes: "
                                    f"{python2_list(scopes)}")
            check_kind(g.token, by)
            if "id_or_name" in path:
                check_room(g.token, path["id_or_name"])
            if request.args.get("auth_test") == "true":
                return jsonify(AUTH_TEST), 202
            return view(**path)

        return _one_at_a_time(guarded)

    return decorate


def needs_no_token(view: View) -> View:
    """Decorate a view that needs no token."""

    @functools.wraps(view)
    def guarded(**path: Any) -> Any:
        g.limit_headers = limits.count_call("without a token")
        return view(**path)

    return _one_at_a_time(guarded)


def check_kind(token: Token, kinds: Sequence[str]) -> None:
    """Raise HipChat's 403 for a token of another kind."""
    if token.kind not in kinds:
        raise ApiError(403, f"This action can only be called by: {', '.join(kinds)}. "
                            f"This token is a {token.kind}'s.")


def check_room(token: Token, id_or_name: str) -> None:
    """Raise HipChat's 403 for a token that is for another room."""
    if token.only_room and token.only_room is not group.room(id_or_name):
        raise ApiError(403, f"This token is for the room {token.only_room.name} only")


def count_message(to: int) -> None:
    """Count a message to a room or a person against the flood limit."""
    g.limit_headers.update(limits.count_message(g.token.value, to))


def done() -> Response:
    """Return HipChat's response to most changes: 204 without a body."""
    return Response(status=204)


def created(links: Dict[str, str], **fields: Any) -> Any:
    """Return HipChat's response to a creation: 201 with the links, one of which is its place."""
    return jsonify(links=links, **fields), 201, {"Location": links["self"]}


def _one_at_a_time(view: View) -> View:
    @functools.wraps(view)
    def locked(**path: Any) -> Any:
        # Read the body before taking the lock: a slow client must not block the others.
        request.get_data()
        with group.lock:
            return view(**path)

    return locked


def _token() -> Token:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        value = request.args.get("auth_token", "")
    if not value:
        raise ApiError(401, NO_TOKEN)
    return group.token(value)
