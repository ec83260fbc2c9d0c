"""The chat page: people, rooms and the path of the last event, in a browser."""

from flask import Blueprint, Response

blueprint = Blueprint("chat_page", __name__, static_folder="page", static_url_path="/page")

# Chat text never runs as a script: only the page's own scripts do.
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
          "img-src 'self' data: http: https:; base-uri 'none'; form-action 'none'; "
          "frame-ancestors 'none'")


@blueprint.get("/")
def show() -> Response:
    response = blueprint.send_static_file("index.html")
    response.headers["Content-Security-Policy"] = POLICY
    return response
