"""What lies between sensor and rules on a real platform, with its ways to fail."""

import json
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Deque, List, Optional

import eventlet

from sandbox.stackstorm.errors import Invalid
from sandbox.stackstorm.ids import new_id, now
from sandbox.stackstorm.triggers import Trigger

FAULTS = ("none", "fail", "broken", "drop_trigger_events")
HISTORY = 1000


@dataclass
class TriggerInstance:
    """One event on its way to the rules; its payload is JSON text."""

    trigger: str
    payload: str
    trace_tag: Optional[str]
    id: str = field(default_factory=new_id)
    occurrence_time: str = field(default_factory=now)
    status: str = "pending"


class Broker:
    """Carries trigger instances to the rules and trigger changes to the sensor.

    history: the last 1000 instances; for all of them there is the journal, a file that has each
    on a line of its own before any rule sees it.
    """

    def __init__(self, journal: Optional[Path] = None):
        self.instances = eventlet.Queue()
        self.history: Deque[TriggerInstance] = deque(maxlen=HISTORY)
        self._subscribers: List[eventlet.Queue] = []
        self._journal = journal and journal.open("a", encoding="utf-8")
        self._fault = "none"
        self._breakages = 0

    def set_fault(self, mode: str) -> None:
        """Fail from now on in one of FAULTS; "broken" is forever for the connections there are."""
        if mode not in FAULTS:
            raise Invalid("mode is {!r}, expected one of {}".format(mode, ", ".join(FAULTS)))
        self._fault = mode
        self._breakages += mode == "broken"

    def connect(self) -> int:
        """A new connection, to be named in `send`."""
        return self._breakages

    def send(self, connection: int, trigger: str, payload: Any, trace_tag: Optional[str]) -> None:
        """Take a trigger instance; raises what the platform's publisher raises."""
        # As the platform waits for its broker here, other greenlets run.
        eventlet.sleep(0)
        if self._fault == "fail":
            raise ConnectionError("[Errno 111] ECONNREFUSED: the sandbox's broker is away")
        if connection < self._breakages:
            raise AttributeError("'NoneType' object has no attribute 'channel'")
        instance = TriggerInstance(trigger, json.dumps(payload), trace_tag)
        self._write(instance, payload)
        self.history.append(instance)
        self.instances.put(instance)

    def subscribe(self) -> eventlet.Queue:
        """A queue of (event, trigger): "create", "update" or "delete"."""
        queue = eventlet.Queue()
        self._subscribers.append(queue)
        return queue

    def publish(self, event: str, trigger: Trigger) -> None:
        """Tell the subscribers that a trigger changed, unless that is to get lost."""
        if self._fault != "drop_trigger_events":
            for queue in self._subscribers:
                queue.put((event, trigger))

    def _write(self, instance: TriggerInstance, payload: Any) -> None:
        if self._journal:
            line = {"trigger": instance.trigger, "payload": payload,
                    "trace_tag": instance.trace_tag}
            self._journal.write(json.dumps(line) + "\n")
            self._journal.flush()
