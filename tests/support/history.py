"""A sensor's spool, room queues and history, without its sockets; and a HipChat for it."""
import json
import logging
from unittest import mock

from support.context import CONFIG, make_context
from support.dispatching import Rules, make_spool
from support.waiting import wait_until

from hipchat.errors import Forbidden, NoAnswer, RateLimited
from hipchat.api.rate_limit import CallBudget
from hipchat.api.room_directory import RoomDirectory
from hipchat.api.room_history import read_items
from listening import timing
from listening.dispatch.room_queues import RoomQueues
from listening.errors import ServiceUnavailable
from listening.history.bodies import as_body
from listening.history.cursors import Cursors
from listening.history.poller import HistoryPoller
from listening.operations.health import Health
from listening.operations.supervisor import Supervisor
from listening.spool.delivery_factory import from_webhook

FACTOR, OPS = 1001, 1002
ROOMS = [{"id": FACTOR, "name": "Factor"}, {"id": OPS, "name": "Ops"}]
CATCH_UP = 3600.0
LOG = logging.getLogger("sensor")


class Datastore(dict):
    """StackStorm's datastore; is_away: it does not answer."""

    is_away = False

    def read_all(self, keys):
        self._answer()
        return {key: self[key] for key in keys if key in self}

    def read_prefix(self, prefix):
        self._answer()
        return {key: value for key, value in self.items() if key.startswith(prefix)}

    def write(self, key, value):
        self._answer()
        self[key] = value

    def _answer(self):
        if self.is_away:
            raise ServiceUnavailable("database", "away", "Check it.")


class Hipchat:
    """HipChat's histories, and the client that asks for them.

    reads: the rooms whose histories were asked for; forbidden: those that may not be read; broken:
    those where the answer never comes; limited: how many calls more are refused; ahead: its clock,
    by seconds; during_read: what happens once while an answer is on its way.
    """

    def __init__(self, clock):
        self._clock, self._histories = clock, {FACTOR: [], OPS: []}
        self.reads, self.forbidden, self.broken, self.during_read = [], set(), set(), None
        self.limited, self.ahead = 0, 0.0

    def now(self):
        return self._clock.now + self.ahead

    def say(self, text, kind="message", room=FACTOR):
        self._histories[room].append({"id": text, "type": kind, "date": self.now(),
                                      "from": {"id": 2002, "name": "Ann"}, "message": text})
        return self._histories[room][-1]

    def page(self, *path, **params):
        room = path[1]
        items, during_read = list(self._histories[room]), self.during_read
        self.during_read = None
        if during_read:
            during_read()
        self.reads.append(room)
        if room in self.forbidden:
            raise Forbidden(f"GET /v2/room/{room}/history", 403, "no scope")
        if self.limited:
            self.limited -= 1
            raise RateLimited(f"GET /v2/room/{room}/history", 429, "", reset_in=1.0)
        if room in self.broken:
            raise NoAnswer("HipChat did not answer.")
        if "not-before" in params:
            items = items[[item["id"] for item in items].index(params["not-before"]):]
        return {"items": items[-params["max-results"]:]}


class Bench:
    """A sensor without its sockets; dispatched: the texts, in order. fails: StackStorm is away.

    rooms: those that HipChat tells of; datastore: what a sensor before it has left there.
    """

    def __init__(self, directory, hipchat, clock, triggers, rooms, datastore):
        self.hipchat, self._clock = hipchat, clock
        self.dispatched, self.fails, self._datastore = [], False, datastore
        self.health = Health(LOG)
        self._rooms = RoomDirectory()
        self._rooms.replace(rooms)
        self.spool = make_spool(directory, self.health, is_open=False,
                                recheck_all=lambda: self.history.recheck_all())
        self.queues = RoomQueues(self.spool, self._deliver, self.health, LOG)
        self.subscriptions = Rules([], [], self._rooms, LOG,
                                   lambda: self.history.subscriptions_changed())
        self.webhooks = mock.Mock(**{
            "is_history_only.return_value": False, "id_of.return_value": 7})
        self._cursors = Cursors(datastore.read_all, datastore.write, str(directory))
        self.history = HistoryPoller(
            context=make_context(dict(CONFIG, catch_up=CATCH_UP), client=hipchat,
                                 rooms=self._rooms, subscriptions=self.subscriptions,
                                 health=self.health),
            budget=CallBudget(1), cursors=self._cursors, spool=self.spool,
            room_queues=self.queues, webhooks=self.webhooks)
        for trigger in triggers:
            self.subscriptions.add(trigger)
        self.spool.open()
        self.history.begin()
        supervisor = Supervisor(self.health)
        self.queues.start(supervisor)
        self._reading = supervisor.run_forever("history", self.history.run)

    def stop(self):
        self._reading.kill()
        self.queues.finish()
        self.spool.settle()
        self._cursors.write()
        self.spool._store.close()

    def tell(self, rooms):
        """Let HipChat list these rooms."""
        self._rooms.replace(rooms)
        self.subscriptions.apply_directory()

    def _deliver(self, delivery, triggers):
        if self.fails:
            raise ConnectionError("away")
        self.dispatched.append(delivery.trace_tag)
        self.history.note_activity(delivery.room_id)

    def come(self, item, room=FACTOR):
        """Let a webhook deliver this item."""
        body = as_body(*read_items([item]), {"id": room}, 7)
        delivery = from_webhook(event=body["event"], room_id=room, raw=json.dumps(body).encode(),
                                body=body, now=self.hipchat.now())
        self.spool.insert(delivery)
        self.queues.notify(room)

    def hear(self, text):
        """Let a webhook deliver a new message, and wait for its dispatch."""
        self.come(self.hipchat.say(text))
        wait_until(lambda: text in self.dispatched)

    def reported(self, key):
        """A value of the section `history` of /health."""
        return self.health.report()["history"][key]

    def let_pass(self, seconds):
        self._clock.now += seconds
        self.history.subscriptions_changed()

    def read_again(self, room=FACTOR, requested=True):
        """Wait until the room's history was read once more.

        Args:
            room: its ID.
            requested: request the read; else wait until an audit is due.
        """
        reads = self.hipchat.reads.count(room)
        if requested:
            self.history.request_check(room)
        else:
            self.let_pass(timing.AUDIT_QUIET_PERIOD)
        wait_until(lambda: self.hipchat.reads.count(room) > reads and not self.reported(
            "doubtful"))


def trigger(event="message", room=FACTOR):
    """A trigger as StackStorm gives it to a sensor."""
    ref = f"hipchat.{event} in {room}"
    return {"ref": ref, "type": "hipchat." + event, "parameters": {"room": room}, "id": ref}
