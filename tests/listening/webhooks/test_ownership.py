"""Which webhooks are ours, however HipChat lists them, and rooms that keep failing."""
import math
import time

import pytest
from support.waiting import wait_until

from sandbox.both_servers import free_port

SIGNATURE = "s" * 43


def urls(hipchat, room):
    return [hook["url"] for hook in hipchat.webhooks(room)]


class TestOthers:
    def test_on_the_host_of_a_public_url_without_a_path_are_left_alone(
            self, hipchat, start_stackstorm, act, room):
        port = free_port()
        base = f"http://127.0.0.1:{port}"
        others = [base + path for path in (
            "/api/v1/webhooks/ci", "/room_message/1001/short", "/room_party/1001/" + SIGNATURE,
            "/x/room_message/1001/" + SIGNATURE, "/room_message/" + SIGNATURE)]
        for url in others:
            hipchat.make_webhook(room, url)
        stackstorm = start_stackstorm(hipchat, rooms=[room], events=["message"],
                                      webhook={"public_url": base, "port": port})
        stackstorm.add_rule("message")
        wait_until(stackstorm.has_its_webhooks)
        assert act("remove_webhooks", config=stackstorm.config, rooms=[room])[1]["removed"] == 1
        assert urls(hipchat, room) == others


class TestLeftOver:
    """Webhooks of a public_url that the config had before."""

    def move(self, stackstorm):
        """Give the sensor another public_url; returns the one that it had."""
        earlier, port = stackstorm.listener, free_port()
        stackstorm.stop()
        stackstorm.listener = f"http://127.0.0.1:{port}/moved"
        stackstorm.config["webhook"].update(public_url=stackstorm.listener, port=port)
        return earlier

    def test_are_left_alone_reported_by_check_and_removed_by_people(
            self, hipchat, start_ready, act, room):
        stackstorm = start_ready(hipchat, rooms=[room], events=["message"])
        earlier = self.move(stackstorm)
        stackstorm.start()
        wait_until(stackstorm.has_its_webhooks)
        assert len([url for url in urls(hipchat, room) if url.startswith(earlier)]) == 1
        lines = act("check", config=stackstorm.config)[1]["lines"]
        assert [line for line in lines if f"(1 for {earlier})" in line and "TO DO" in line]
        stackstorm.stop()
        assert act("remove_webhooks", config=stackstorm.config, rooms=[room])[1]["removed"] == 2
        assert urls(hipchat, room) == []


class TestListed:
    """However HipChat lists the URLs of webhooks, one is made for each event."""

    @pytest.mark.parametrize("spelling", ["respelled", "none"])
    def test_otherwise_they_are_known(self, start_hipchat, start_ready, spelling):
        hipchat = start_hipchat("--room", "Factor", "--room", "Ops")
        hipchat.people.spell(spelling)
        stackstorm = start_ready(hipchat, rooms=["Ops"], events=["message"])
        for event in ("enter", "exit"):  # each lets the sensor look again
            stackstorm.add_rule(event, {"room": "Ops"})
            wait_until(lambda: "room_" + event in [
                hook["event"] for hook in hipchat.webhooks("Ops")])
        wait_until(stackstorm.has_its_webhooks)
        assert sorted(hook["event"] for hook in hipchat.webhooks("Ops")) == [
            "room_enter", "room_exit", "room_message"]


class TestTrouble:
    """Rooms for which HipChat fails."""

    @pytest.mark.parametrize("fault", [{"status": 500}, {"delay": 1.5}], ids=["500", "time-out"])
    def test_in_one_room_starves_no_other(self, start_hipchat, start_stackstorm, fault):
        rooms = ["Ops", "Sales", "Lunch"]
        hipchat = start_hipchat("--room", "Factor", *[
            option for room in rooms for option in ("--room", room)])
        hipchat.people.faults(dict(fault, paths="/room/1002/webhook"))
        stackstorm = start_stackstorm(hipchat, rooms=["Ops"], events=["message"], timeout=0.4)
        wait_until(lambda: "HipChat: webhooks cannot be managed" in
                   stackstorm.health().get("reasons", []))
        began = time.monotonic()
        for room in rooms[1:]:
            stackstorm.listen("message", room)
        tries = [call for call in hipchat.people.requests() if "/1002/" in call["path"]]
        # Two calls immediately, and after 1, 2, 4, ... seconds.
        assert len(tries) <= 4 + 2 * math.log2(2 + time.monotonic() - began)
        assert "HipChat: webhooks cannot be managed" in stackstorm.health()["reasons"]
        hipchat.people.heal()
        wait_until(stackstorm.has_its_webhooks)
        wait_until(lambda: stackstorm.health()["status"] == "ok")

    def test_in_all_rooms_is_no_reason_to_hammer(self, start_hipchat, start_stackstorm):
        hipchat = start_hipchat("--room", "Factor", *[
            option for number in range(10) for option in ("--room", f"Room {number}")])
        hipchat.people.faults({"paths": "/v2/", "status": 503})
        started = time.monotonic()
        start_stackstorm(hipchat, rooms=[
            str(number) for number in range(1002, 1012)], events=["message"])
        wait_until(lambda: len(hipchat.people.requests()) >= 4)
        assert time.monotonic() - started > 3
