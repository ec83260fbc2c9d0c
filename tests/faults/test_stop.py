"""The sensor is stopped under load: in time, in order, and without losing what it accepted."""
import signal
import time

import pytest
from support.load import Load, delivery, post
from support.waiting import wait_until

from listening.timing import STOP_TIMEOUT


def test_a_stop_under_load_lets_nothing_be_dispatched_twice(listen, journal):
    stackstorm, urls = listen(20)
    with Load(urls, senders=2) as load:
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
def test_sigterm_under_load_ends_it_soon_and_loses_nothing(listen, journal, fault):
    stackstorm, urls = listen(4)
    stackstorm.set_fault(fault)
    with Load(urls, senders=2) as load:
        wait_until(lambda: load.count() > 100)
        began = time.monotonic()
        stackstorm.process.terminate()
        assert stackstorm.process.wait(60) == 128 + signal.SIGTERM
        assert time.monotonic() - began < 2 * STOP_TIMEOUT
    assert set(load.statuses) <= {204, 503, None}, "accepted, refused or not answered"
    assert "Stopped;" in stackstorm.log(), "cleanup() ran"
    assert all(len(stackstorm.webhooks(room)) == 1 for room in urls), "webhooks stay"
    stackstorm.start()
    journal.wait_for(load.accepted)
    wait_until(lambda: stackstorm.health().get("status") == "ok")
    room, url = next(iter(urls.items()))
    assert post(url, delivery("after", room)) == 204
    journal.wait_for([["after"]])
