"""The message broker between sensor and rules, with the failures of a real broker."""

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
    """One event for the rules; its payload is JSON text."""

    trigger: str
    payload: str
    trace_tag: Optional[str]
    id: str = field(default_factory=new_id)
    occurrence_time: str = field(default_factory=now)
    status: str = "pending"


class Broker:
    """Delivers trigger instances to the rules, and changes of triggers to the sensor.

    Args:
        journal: a file to which each instance is appended as a line of JSON, before any rule
            receives it. The last line may be incomplete after the process was killed.

    Attributes:
        fault: the current one of FAULTS.
        history: the last 1000 instances.
    """

    def __init__(self, journal: Optional[Path] = None):
        self.instances = eventlet.Queue()
        self.history: Deque[TriggerInstance] = deque(maxlen=HISTORY)
        self._subscribers: List[eventlet.Queue] = []
        self._journal = journal and journal.open("a", encoding="utf-8")
        if self._journal and self._journal.tell():
            self._journal.write("\n")  # the previous process may have been killed within a line
        self.fault = "none"
        # Connections are numbered: the last one so far, the last one that a restart closed, and
        # the last one whose data is dropped.
        self._connections = self._ended = self._forgotten = 0

    def set_fault(self, mode: str) -> None:
        """Fail in one of the ways of FAULTS from now on.

        "restart" closes all connections. "forget" drops all data that is sent over them, like a
        firewall that has lost its state. "blocked" is RabbitMQ's memory or disk alarm.
        """
        if mode not in FAULTS:
            raise Invalid(f"mode is {mode!r}, expected one of {', '.join(FAULTS)}")
        self.fault = mode
        if mode == "restart":
            self._ended = self._connections
        elif mode == "forget":
            self._forgotten = self._connections

    def connect(self) -> int:
        """Return the number of a new connection; raise ConnectionError if the broker is down."""
        self._check()
        self._connections += 1
        return self._connections

    def reaches(self, connection: int) -> bool:
        """Return whether data gets through a connection."""
        return connection > self._forgotten

    def send(self, connection: int, trigger: str, payload: Any, trace_tag: Optional[str]) -> bool:
        """Queue a trigger instance.

        Args:
            connection: the number of the connection it is sent over.
            trigger: the trigger's ref.
            payload: the event.
            trace_tag: for `st2 trace list`.

        Returns:
            False if no queue receives it.

        Raises:
            ConnectionError: the broker is down, or has closed the connection.
        """
        # Other greenlets run here, as they do while StackStorm waits for its broker.
        eventlet.sleep(0)
        self._check()
        if connection <= self._ended:
            raise ConnectionResetError("[Errno 104] the sandbox's broker has restarted")
        if self.fault == "no_queue":
            return False
        instance = TriggerInstance(trigger, json.dumps(payload), trace_tag)
        self._write(instance, payload)
        self.history.append(instance)
        self.instances.put(instance)
        return True

    def subscribe(self) -> eventlet.Queue:
        """Return a queue of (event, trigger); the event is "create", "update" or "delete"."""
        queue = eventlet.Queue()
        self._subscribers.append(queue)
        return queue

    def publish(self, event: str, trigger: Trigger) -> None:
        """Send a change of a trigger to the subscribers, unless a fault drops it."""
        if self.fault != "drop_trigger_events":
            for queue in self._subscribers:
                queue.put((event, trigger))

    def _check(self) -> None:
        if self.fault == "fail":
            raise ConnectionRefusedError("[Errno 111] the sandbox's broker is down")

    def _write(self, instance: TriggerInstance, payload: Any) -> None:
        if self._journal:
            line = {"trigger": instance.trigger, "payload": payload,
                    "trace_tag": instance.trace_tag}
            self._journal.write(json.dumps(line) + "\n")
            self._journal.flush()
