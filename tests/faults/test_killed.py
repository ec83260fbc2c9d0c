"""The sensor is killed, again and again: nothing that it accepted is lost."""
import random
import time

from support.load import Load, send_all
from support.waiting import wait_until

KILLS = 20


def test_twenty_kills_under_load_lose_nothing_and_keep_the_order_of_each_room(
        listen, journal):
    stackstorm, urls = listen(4)
    with Load(urls) as load:
        for number in range(KILLS):
            before = load.count()
            if number % 4 == 0:  # so that much waits in the spool when the end comes
                stackstorm.set_fault("fail")
            wait_until(lambda: load.count() > before)
            time.sleep(random.uniform(0, 0.2))  # a random moment, and no condition
            stackstorm.kill()
            stackstorm.start()
        before = load.count()
        wait_until(lambda: load.count() > max(before, 10 * KILLS))
    journal.wait_for(load.accepted)
    wait_until(lambda: stackstorm.health()["waiting"] == 0)
    assert stackstorm.health()["status"] == "ok"


def test_dispatched_deliveries_are_not_dispatched_again_after_a_kill(listen, journal):
    stackstorm, urls = listen(1)
    load = send_all(urls, deliveries=30)
    journal.wait_for(load.accepted)
    wait_until(lambda: stackstorm.health()["waiting"] == 0)
    stackstorm.kill()
    stackstorm.start()
    wait_until(lambda: stackstorm.health().get("status") == "ok")
    assert journal.dispatched() == load.accepted[0]
