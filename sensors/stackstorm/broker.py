"""A connection to the broker on which every message is confirmed."""
import time
from typing import Any, Callable, Dict, List, Optional

import eventlet
from amqp.exceptions import MessageNacked
from eventlet.event import Event
from eventlet.semaphore import Semaphore
from kombu import Connection, Exchange, Producer

from listening import timing

__all__ = ["BrokerConnection"]


class BrokerConnection:
    """One channel of a connection, on which messages to one exchange are published.

    A greenlet reads all that the broker says; so a message waits for its confirmation as long as
    the broker takes, and the next is not held up by it. The link ends when the connection does, or
    by end(); then all that waits raises that error. RabbitMQ takes nothing while its memory or
    its disk is short: blocked is called with True when it says so, and with False when it goes on.
    ended: the error by which it ended, or None; gone: the errors that mean that the connection is.
    """

    def __init__(self, connect: Callable[[Dict[str, Any]], Connection], exchange: Exchange,
                 blocked: Callable[[bool], None]):
        """Connect; connect makes kombu's Connection of options. Raises what kombu raises."""
        self._connection = connect({"heartbeat": timing.BROKER_HEARTBEAT,
                                    "connect_timeout": timing.BROKER_CONNECT_TIMEOUT,
                                    "transport_options": {
                                        "on_blocked": lambda reason: self._block(True),
                                        "on_unblocked": lambda: self._block(False)}})
        self.gone = self._connection.recoverable_connection_errors
        self.ended: Optional[BaseException] = None
        self._number = 0
        self._unanswered: Dict[int, Event] = {}  # by number, which is the delivery tag
        self._writing = Semaphore()
        self._tell_blocked, self._unblocked = blocked, _sent()
        try:
            self._producer = self._connected(exchange)
        except BaseException:
            self._close()
            raise
        self._wire = self._connection.connection
        # The broker knows already that it may tell of blocking; before each message py-amqp would
        # read for that, while the greenlet below reads.
        self._wire.client_properties = {}
        self._received, self._heard = 0, time.monotonic()
        eventlet.spawn(self._read)

    def publish(self, body: bytes, routing_key: str, properties: Dict[str, str]) -> None:
        """Publish a message; return when the broker has it.

        Raises what ended the link; MessageNacked, or the channel's error, where the broker or
        every queue refuses the message alone.
        """
        answered = Event()
        with self._writing:
            self._unblocked.wait()
            if self.ended:
                raise self.ended
            self._number += 1
            self._unanswered[self._number] = answered
            try:
                self._producer.publish(body, routing_key, mandatory=True,
                                       correlation_id=str(self._number), **properties)
            except BaseException as error:  # what was written of it is unknown
                self.end(error)
                raise
        answered.wait()

    def beat(self) -> None:
        """Let the broker hear from here; to be called about every second."""
        if self._wire.bytes_recv != self._received:
            self._received, self._heard = self._wire.bytes_recv, time.monotonic()
        # While a message is being written it hears that, and while it is blocked, nothing.
        if self._unblocked.ready() and not self._writing.locked():
            with self._writing:
                self._wire.send_heartbeat()

    def is_silent(self) -> bool:
        """Whether the broker has not been heard from for two heartbeats."""
        if self._wire.bytes_recv != self._received:
            return False
        return time.monotonic() - self._heard > 2 * timing.BROKER_HEARTBEAT

    def end(self, error: BaseException) -> None:
        """End the link for a reason, which all that waits raises."""
        if self.ended:
            return
        self.ended = error
        waiting, self._unanswered = self._unanswered, {}
        for answered in waiting.values():
            answered.send_exception(error)
        self._block(False)
        eventlet.spawn(self._close)

    def _connected(self, exchange: Exchange) -> Producer:
        brokers = max(1, len(self._connection.alt))
        with eventlet.Timeout(brokers * timing.BROKER_CONNECT_TIMEOUT,
                              TimeoutError("the broker does not answer")):
            self._connection.ensure_connection(max_retries=brokers, interval_start=0)
            channel = self._connection.channel()
            channel.confirm_select()
        channel.events["basic_ack"].add(self._confirmed)
        channel.events["basic_nack"].add(self._refused)
        return Producer(channel, exchange, auto_declare=False, on_return=self._returned)

    def _block(self, blocked: bool) -> None:
        if blocked != self._unblocked.ready():
            return
        if blocked:
            self._unblocked = Event()
        else:
            self._unblocked.send()
        self._tell_blocked(blocked)

    def _read(self) -> None:
        try:
            while not self.ended:
                self._connection.drain_events()
        except BaseException as error:  # whatever it is, what waits must be told
            self.end(error)

    def _close(self) -> None:
        with eventlet.Timeout(timing.BROKER_CLOSE_TIMEOUT, False):
            try:
                self._connection.collect()
            except Exception:  # it is gone in any case
                pass

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


def _sent() -> Event:
    event = Event()
    event.send()
    return event
