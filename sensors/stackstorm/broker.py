"""A connection to StackStorm's broker (RabbitMQ) on which every message is confirmed."""
import time
from typing import Any, Callable, Dict, List, Optional

import eventlet
from amqp.exceptions import MessageNacked
from eventlet.event import Event
from eventlet.semaphore import Semaphore
from kombu import Producer
from st2common.transport.reactor import TRIGGER_INSTANCE_XCHG
from st2common.transport.utils import get_connection

from listening import timing

__all__ = ["BrokerConnection"]


class BrokerConnection:
    """Publishes messages to the exchange for triggers, on one channel of a connection.

    Several greenlets can publish at the same time: one greenlet reads the broker's confirmations,
    and wakes the publisher of each message. When the connection ends, all waiting publish() calls
    raise the error that ended the connection.

    Attributes:
        ended: the error that ended the connection; None while the connection is open.
        gone: the types of errors that mean a lost connection.
    """

    def __init__(self, blocked: Callable[[bool], None]):
        """Connect to the broker, or raise an error of `kombu`.

        Args:
            blocked: called with True when RabbitMQ blocks publishers because it is short of memory
                or disk, and with False when it accepts messages again.
        """
        self._connection = get_connection(connection_kwargs={
            "heartbeat": timing.BROKER_HEARTBEAT,
            "connect_timeout": timing.BROKER_CONNECT_TIMEOUT,
            "failover_strategy": "round-robin",
            "transport_options": {"on_blocked": lambda reason: self._block(True),
                                  "on_unblocked": lambda: self._block(False)}})
        self.gone = self._connection.recoverable_connection_errors
        self.ended: Optional[BaseException] = None
        self._last_tag = 0
        self._unanswered: Dict[int, Event] = {}  # by delivery tag
        self._writing = Semaphore()
        self._note_blocked, self._unblocked = blocked, _sent()
        try:
            self._producer = self._connected()
        except BaseException:
            self._close()
            raise
        self._wire = self._connection.connection
        # The broker has received these properties. If `py-amqp` still had them, it would read from
        # the socket before each message to detect blocking; the greenlet below detects it instead.
        self._wire.client_properties = {}
        self._received, self._received_at = 0, time.monotonic()
        eventlet.spawn(self._read)

    def publish(self, body: bytes, routing_key: str, properties: Dict[str, str]) -> None:
        """Publish a message; return when the broker has confirmed it.

        Raises:
            MessageNacked: the broker rejects this message.
            Exception: the connection ended, or no queue is bound to receive the message.
        """
        answered = Event()
        with self._writing:
            self._unblocked.wait()
            if self.ended:
                raise self.ended
            self._last_tag += 1
            self._unanswered[self._last_tag] = answered
            try:
                self._producer.publish(body, routing_key, mandatory=True,
                                       correlation_id=str(self._last_tag), **properties)
            except BaseException as error:  # the message may have been written in part
                self.end(error)
                raise
        answered.wait()

    def beat(self) -> None:
        """Send a heartbeat, and note the time if the broker sent something since the last call.

        Call this every timing.BROKER_BEAT_PERIOD, or else is_silent() is wrong. It raises an error
        if the connection is lost.
        """
        if self._wire.bytes_recv != self._received:
            self._received, self._received_at = self._wire.bytes_recv, time.monotonic()
        # A written message is a heartbeat, too. While blocked, nothing may be sent.
        if self._unblocked.ready() and not self._writing.locked():
            with self._writing:
                self._wire.send_heartbeat()

    def is_silent(self) -> bool:
        """Return True if the broker has sent nothing for two heartbeat periods: it may be gone."""
        if self._wire.bytes_recv != self._received:
            return False
        return time.monotonic() - self._received_at > 2 * timing.BROKER_HEARTBEAT

    def end(self, error: BaseException) -> None:
        """End the connection with an error, which all waiting and later publish() calls raise."""
        if self.ended:
            return
        self.ended = error
        waiting, self._unanswered = self._unanswered, {}
        for answered in waiting.values():
            answered.send_exception(error)
        self._block(False)
        eventlet.spawn(self._close)

    def _connected(self) -> Producer:
        brokers = max(1, len(self._connection.alt))
        with eventlet.Timeout(brokers * timing.BROKER_CONNECT_TIMEOUT,
                              TimeoutError("the broker does not answer")):
            self._connection.ensure_connection(max_retries=brokers, interval_start=0)
            channel = self._connection.channel()
            channel.confirm_select()
        channel.events["basic_ack"].add(self._confirmed)
        channel.events["basic_nack"].add(self._refused)
        return Producer(channel, TRIGGER_INSTANCE_XCHG, auto_declare=False,
                        on_return=self._returned)

    def _block(self, is_blocked: bool) -> None:
        if is_blocked != self._unblocked.ready():
            return
        if is_blocked:
            self._unblocked = Event()
        else:
            self._unblocked.send()
        self._note_blocked(is_blocked)

    def _read(self) -> None:
        try:
            while not self.ended:
                self._connection.drain_events()
        except BaseException as error:  # publishers must never wait for a dead reader
            self.end(error)

    def _close(self) -> None:
        with eventlet.Timeout(timing.BROKER_CLOSE_TIMEOUT, False):
            try:
                self._connection.collect()
            except Exception:  # the connection is lost in any case
                pass

    def _confirmed(self, tag: int, multiple: bool) -> None:
        for answered in self._taken(tag, multiple):
            answered.send()

    def _refused(self, tag: int, multiple: bool) -> None:
        for answered in self._taken(tag, multiple):
            answered.send_exception(MessageNacked("the broker refused the trigger"))

    def _returned(self, error: Exception, exchange: str, routing_key: str, message: Any) -> None:
        """Let publish() raise for a message that the broker returns: no queue is bound for it.

        The broker confirms such a message, too.
        """
        self._unanswered.pop(int(message.properties["correlation_id"])).send_exception(error)

    def _taken(self, tag: int, multiple: bool) -> List[Event]:
        """Remove and return the events of the message (if multiple: and all earlier ones)."""
        tags = [each for each in self._unanswered if each == tag or multiple and each < tag]
        return [self._unanswered.pop(each) for each in tags]


def _sent() -> Event:
    """Return an Event that was sent already, so its wait() returns immediately."""
    event = Event()
    event.send()
    return event
