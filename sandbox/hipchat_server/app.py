"""Builds the Flask app: HipChat's API with faults, the control API and the chat page."""

import copy
import functools

from flask import Flask, Response, g
from werkzeug.exceptions import HTTPException

from sandbox.hipchat_server import addons_control, chat_page, control
from sandbox.hipchat_server.addons import Addons
from sandbox.hipchat_server.api import BLUEPRINTS
from sandbox.hipchat_server.errors import ApiError, answer_api_error, answer_http_error
from sandbox.hipchat_server.event_trace import EventTrace
from sandbox.hipchat_server.events import Events
from sandbox.hipchat_server.faults import Faults
from sandbox.hipchat_server.group import Group
from sandbox.hipchat_server.limits import Limits
from sandbox.hipchat_server.request_log import RequestLog
from sandbox.hipchat_server.serializer import Serializer


def create_app(group: Group, limits: Limits) -> Flask:
    """Return the app that serves `group`."""
    app = copy.copy(routed())
    serializer = Serializer(group.url)
    faults, request_log, events = Faults(), RequestLog(), Events(group, serializer)
    app.extensions = dict(
        group=group, limits=limits, serializer=serializer, faults=faults, request_log=request_log,
        events=events, trace=EventTrace(events), addons=Addons(group))
    # Requests are logged as the client saw them, faults included.
    # setattr: Flask's way to wrap an app assigns to a method, which mypy refuses.
    setattr(app, "wsgi_app", request_log.record(faults.disturb(app.wsgi_app)))
    return app


@functools.lru_cache(maxsize=None)
def routed() -> Flask:
    """Return the app that create_app() copies, because compiling its routes is slow."""
    app = Flask(__name__, static_folder=None)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint, url_prefix="/v2")
    app.register_blueprint(control.blueprint, url_prefix="/sandbox")
    app.register_blueprint(addons_control.blueprint, url_prefix="/sandbox")
    app.register_blueprint(chat_page.blueprint)
    app.register_error_handler(ApiError, answer_api_error)
    app.register_error_handler(HTTPException, answer_http_error)
    app.after_request(_announce_limits)
    return app


def _announce_limits(response: Response) -> Response:
    response.headers.update(g.get("limit_headers", {}))
    return response
