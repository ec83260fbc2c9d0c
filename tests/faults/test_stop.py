"""The sensor is stopped under load: in time, in order, and without losing what it accepted."""
import signal
import time

import pytest
from support.load import Load, delivery, post, signed_url
from support.waiting import wait_until

from listening.timing import STOP_TIMEOUT


def test_a_stop_under_load_lets_nothing_be_dispatched_twice(hipchat, start_ready, journal):
    rooms = [hipchat.make_room() for _ in range(20)]
    stackstorm = start_ready(hipchat, rooms=rooms, events=["message"], options=journal.options)
    with Load({room: signed_url(stackstorm, room) for room in rooms}, senders=2) as load:
        for count in (200, 400):
            wait_until(lambda: load.count() > count)
            stackstorm.process.terminate()
            assert stackstorm.process.wait(60) == 128 + signal.SIGTERM
            stackstorm.start()
            wait_until(lambda: stackstorm.health().get("status") == "ok")
    journal.wait_for(load.accepted)
    dispatched = journal.dispatched()
    assert len(dispatched) == len(set(dispatched)), "none was dispatched twice"


@pytest.mark.parametrize("fault", ["none", "fail"], ids=["as ever", "while the broker is away"])
def test_sigterm_under_load_ends_it_soon_and_loses_nothing(hipchat, start_ready, journal, fault):
    rooms = [hipchat.make_room() for _ in range(4)]
    stackstorm = start_ready(hipchat, rooms=rooms, events=["message"], options=journal.options)
    stackstorm.set_fault(fault)
    with Load({room: signed_url(stackstorm, room) for room in rooms}, senders=2) as load:
        wait_until(lambda: load.count() > 100)
        began = time.monotonic()
        stackstorm.process.terminate()
        assert stackstorm.process.wait(60) == 128 + signal.SIGTERM
        assert time.monotonic() - began < 2 * STOP_TIMEOUT
    assert set(load.statuses) <= {204, 503, None}, "accepted, refused or not answered"
    assert "Stopped;" in stackstorm.log(), "cleanup() ran"
    assert all(len(stackstorm.webhooks(room)) == 1 for room in rooms), "webhooks stay"
    stackstorm.start()
    journal.wait_for(load.accepted)
    wait_until(lambda: stackstorm.health().get("status") == "ok")
    assert post(signed_url(stackstorm, rooms[0]), delivery("after", rooms[0])) == 204
    journal.wait_for([["after"]])
