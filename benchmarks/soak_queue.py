"""Consumes the events that a sensor in mode `soak` dispatches, from a durable queue of RabbitMQ.

ST2_PYTHON runs it. It prints a line for each event: the room's ID, the message's text, and 1 if
RabbitMQ redelivers it, else 0.
"""
import os
import signal
import sys
from typing import Any, Dict, List

from kombu import Connection, Message
from kombu.mixins import ConsumerMixin
from st2common.config import parse_args
from st2common.transport.kombu import Queue
from st2common.transport.reactor import TRIGGER_INSTANCE_XCHG
from st2common.transport.utils import get_connection

QUEUE = Queue("st2.soak", TRIGGER_INSTANCE_XCHG, routing_key="#", durable=True)


class Consumer(ConsumerMixin):
    """Prints events; reconnects after an outage of the broker."""

    def __init__(self, connection: Connection):
        self.connection = connection

    def get_consumers(self, consumer: Any, channel: Any) -> List[Any]:
        """Return the consumer of QUEUE; `consumer` is kombu's class."""
        return [consumer([QUEUE], callbacks=[self._print], accept=["pickle"], prefetch_count=100)]

    def _print(self, body: Dict[str, Any], message: Message) -> None:
        item = body["payload"]["item"]
        print(item["room"]["id"], item["message"]["message"],
              int(message.delivery_info["redelivered"]), flush=True)
        message.ack()


def main() -> None:
    parse_args(["--config-file", os.environ["ST2_CONFIG_PATH"]])
    with get_connection() as connection:
        queue = QUEUE(connection.default_channel)
        queue.declare()
        queue.purge()
    print("ready", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        Consumer(get_connection()).run()
    finally:
        with get_connection() as connection:
            QUEUE(connection.default_channel).delete()


main()
