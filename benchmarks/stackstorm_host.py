"""Runs a sensor in StackStorm's own sensor wrapper.

ST2_PYTHON runs it, with the arguments FILE CLASS CONFIG [MODE]. It prints the URL of its own HTTP
server, or `none`. The modes:

control: GET /bare/N dispatches N times without HTTP and returns the seconds. GET /dispatched/N
    waits for N dispatches since the last such call, and returns the message IDs in order.
discard: dispatched events go to a queue of RabbitMQ that keeps none.
soak: benchmarks/soak_queue.py consumes the dispatched events. GET /greenlets/0 returns the number
    of greenlets. GET /clock/N sets time.time() N seconds ahead.
"""
import eventlet

eventlet.monkey_patch(os=True, select=True, socket=True, thread=True, time=True)

import gc
import json
import os
import sys
import time
from typing import Any, Callable, Dict, List

from eventlet import wsgi
from greenlet import greenlet
from kombu import Connection
from st2common.transport.kombu import Queue
from st2common.transport.reactor import TRIGGER_INSTANCE_XCHG
from st2common.transport.utils import get_connection
from st2reactor.container.sensor_wrapper import SensorWrapper

GREENLETS = 10


class Wrapper(SensorWrapper):
    """A sensor wrapper with a given config, in a pack of its own beside the installed one."""

    def __init__(self, file: str, name: str, config: Dict[str, Any]):
        self._own_config = config
        super().__init__(pack="benchmarks", file_path=file, class_name=name,
                         trigger_types=["hipchat.message"] if name == "WebhookSensor" else [],
                         parent_args=["--config-file", os.environ["ST2_CONFIG_PATH"]])

    def _get_sensor_config(self) -> Dict[str, Any]:
        return self._own_config


def register(file: str, config: Dict[str, Any]) -> None:
    """Make this config the registered one for the sensor, which restarts if the two differ."""
    sys.path.insert(0, os.path.dirname(file))
    from stackstorm import database
    database.registered_config = lambda: config
    database.resolved_config = lambda: config


class Control:
    """The WSGI application of the mode control."""

    def __init__(self, sensor: Any):
        self._sensor = sensor
        self._message_ids: List[str] = []
        self._payloads: Dict[str, Dict[str, Any]] = {}
        # The sensor builds its Dispatcher later, in run().
        dispatcher = sys.modules["listening.dispatch.dispatcher"].Dispatcher
        init = dispatcher.__init__
        dispatcher.__init__ = lambda own, publish, **parts: init(
            own, publish=self._recorded(publish), **parts)

    def _recorded(self, publish: Callable) -> Callable:
        def publish_and_record(trigger: str, payload: Dict[str, Any], trace_tag: str) -> None:
            publish(trigger, payload, trace_tag)
            self._payloads[trigger] = payload
            self._message_ids.append(payload["item"]["message"]["id"])
        return publish_and_record

    def __call__(self, environ: Dict[str, Any], start_response: Callable) -> List[bytes]:
        what, count = environ["PATH_INFO"].strip("/").split("/")
        answer = self._bare(int(count)) if what == "bare" else self._wait(int(count))
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(answer).encode()]

    def _bare(self, count: int) -> float:
        triggers = sorted(self._payloads)
        pool, started = eventlet.GreenPool(GREENLETS), time.time()
        for number in range(count):
            trigger = triggers[number % len(triggers)]
            pool.spawn_n(self._sensor.sensor_service.dispatch, trigger, self._payloads[trigger])
        pool.waitall()
        return time.time() - started

    def _wait(self, count: int) -> List[str]:
        while len(self._message_ids) < count:
            eventlet.sleep(0.005)
        message_ids, self._message_ids = self._message_ids, []
        return message_ids


class SoakControl:
    """The WSGI application of the mode soak."""

    def __init__(self) -> None:
        self._time, self._ahead = time.time, 0.0
        time.time = lambda: self._time() + self._ahead

    def __call__(self, environ: Dict[str, Any], start_response: Callable) -> List[bytes]:
        what, number = environ["PATH_INFO"].strip("/").split("/")
        if what == "clock":
            self._ahead = float(number)
        alive = sum(isinstance(each, greenlet) and not each.dead for each in gc.get_objects())
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(alive).encode()]


def discard() -> Connection:
    """Bind a queue that keeps one message; return the connection, with which the queue ends."""
    connection = get_connection()
    queue = Queue("", TRIGGER_INSTANCE_XCHG, routing_key="#", exclusive=True, max_length=1)
    queue(connection.default_channel).declare()
    return connection


def main(file: str, name: str, config: str, mode: str = "") -> None:
    if name == "WebhookSensor":
        register(file, json.loads(config))
    wrapper = Wrapper(file, name, json.loads(config))
    address, connection = "none", discard() if mode == "discard" else None
    if mode in ("control", "soak"):
        listener = eventlet.listen(("127.0.0.1", 0), backlog=64)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        application = Control(wrapper._sensor_instance) if mode == "control" else SoakControl()
        eventlet.spawn(wsgi.server, listener, application, log_output=False)
    print(address, flush=True)
    os.dup2(2, 1)  # StackStorm's log goes to stderr, because no process reads stdout any more
    wrapper.run()
    if connection:
        connection.close()


main(*sys.argv[1:])
