"""Tells the rules of executions that have ended, where these want it."""

import json
from typing import Any, Dict

from sandbox.stackstorm.broker import Broker
from sandbox.stackstorm.triggers import Triggers, TriggerType

NOTIFY_TRIGGER = "core.st2.generic.notifytrigger"
# A workflow's question, which the sandbox cannot run: rules may wait for it all the same.
INQUIRY_TRIGGER = "core.st2.generic.inquiry"


class Notifier:
    """Dispatches the platform's own trigger, once for each route."""

    def __init__(self, triggers: Triggers, broker: Broker):
        self._broker = broker
        for ref in (NOTIFY_TRIGGER, INQUIRY_TRIGGER):
            pack, _, name = ref.partition(".")
            triggers.add_type(TriggerType(pack, {"name": name}))

    def notify(self, execution: Dict[str, Any]) -> None:
        """Dispatch for an execution that has ended."""
        wanted = execution.get("liveaction", {}).get("notify", {}).get("on-complete")
        for route in wanted["routes"] if wanted else []:
            self._broker.send(self._broker.connect(), NOTIFY_TRIGGER, {
                "execution_id": execution["id"], "status": execution["status"],
                "start_timestamp": execution["start_timestamp"],
                "end_timestamp": execution["end_timestamp"],
                "action_ref": execution["action"]["ref"],
                "runner_ref": execution["runner"]["name"],
                "message": f"Action {execution['action']['ref']} completed.",
                "route": route, "channel": route,
                "data": dict(wanted["data"], result=json.dumps(execution["result"]))}, None)
