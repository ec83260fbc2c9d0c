"""How often HipChat is asked which room bears which name."""
import logging
from types import SimpleNamespace

import pytest
from support.clock import Clock

from hipchat.api.room_directory import RoomDirectory
from listening.webhooks import room_list as room_names
from listening.dispatch.subscriptions import Subscriptions
from listening.timing import ROOM_LIST_PERIOD
from listening.webhooks.room_list import RoomList


@pytest.fixture
def pauses(monkeypatch):
    """The pauses (s) after so many looks for a room that is not among so many: pauses(4500, 3)."""
    clock = Clock()
    monkeypatch.setattr(room_names, "time", clock)

    def look(rooms, times):
        directory, log = RoomDirectory(), logging.getLogger("room names")
        subscriptions = Subscriptions(["Nowhere"], ["message"], directory, log, lambda: None)
        subscriptions.add({"ref": "hipchat.x", "id": "x",
                          "type": "hipchat.message", "parameters": {}})
        client = SimpleNamespace(items=lambda *path, **params: [
            {"id": number, "name": f"Room {number}"} for number in range(rooms)])
        names = RoomList(client, directory, subscriptions, log)
        for _ in range(times):
            names.look()
            yield names.due - clock.now

    return lambda *how: list(look(*how))


def test_a_name_that_no_room_bears_is_looked_for_again_ever_more_rarely(pauses):
    found = pauses(2, 12)
    assert found[:4] == [1, 2, 4, 8] and found[-1] == ROOM_LIST_PERIOD


def test_and_the_more_rarely_the_more_calls_that_takes(pauses):
    found = pauses(4500, 12)
    assert found[:4] == [5, 10, 20, 40] and found[-1] == ROOM_LIST_PERIOD
