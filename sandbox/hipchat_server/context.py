"""What belongs to the app that serves the present request."""

from typing import Any

from flask import current_app
from werkzeug.local import LocalProxy

from sandbox.hipchat_server.addons import Addons
from sandbox.hipchat_server.calls import Calls
from sandbox.hipchat_server.events import Events
from sandbox.hipchat_server.faults import Faults
from sandbox.hipchat_server.group import Group
from sandbox.hipchat_server.limits import Limits
from sandbox.hipchat_server.shapes import Shapes
from sandbox.hipchat_server.event_trace import EventTrace


def _extension(name: str) -> Any:
    return LocalProxy(lambda: current_app.extensions[name])


group: Group = _extension("group")
shapes: Shapes = _extension("shapes")
addons: Addons = _extension("addons")
events: Events = _extension("events")
limits: Limits = _extension("limits")
faults: Faults = _extension("faults")
calls: Calls = _extension("calls")
trace: EventTrace = _extension("trace")
