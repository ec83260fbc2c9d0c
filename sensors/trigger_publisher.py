"""Gives triggers to StackStorm's rules engine, by way of its broker."""
import time
from typing import Any, Dict, List, NamedTuple, Optional

import eventlet
from amqp.exceptions import MessageNacked
from eventlet.event import Event
from eventlet.semaphore import Semaphore
from kombu import Producer
from kombu.serialization import dumps
from st2common.models.api.trace import TraceContext
from st2common.persistence.trigger import Trigger
from st2common.transport.reactor import TRIGGER_INSTANCE_XCHG, TriggerDispatcher
from st2common.transport.utils import get_connection

__all__ = ["TriggerPublisher"]

CONFIRM_WITHIN = 60.0  # seconds for the broker to take triggers
CLOSE_WITHIN = 2.0  # seconds for the end of a connection that failed
FRESH = 0.25  # seconds for which an answer of the database holds


class _Message(NamedTuple):
    """What is to be published; answered is sent when the broker has confirmed or refused it."""

    body: bytes
    routing_key: str
    properties: Dict[str, str]
    answered: Event


class TriggerPublisher:
    """Publishes the messages of StackStorm's own TriggerDispatcher, in a manner that loses none.

    publish() returns when the broker has confirmed a trigger; StackStorm's publisher does not ask
    it to, and opens and closes a channel for each trigger, where here one stays open. What is
    published while the broker has still to confirm what was sent before is sent together then. A
    connection that failed is closed, and the next call makes another.
    """

    def __init__(self, logger: Any):
        self._dispatcher = TriggerDispatcher(logger)
        self._dispatcher._publisher = self
        self._waiting: List[_Message] = []
        self._sending = Semaphore()
        self._channel: Optional[_Channel] = None
        self._database_answered = -FRESH

    def publish(self, trigger: str, payload: Dict[str, Any], trace_tag: str) -> None:
        """Publish to a trigger's ref.

        Raises what kombu and the database's driver raise, also where no queue takes the trigger.
        """
        self._dispatcher.dispatch(trigger, payload, TraceContext(trace_tag=trace_tag))

    def publish_trigger(self, payload: Dict[str, Any], routing_key: str) -> None:
        """Called by TriggerDispatcher, with its message."""
        content_type, content_encoding, body = dumps(payload, "pickle")
        message = _Message(body, routing_key, {
            "content_type": content_type, "content_encoding": content_encoding}, Event())
        self._waiting.append(message)
        with self._sending:
            if not message.answered.ready():  # else another call has sent it with its own
                self._send_waiting()
        message.answered.wait()

    def _send_waiting(self) -> None:
        messages, self._waiting = self._waiting, []
        try:
            self._ask_database()
            self._send(messages)
        except BaseException as error:
            for message in messages:
                if not message.answered.ready():
                    message.answered.send_exception(error)
            self._close()

    def _ask_database(self) -> None:
        """Raise while the database is away: the rules engine loses what it is given then."""
        if time.monotonic() - self._database_answered >= FRESH:
            Trigger.count(type="hipchat.message")
            self._database_answered = time.monotonic()

    def _send(self, messages: List[_Message]) -> None:
        if self._channel:
            try:
                return self._channel.send(messages)
            except self._channel.broken:  # perhaps long ago, unseen
                self._close()
        self._channel = _Channel()
        self._channel.send([each for each in messages if not each.answered.ready()])

    def _close(self) -> None:
        """What is still to come on the channel would be taken for answers to the next messages."""
        channel, self._channel = self._channel, None
        if channel:
            with eventlet.Timeout(CLOSE_WITHIN, False):
                channel.close()


class _Channel:
    """A connection to the broker with one channel, on which every message is confirmed."""

    def __init__(self):
        self._connection = get_connection(connection_kwargs={"failover_strategy": "round-robin"})
        self.broken = self._connection.recoverable_connection_errors
        self._producer: Optional[Producer] = None
        self._number = 0
        self._unanswered: Dict[int, Event] = {}  # by number, which is the delivery tag

    def send(self, messages: List[_Message]) -> None:
        """Connect, at first, and return when the broker has answered each."""
        with eventlet.Timeout(CONFIRM_WITHIN, TimeoutError("the broker does not confirm")):
            self._producer = self._producer or self._connected()
            for message in messages:
                self._number += 1
                self._unanswered[self._number] = message.answered
                self._producer.publish(message.body, message.routing_key, mandatory=True,
                                       correlation_id=str(self._number), **message.properties)
            while self._unanswered:
                self._connection.drain_events()

    def _connected(self) -> Producer:
        self._connection.ensure_connection(max_retries=max(1, len(self._connection.alt)),
                                           interval_start=0)
        channel = self._connection.channel()
        channel.confirm_select()
        channel.events["basic_ack"].add(self._confirmed)
        channel.events["basic_nack"].add(self._refused)
        return Producer(channel, TRIGGER_INSTANCE_XCHG, auto_declare=False,
                        on_return=self._returned)

    def close(self) -> None:
        self._connection.close()

    def _confirmed(self, number: int, multiple: bool) -> None:
        for answered in self._taken(number, multiple):
            answered.send()

    def _refused(self, number: int, multiple: bool) -> None:
        for answered in self._taken(number, multiple):
            answered.send_exception(MessageNacked("the broker refused the trigger"))

    def _returned(self, error: Exception, exchange: str, routing_key: str, message: Any) -> None:
        """No queue takes it. The broker confirms it as well, afterwards."""
        self._unanswered.pop(int(message.properties["correlation_id"])).send_exception(error)

    def _taken(self, number: int, multiple: bool) -> List[Event]:
        numbers = [each for each in self._unanswered if
                   each == number or multiple and each < number]
        return [self._unanswered.pop(each) for each in numbers]
