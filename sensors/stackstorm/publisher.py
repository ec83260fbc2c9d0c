"""Publishes triggers to StackStorm's rules engine through StackStorm's broker (RabbitMQ)."""
import time
from typing import Any, Dict, Optional, Tuple

import eventlet
from eventlet.corolocal import local
from kombu.serialization import dumps
from st2common.models.api.trace import TraceContext
from st2common.transport.reactor import TriggerDispatcher

from listening import timing
from listening.errors import ServiceUnavailable
from listening.operations.health import Health
from listening.single_flight import SingleFlight
from stackstorm.broker import BrokerConnection
from stackstorm.database import check_writable

__all__ = ["TriggerPublisher"]

Message = Tuple[bytes, str, Dict[str, str]]  # a pickled trigger, its routing key and properties


class TriggerPublisher:
    """Publishes triggers, and waits for the broker's confirmations.

    StackStorm's TriggerDispatcher makes the message, as for all sensors; this class publishes it. A
    message is sent again only if the connection to the broker is lost. A slow broker, or one with a
    memory or disk alarm, already has the message and accepts it later.
    """

    def __init__(self, health: Health, logger: Any):
        self._health = health
        self._dispatcher = TriggerDispatcher(logger)
        self._is_replaceable = hasattr(getattr(self._dispatcher, "_publisher", None),
                                       "publish_trigger")
        self._dispatcher._publisher = self
        self._made = local()  # the message made by the dispatch() of this greenlet
        self._connection: Optional[BrokerConnection] = None
        self._open = SingleFlight(self._opened)
        self._check = SingleFlight(self._check_database)
        self._checked = -timing.DATABASE_CHECK_KEPT

    def publish(self, trigger_ref: str, payload: Dict[str, Any], trace_tag: str) -> None:
        """Publish a trigger's payload; return when the broker has confirmed it.

        Raises:
            ServiceUnavailable: the broker or the database does not accept the message, or no queue
                is bound to receive it.
            NotImplementedError: this version of StackStorm's TriggerDispatcher is unknown.
            Exception: the payload cannot be pickled.
        """
        message = self._message(trigger_ref, payload, trace_tag)
        if time.monotonic() - self._checked >= timing.DATABASE_CHECK_KEPT:
            self._check()
        try:
            self._send(message)
        except Exception as error:
            raise ServiceUnavailable(
                "broker", "dispatching to StackStorm fails",
                "Deliveries wait in the spool, and are tried again until StackStorm accepts them. "
                f"Check RabbitMQ. The error: {error!r:.300}") from error

    def publish_trigger(self, payload: Dict[str, Any], routing_key: str) -> None:
        """Store the message that publish() sends; TriggerDispatcher.dispatch() calls this."""
        content_type, content_encoding, body = dumps(payload, "pickle")
        self._made.message = (body, routing_key, {
            "content_type": content_type, "content_encoding": content_encoding})

    def can_connect(self) -> bool:
        """Return whether the broker can be reached from this machine now."""
        try:
            return not self._open().is_silent()  # a connection does not end if the network is cut
        except Exception:
            return False

    def watch(self) -> None:
        """Send heartbeats for ever, and replace a connection that a firewall has dropped."""
        while True:
            eventlet.sleep(timing.BROKER_BEAT_PERIOD)
            connection = self._connection
            if connection and not connection.ended:
                try:
                    connection.beat()
                except Exception as error:
                    connection.end(error)
                else:
                    if connection.is_silent():
                        self._replace(connection)

    def _message(self, trigger_ref: str, payload: Dict[str, Any], trace_tag: str) -> Message:
        self._made.message = None
        if self._is_replaceable:
            self._dispatcher.dispatch(trigger_ref, payload, TraceContext(trace_tag=trace_tag))
        if self._made.message is None:
            self._is_replaceable = False  # dispatch() may have published: do not call it again
            raise NotImplementedError(
                "this version of the pack cannot dispatch with this StackStorm: its "
                "TriggerDispatcher differs from that of 3.8 and 3.9")
        return self._made.message

    def _check_database(self) -> None:
        check_writable()
        self._checked = time.monotonic()

    def _send(self, message: Message) -> None:
        connection = self._connection
        if connection and not connection.ended:
            try:
                return connection.publish(*message)
            except Exception as error:
                if connection.ended is not error or not isinstance(error, connection.gone):
                    raise
        self._open().publish(*message)

    def _opened(self) -> BrokerConnection:
        if self._connection is None or self._connection.ended:
            self._connection = BrokerConnection(self._blocked)
        return self._connection

    def _replace(self, silent: BrokerConnection) -> None:
        """Replace a silent connection if the broker accepts a new one, and so the broker works."""
        try:
            connection = BrokerConnection(self._blocked)
        except Exception:
            return
        if silent.is_silent():
            self._connection = connection
            silent.end(ConnectionError("the broker sends nothing on this connection any more"))
        else:
            connection.end(ConnectionError("the connection is not needed"))

    def _blocked(self, is_blocked: bool) -> None:
        if is_blocked:
            self._health.set_problem(
                "broker", "blocked", "RabbitMQ's memory or disk alarm is on. Deliveries wait until "
                "it ends. See the alarms in `rabbitmqctl status`.", about="alarm")
        else:
            self._health.clear_problem("broker", about="alarm")
