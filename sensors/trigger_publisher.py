"""Gives triggers to StackStorm's rules engine, by way of its broker."""
import time
from typing import Any, Dict, List

import eventlet
from eventlet.semaphore import Semaphore
from kombu import Producer
from st2common.models.api.trace import TraceContext
from st2common.persistence.trigger import Trigger
from st2common.transport.reactor import TRIGGER_INSTANCE_XCHG, TriggerDispatcher
from st2common.transport.utils import get_connection

__all__ = ["TriggerPublisher"]

CONFIRM_WITHIN = 60.0  # seconds for the broker to take a trigger
CLOSE_WITHIN = 2.0  # seconds for the end of a connection that failed
FRESH = 0.25  # seconds for which an answer of the database holds


class TriggerPublisher:
    """Publishes the messages of StackStorm's own TriggerDispatcher, in a manner that loses none.

    publish() returns when the broker has confirmed a trigger; StackStorm's publisher does not ask
    it to, and opens and closes a channel for each trigger, where here each connection keeps one
    open. There are as many connections as calls at the same time; one that failed is closed, and
    the next call makes another.
    """

    def __init__(self, logger: Any):
        self._dispatcher = TriggerDispatcher(logger)
        self._dispatcher._publisher = self
        self._idle: List[Producer] = []
        self._asking = Semaphore()
        self._answered = -FRESH

    def publish(self, trigger: str, payload: Dict[str, Any], trace_tag: str) -> None:
        """Publish to a trigger's ref.

        Raises what kombu and the database's driver raise, also where no queue takes the trigger.
        """
        self._ask_database()
        self._dispatcher.dispatch(trigger, payload, TraceContext(trace_tag=trace_tag))

    def publish_trigger(self, payload: Dict[str, Any], routing_key: str) -> None:
        """Called by TriggerDispatcher, with its message."""
        if self._idle:
            producer = self._idle.pop()
            try:
                return self._send(producer, payload, routing_key)
            except producer.connection.recoverable_connection_errors:
                pass  # it may have broken long ago, unseen
        self._send(self._connected(), payload, routing_key)

    def _ask_database(self) -> None:
        """Raise while the database is away: the rules engine loses what it is given then."""
        with self._asking:
            if time.monotonic() - self._answered >= FRESH:
                Trigger.count(type="hipchat.message")
                self._answered = time.monotonic()

    def _connected(self) -> Producer:
        connection = get_connection(connection_kwargs={
            "failover_strategy": "round-robin", "transport_options": {"confirm_publish": True}})
        connection.ensure_connection(max_retries=max(1, len(connection.alt)), interval_start=0)
        return Producer(connection, TRIGGER_INSTANCE_XCHG, auto_declare=False)

    def _send(self, producer: Producer, payload: Dict[str, Any], routing_key: str) -> None:
        try:
            with eventlet.Timeout(CONFIRM_WITHIN, TimeoutError("the broker does not confirm")):
                producer.publish(payload, routing_key, mandatory=True, serializer="pickle",
                                 content_encoding="utf-8")
        except BaseException:
            # What is still to come on the channel would be taken for the next trigger's answer.
            with eventlet.Timeout(CLOSE_WITHIN, False):
                producer.connection.close()
            raise
        self._idle.append(producer)
