"""Dispatches StackStorm's notify trigger when an execution has ended."""

import json
from typing import Any, Dict

from sandbox.stackstorm.broker import Broker
from sandbox.stackstorm.triggers import Triggers, TriggerType

NOTIFY_TRIGGER = "core.st2.generic.notifytrigger"
# The sandbox runs no workflows, so it has no inquiries; rules on this trigger can be created.
INQUIRY_TRIGGER = "core.st2.generic.inquiry"


class Notifier:
    """Dispatches the notify trigger, once for each route."""

    def __init__(self, triggers: Triggers, broker: Broker):
        self._broker = broker
        for ref in (NOTIFY_TRIGGER, INQUIRY_TRIGGER):
            pack, _, name = ref.partition(".")
            triggers.add_type(TriggerType(pack, {"name": name}))

    def notify(self, execution: Dict[str, Any]) -> None:
        """Dispatch the trigger for an execution that has ended, if the execution has routes."""
        notify = execution.get("liveaction", {}).get("notify", {}).get("on-complete")
        for route in notify["routes"] if notify else []:
            self._broker.send(self._broker.connect(), NOTIFY_TRIGGER, {
                "execution_id": execution["id"], "status": execution["status"],
                "start_timestamp": execution["start_timestamp"],
                "end_timestamp": execution["end_timestamp"],
                "action_ref": execution["action"]["ref"],
                "runner_ref": execution["runner"]["name"],
                "message": f"Action {execution['action']['ref']} completed.",
                "route": route, "channel": route,
                "data": dict(notify["data"], result=json.dumps(execution["result"]))}, None)
