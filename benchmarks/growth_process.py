"""Dispatches deliveries from a spool to a function that does nothing; prints the µs per delivery.

Arguments: the number of rules in each room, of rooms, of waiting deliveries, and of rules in other
rooms.
"""
import sandbox  # noqa: F401  (hides a warning of Eventlet)

import eventlet

eventlet.monkey_patch(os=True, select=True, socket=True, thread=True, time=True)

import logging
import sys
import tempfile
import time
from collections import defaultdict
from typing import Any, Dict, List

from benchmarks.load import delivery
from benchmarks.settings import FIRST_ROOM, config
from hipchat.api.client import Client
from hipchat.api.room_directory import RoomDirectory
from hipchat.config.sensor_settings import SensorSettings
from listening.context import Context
from listening.dispatch.dispatcher import Dispatcher
from listening.operations.health import Health
from listening.dispatch.room_queues import RoomQueues
from listening.subscriptions import Subscriptions
from listening.spool import Delivery, Spool
from listening.spool.store import Store
from listening.operations.supervisor import Supervisor

DELIVERIES = 5000


def main(rules: int, rooms: int, backlog: int, elsewhere: int) -> float:
    log = logging.getLogger("benchmarks")
    log.setLevel(logging.CRITICAL)  # the spool's directory is removed before the process ends
    directory = RoomDirectory()
    subscriptions = Subscriptions([], [], directory, log, lambda: None)
    subscriptions.replace(
        [_trigger(FIRST_ROOM + room, number) for room in range(rooms) for number in range(rules)] +
        [_trigger(FIRST_ROOM + rooms + number, number) for number in range(elsewhere)])
    with tempfile.TemporaryDirectory() as place:
        _fill(place, rooms, backlog + DELIVERIES)
        health = Health(log)
        spool = Spool(directory=place, max_deliveries=10 ** 6, dedup_kept=3600.0, health=health,
                      run_forever=lambda name, task: eventlet.spawn(task),
                      recheck_all=lambda: None)
        spool.open()
        dispatched: Dict[str, List[str]] = defaultdict(list)  # message IDs, by room name

        def dispatch(trigger: str, payload: Dict[str, Any], trace: str) -> None:
            eventlet.sleep(0)
            item = payload["item"]
            dispatched[item["room"]["name"]].append(item["message"]["id"])

        settings = SensorSettings.from_config(config("http://127.0.0.1:1/v2", 1, place))
        dispatcher = Dispatcher(
            context=Context(
                settings=settings, client=Client(settings.api), rooms=directory,
                subscriptions=subscriptions, health=health, log=log),
            publish=dispatch, refresh=lambda: None, delivery_unwanted=lambda address: None,
            delivery_handled=lambda address, name: None,
            take_command=lambda address, body, message_id: False)
        used = time.process_time()
        RoomQueues(spool, dispatcher.deliver, health, log).start(Supervisor(health))
        while health.totals()["dispatched"] < DELIVERIES:
            eventlet.sleep(0.001)
        cost = (time.process_time() - used) / health.totals()["dispatched"]
        for room, ids in dispatched.items():
            numbers = [int(each.rpartition("/")[2]) for each in ids]
            expected = range(numbers[0], backlog + DELIVERIES, rooms)
            assert numbers == list(expected[:len(numbers)]), "lost or out of order in " + room
    return 1e6 * cost


def _trigger(room: int, number: int) -> Dict[str, Any]:
    ref = f"hipchat.{room}.{number}"
    pattern = "deploy (\\w+)" if number == 0 else f"deploy service-{number} (\\d+)"
    return {"ref": ref, "id": ref, "type": "hipchat.message",
            "parameters": {"room": room, "filter": pattern}}


def _fill(directory: str, rooms: int, count: int) -> None:
    """Store deliveries in a spool, in one transaction."""
    store = Store(directory, 10 ** 6, 3600.0, report=print)
    store.open()
    store.commit([[Delivery(
        event="room_message", room_id=room_id, trace_tag=str(number),
        body=delivery(f"m/{number}", str(room_id)), sent_at=time.time())]
        for number in range(count) for room_id in [FIRST_ROOM + number % rooms]], {})
    store.close()


print(main(*map(int, sys.argv[1:])))
