"""Runs a sensor in StackStorm's own sensor wrapper; by ST2_PYTHON: FILE CLASS CONFIG [MODE].

With `control`, GET /bare/N dispatches N times without HTTP and tells the seconds, GET /heard/N
waits for N dispatches since the last such call and tells the message ids, in their order.

With `unheard`, what is dispatched goes to a queue of RabbitMQ that keeps none. With `watched`,
benchmarks/soak_queue.py takes it; GET /greenlets/0 tells how many there are, and GET /clock/N sets
time.time() N seconds ahead.
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
    """With a config of our own, and a name of its own, so that an installed sensor can run too."""

    def __init__(self, file: str, name: str, config: Dict[str, Any]):
        self._own_config = config
        super().__init__(pack="benchmarks", file_path=file, class_name=name,
                         trigger_types=["hipchat.message"] if name == "WebhookSensor" else [],
                         parent_args=["--config-file", os.environ["ST2_CONFIG_PATH"]])

    def _get_sensor_config(self) -> Dict[str, Any]:
        return self._own_config


def register(file: str, config: Dict[str, Any]) -> None:
    """Let the sensor see its config as the registered one: it ends when there is another."""
    sys.path.insert(0, os.path.dirname(file))
    from stackstorm import database
    database.registered_config = lambda: config
    database.resolved_config = lambda: config


class Control:
    """The WSGI application that a benchmark asks."""

    def __init__(self, sensor: Any):
        self._sensor = sensor
        self._heard: List[str] = []
        self._payloads: Dict[str, Dict[str, Any]] = {}
        # The sensor makes its parts when it runs, after this.
        kind = sys.modules["listening.dispatch.dispatcher"].Dispatcher
        make = kind.__init__
        kind.__init__ = lambda own, subscriptions, directory, dispatch, *more: make(
            own, subscriptions, directory, self._noting(dispatch), *more)

    def _noting(self, dispatch: Callable) -> Callable:
        def noting(trigger: str, payload: Dict[str, Any], trace: str) -> None:
            dispatch(trigger, payload, trace)
            self._payloads[trigger] = payload
            self._heard.append(payload["item"]["message"]["id"])
        return noting

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
        while len(self._heard) < count:
            eventlet.sleep(0.005)
        heard, self._heard = self._heard, []
        return heard


class Watch:
    """The WSGI application that the soak asks."""

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


def take_unheard() -> Connection:
    """As long as the connection lives, a queue takes what goes to the exchange."""
    connection = get_connection()
    queue = Queue("", TRIGGER_INSTANCE_XCHG, routing_key="#", exclusive=True, max_length=1)
    queue(connection.default_channel).declare()
    return connection


def main(file: str, name: str, config: str, mode: str = "") -> None:
    if name == "WebhookSensor":
        register(file, json.loads(config))
    wrapper = Wrapper(file, name, json.loads(config))
    address, unheard = "none", mode == "unheard" and take_unheard()
    if mode in ("control", "watched"):
        listener = eventlet.listen(("127.0.0.1", 0), backlog=64)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        application = Control(wrapper._sensor_instance) if mode == "control" else Watch()
        eventlet.spawn(wsgi.server, listener, application, log_output=False)
    print(address, flush=True)
    os.dup2(2, 1)  # nobody reads what the platform logs
    wrapper.run()
    unheard and unheard.close()


main(*sys.argv[1:])
