"""A burst, a large delivery and a clock set back: nothing is lost, and memory does not grow."""
import re

from support.load import Load, delivery, post, send_all
from support.waiting import wait_until

MEBIBYTE = 1024 * 1024
GROWTH = 30 * MEBIBYTE

CLOCK = '''
import time, os
real, file = time.time_ns, {!r}
time.time_ns = lambda: real() - (86400 * 10**9 if os.path.exists(file) else 0)
time.time = lambda: time.time_ns() / 1e9
'''


def memory(stackstorm, what="VmRSS"):
    """Bytes that the process uses; VmHWM: has used at most."""
    with open(f"/proc/{stackstorm.process.pid}/status") as status:
        return next(1024 * int(line.split()[1]) for line in status if line.startswith(what))


def test_five_thousand_deliveries_in_one_burst_from_fifty_connections(
        listen, journal):
    stackstorm, urls = listen(10)
    warm_up = send_all(urls, senders=5, deliveries=4, prefix="warm-up ")
    journal.wait_for(warm_up.accepted)
    before = memory(stackstorm)
    load = send_all(urls, senders=5, deliveries=100)
    assert load.statuses == {204: 5000}
    journal.wait_for(load.accepted)
    assert len(journal.dispatched()) == 5200, "each was dispatched once"
    assert memory(stackstorm, "VmHWM") - before < GROWTH


def test_a_delivery_of_a_mebibyte(listen, journal):
    stackstorm, urls = listen(1)
    (room, url), = urls.items()
    before = memory(stackstorm)
    envelope = len(delivery("large", room, ""))
    assert post(url, delivery("large", room, "x" * (MEBIBYTE - envelope))) == 204
    journal.wait_for([["large"]])
    assert memory(stackstorm, "VmHWM") - before < GROWTH


def test_a_clock_that_is_set_back_by_a_day(listen, journal, tmp_path, monkeypatch):
    set_back = tmp_path / "set back"
    (tmp_path / "sitecustomize.py").write_text(CLOCK.format(str(set_back)))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    stackstorm, urls = listen(4)
    with Load(urls) as load:
        wait_until(lambda: load.count() > 100)
        set_back.touch()
        wait_until(lambda: load.count() > 200)
    journal.wait_for(load.accepted)
    wait_until(lambda: stackstorm.health()["waiting"] == 0)
    assert stackstorm.health()["status"] == "ok"
    assert len(set(re.findall(r"(?m)^\d{4}-\d\d-\d\d ", stackstorm.log()))) >= 2, "dates"
    room, url = next(iter(urls.items()))
    assert post(url, delivery(load.accepted[0][0], room)) == 204
    wait_until(lambda: stackstorm.health()["dropped"].get("repeated") == 1)
