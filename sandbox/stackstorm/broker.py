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

FAULTS = ("none", "fail", "restart", "blocked", "forget", "no_queue", "no_database",
          "read_only_database", "drop_trigger_events")
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

    fault: the one of FAULTS that is on. history: the last 1000 instances; for all of them there is
    the journal, a file that has each on a line of its own before any rule sees it; a line that a
    process was killed in stays as it is.
    """

    def __init__(self, journal: Optional[Path] = None):
        self.instances = eventlet.Queue()
        self.history: Deque[TriggerInstance] = deque(maxlen=HISTORY)
        self._subscribers: List[eventlet.Queue] = []
        self._journal = journal and journal.open("a", encoding="utf-8")
        if self._journal and self._journal.tell():
            self._journal.write("\n")  # the former process may have been killed within a line
        self.fault = "none"
        self._connections = self._ended = self._forgotten = 0  # by number

    def set_fault(self, mode: str) -> None:
        """Fail from now on in one of FAULTS.

        "restart" ends the connections there are; "forget" lets nothing through them any more, as a
        firewall does that has forgotten them; "blocked" is RabbitMQ's memory or disk alarm.
        """
        if mode not in FAULTS:
            raise Invalid(f"mode is {mode!r}, expected one of {', '.join(FAULTS)}")
        self.fault = mode
        if mode == "restart":
            self._ended = self._connections
        elif mode == "forget":
            self._forgotten = self._connections

    def connect(self) -> int:
        """A new connection, to be named in `send`; ConnectionError while the broker is away."""
        self._check()
        self._connections += 1
        return self._connections

    def reaches(self, connection: int) -> bool:
        """Whether anything gets through a connection."""
        return connection > self._forgotten

    def send(self, connection: int, trigger: str, payload: Any, trace_tag: Optional[str]) -> bool:
        """Take a trigger instance; False where no queue does.

        ConnectionError while the broker is away, or was since.
        """
        # As the platform waits for its broker here, other greenlets run.
        eventlet.sleep(0)
        self._check()
        if connection <= self._ended:
            raise ConnectionResetError("[Errno 104] the sandbox's broker was started anew")
        if self.fault == "no_queue":
            return False
        instance = TriggerInstance(trigger, json.dumps(payload), trace_tag)
        self._write(instance, payload)
        self.history.append(instance)
        self.instances.put(instance)
        return True

    def subscribe(self) -> eventlet.Queue:
        """A queue of (event, trigger): "create", "update" or "delete"."""
        queue = eventlet.Queue()
        self._subscribers.append(queue)
        return queue

    def publish(self, event: str, trigger: Trigger) -> None:
        """Tell the subscribers that a trigger changed, unless that is to get lost."""
        if self.fault != "drop_trigger_events":
            for queue in self._subscribers:
                queue.put((event, trigger))

    def _check(self) -> None:
        if self.fault == "fail":
            raise ConnectionRefusedError("[Errno 111] the sandbox's broker is away")

    def _write(self, instance: TriggerInstance, payload: Any) -> None:
        if self._journal:
            line = {"trigger": instance.trigger, "payload": payload,
                    "trace_tag": instance.trace_tag}
            self._journal.write(json.dumps(line) + "\n")
            self._journal.flush()
