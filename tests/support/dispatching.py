"""RoomQueues and a dispatcher between a real spool and a fake StackStorm."""
import json
import logging
import time
from collections import Counter

import eventlet
from eventlet.event import Event
from support.context import CONFIG, make_context
from support.waiting import wait_until

from hipchat.api.room_directory import RoomDirectory
from listening.dispatch.dispatcher import Dispatcher
from listening.dispatch.room_queues import RoomQueues
from listening.subscriptions import Subscriptions
from listening.operations.health import Health
from listening.operations.supervisor import Supervisor
from listening.spool import Delivery, Spool

LOG = logging.getLogger("test")


def make_spool(directory, health=None, recheck_all=lambda: None, is_open=True):
    """A spool whose writer runs when it is open."""
    spool = Spool(directory=str(directory), max_deliveries=1000, dedup_kept=3600.0,
                  health=health or Health(LOG), recheck_all=recheck_all,
                  run_forever=lambda name, task: eventlet.spawn(task))
    if is_open:
        spool.open()
    return spool


class Rules(Subscriptions):
    """Subscriptions whose triggers change one by one."""

    def add(self, trigger):
        self.replace([*self._triggers.values(), trigger])

    def remove(self, trigger):
        self.replace([each for ref, each in self._triggers.items() if ref != trigger["ref"]])


class Publisher:
    """A publisher that can fail. published: (trigger, trace) of each dispatch that did not."""

    def __init__(self):
        self.published, self.attempts = [], Counter()
        self.under_way = self.most_under_way = 0
        self.fails = lambda trigger, trace: False
        self.takes, self._held = 0, None
        self.error = ConnectionError("the broker is away")

    def hold(self):
        """Make all dispatches wait for release()."""
        self._held = Event()

    def release(self):
        self._held.send()
        self._held = None

    def dispatch(self, trigger, payload, trace):
        self.attempts[trace] += 1
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        eventlet.sleep(self.takes)
        if self._held:
            self._held.wait()
        self.under_way -= 1
        if self.fails(trigger, trace):
            raise self.error
        self.published.append((trigger, trace))

    def traces(self):
        return [trace for _, trace in self.published]


class Bench:
    """The room queues, their dispatcher, and what these need."""

    def __init__(self, directory):
        self.stackstorm = Publisher()
        self.refreshes = 0
        self.unwanted = []
        self.health = Health(LOG)
        self.rooms = RoomDirectory()
        self._names = []
        self.subscriptions = Rules([], [], self.rooms, LOG, lambda: None)
        self.spool = make_spool(directory, self.health)
        self.dispatcher = self.make_dispatcher(self.stackstorm.dispatch)
        self.supervisor = Supervisor(self.health)
        self.queues = RoomQueues(self.spool, self.dispatcher.deliver, self.health, LOG)
        self.refresh = lambda: None

    def make_dispatcher(self, publish):
        return Dispatcher(
            context=make_context(dict(CONFIG, template_guard=False), rooms=self.rooms,
                                 subscriptions=self.subscriptions, health=self.health),
            publish=publish, refresh=self._refresh, delivery_unwanted=self.unwanted.append,
            delivery_handled=lambda address, name: None,
            take_command=lambda address, body, message_id: False)

    def _refresh(self):
        self.refreshes += 1
        self.refresh()

    def know(self, room):
        """Let HipChat list a room of that name; the first one's ID is 1001."""
        self._names.append(room)
        self.rooms.replace([{"id": 1001 + number, "name": name}
                         for number, name in enumerate(dict.fromkeys(self._names))])
        self.subscriptions.apply_directory()

    def listen(self, ref, room="Factor", event="message", **parameters):
        self.know(room)
        self.add(ref, room, event, **parameters)

    def add(self, ref, room, event="message", **parameters):
        """Add a rule, for a room that HipChat may not have listed."""
        self.subscriptions.add({"ref": ref, "id": "id of " + ref, "type": "hipchat." + event,
                            "parameters": dict(parameters, room=room)})

    def put(self, trace, room="Factor", text="deploy", event="room_message", body=None):
        """What the receiver does with a delivery."""
        if body is None:
            body = json.dumps({"item": {"message": {"message": text}}}).encode()
        delivery = Delivery(event=event, room_id=self.id_of(room), trace_tag=str(trace), body=body,
                            sent_at=time.time())
        self.spool.insert(delivery)
        self.queues.notify(delivery.room_id)

    def start(self):
        self.queues.start(self.supervisor)

    def deliver(self, trace):
        """Put a delivery, and return once none waits."""
        self.put(trace)
        wait_until(lambda: self.spool.waiting == 0)

    def id_of(self, room):
        """The room's ID; 999 if HipChat does not list it."""
        room_id = self.rooms.id_of(room)
        return 999 if room_id is None else room_id

    def shorten_pauses(self, monkeypatch):
        """Let delays between attempts take no time; return them, in seconds."""
        asked = []
        spawn_after = eventlet.spawn_after

        def soon(seconds, function, *args):
            if seconds < 1:
                return spawn_after(seconds, function, *args)
            if getattr(function, "__self__", None) is self.queues._queue:
                asked.append(seconds)
            return spawn_after(0.001, function, *args)

        monkeypatch.setattr(eventlet, "spawn_after", soon)
        return asked
