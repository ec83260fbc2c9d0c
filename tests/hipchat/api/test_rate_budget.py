"""The sensor spares HipChat: a fifth of the calls that it allows, and none that is not needed."""
import json
from datetime import datetime

import pytest
from support.waiting import wait_until

WINDOW = 1  # second
LIMIT = 50  # calls in a window
CHANGING = ("POST", "PUT", "DELETE")


def wait_for_webhooks(stackstorm, count):
    """Those in the sample rules' rooms, which these HipChats have not, stay away."""
    wait_until(lambda: stackstorm.health().get("webhooks", {}).get("present") == count)


def windows(calls):
    """How many calls fell into each of HipChat's windows, as it counts them."""
    counts, end = [], 0.0
    for call in calls:
        when = datetime.fromisoformat(call["when"]).timestamp()
        if when >= end:
            counts.append(0)
            end = when + WINDOW
        counts[-1] += 1
    return counts


def test_the_sensor_keeps_within_a_fifth_of_the_announced_limit(start_hipchat, start_stackstorm):
    rooms = [f"Room {number}" for number in range(9)]
    options = [option for room in rooms for option in ("--room", room)]
    hipchat = start_hipchat("--rate-limit", str(LIMIT), "--rate-window", str(WINDOW), *options)
    stackstorm = start_stackstorm(hipchat, rooms=rooms, events=["message"])
    wait_for_webhooks(stackstorm, len(rooms))
    calls = hipchat.people.requests()
    assert 429 not in [call["status"] for call in calls]
    assert max(windows(calls)) == LIMIT // 5


class TestFiveHundredRulesInFiftyRooms:
    ROOMS = [f"Room {number}" for number in range(50)]

    @pytest.fixture
    def hipchat(self, start_hipchat):
        return start_hipchat(*[option for room in self.ROOMS for option in ("--room", room)])

    @pytest.fixture
    def stackstorm(self, hipchat, start_stackstorm, tmp_path):
        process = start_stackstorm(hipchat, options=self.rule_files(tmp_path))
        wait_for_webhooks(process, 50)
        return process

    def rule_files(self, directory):
        """Options that load ten rules for each room, each with a filter of its own."""
        options = []
        for number in range(500):
            file = directory / f"rule_{number}.yaml"
            file.write_text(json.dumps({
                "name": file.stem, "pack": "hipchat", "enabled": True,
                "trigger": {"type": "hipchat.message", "parameters": {
                    "room": self.ROOMS[number % 50], "filter": f"deploy {number}"}},
                "action": {"ref": "hipchat.send", "parameters": {"message": "unused"}}}))
            options += ["--rule", str(file)]
        return options

    def test_need_fifty_webhooks(self, hipchat, stackstorm):
        assert [len(hipchat.webhooks(room)) for room in self.ROOMS] == 50 * [1]
        made = [call for call in hipchat.people.requests()
                if call["method"] in CHANGING and call["status"] < 300]
        assert len(made) == 50

    def test_need_no_call_that_changes_anything_on_a_restart(self, hipchat, stackstorm):
        stackstorm.stop()
        hipchat.people.forget()
        stackstorm.start()
        wait_for_webhooks(stackstorm, 50)
        calls = hipchat.people.requests()
        assert [call for call in calls if call["method"] in CHANGING] == []
        assert len([call for call in calls if "/webhook" in call["path"]]) == 50, "one each"
        assert len(calls) < 110, "and one for the history of each"
