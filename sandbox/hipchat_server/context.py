"""The parts of the app that serves the current request."""

from typing import Any

from flask import current_app
from werkzeug.local import LocalProxy

from sandbox.hipchat_server.addons import Addons
from sandbox.hipchat_server.event_trace import EventTrace
from sandbox.hipchat_server.events import Events
from sandbox.hipchat_server.faults import Faults
from sandbox.hipchat_server.group import Group
from sandbox.hipchat_server.limits import Limits
from sandbox.hipchat_server.request_log import RequestLog
from sandbox.hipchat_server.serializer import Serializer


def _extension(name: str) -> Any:
    return LocalProxy(lambda: current_app.extensions[name])


group: Group = _extension("group")
serializer: Serializer = _extension("serializer")
addons: Addons = _extension("addons")
events: Events = _extension("events")
limits: Limits = _extension("limits")
faults: Faults = _extension("faults")
request_log: RequestLog = _extension("request_log")
trace: EventTrace = _extension("trace")
