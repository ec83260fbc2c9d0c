"""Dispatches deliveries from a spool to a platform that does nothing; prints µs of each."""
import eventlet

eventlet.monkey_patch(os=True, select=True, socket=True, thread=True, time=True)

import logging
import sqlite3
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
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
from listening.dispatch.subscriptions import Subscriptions
from listening.spool import FILE, Spool
from listening.operations.supervisor import Supervisor

DELIVERIES = 5000


def main(rules: int, rooms: int, backlog: int, elsewhere: int) -> float:
    log = logging.getLogger("benchmarks")
    log.setLevel(logging.CRITICAL)  # the spool's directory goes at the end
    directory = RoomDirectory()
    subscriptions = Subscriptions([], [], directory, log, lambda: None)
    for room in range(rooms):
        for number in range(rules):
            _add(subscriptions, FIRST_ROOM + room, number)
    for number in range(elsewhere):
        _add(subscriptions, FIRST_ROOM + rooms + number, number)
    with tempfile.TemporaryDirectory() as place:
        spool = Spool(place, 10 ** 6, repaired=log.warning)
        spool.open()
        _fill(place, rooms, backlog + DELIVERIES)
        heard: Dict[str, List[str]] = defaultdict(list)

        def dispatch(trigger: str, payload: Dict[str, Any], trace: str) -> None:
            eventlet.sleep(0)
            heard[payload["item"]["room"]["name"]].append(payload["item"]["message"]["id"])

        health = Health(log)
        settings = SensorSettings.from_config(config("http://127.0.0.1:1/v2", 1, place))
        dispatcher = Dispatcher(
            context=Context(
                settings=settings, client=Client(settings.api), rooms=directory,
                subscriptions=subscriptions, health=health, log=log),
            publish=dispatch, refresh=lambda: None, delivery_unwanted=lambda address: None,
            delivery_handled=lambda address, name: None)
        used = time.process_time()
        RoomQueues(spool, dispatcher.deliver, health).start(Supervisor(health))
        while health.dispatched < DELIVERIES:
            eventlet.sleep(0.001)
        cost = (time.process_time() - used) / health.dispatched
        for room, ids in heard.items():
            numbers = [int(each.rpartition("/")[2]) for each in ids]
            wanted = range(numbers[0], backlog + DELIVERIES, rooms)
            assert numbers == list(wanted[:len(numbers)]), "lost or out of order in " + room
    return 1e6 * cost


def _add(subscriptions: Subscriptions, room: int, number: int) -> None:
    ref = f"hipchat.{room}.{number}"
    pattern = "deploy (\\w+)" if number == 0 else f"deploy service-{number} (\\d+)"
    subscriptions.add({"ref": ref, "id": ref, "type": "hipchat.message",
                   "parameters": {"room": room, "filter": pattern}})


def _fill(directory: str, rooms: int, count: int) -> None:
    """What the receiver would have put into the spool, in one transaction."""
    db = sqlite3.connect(str(Path(directory) / FILE))
    with db:
        db.executemany(
            "INSERT INTO deliveries (lane, event, room, trace, received, body) VALUES "
            "(?, 'room_message', ?, ?, ?, ?)",
            ((room, room, str(number), time.time(), delivery(f"m/{number}", room))
             for number in range(count) for room in [str(FIRST_ROOM + number % rooms)]))
    db.close()


print(main(*map(int, sys.argv[1:])))
