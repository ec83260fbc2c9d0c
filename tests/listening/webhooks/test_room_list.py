"""How often HipChat's list of rooms is read."""
from types import SimpleNamespace

import pytest
from support.clock import Clock
from support.context import LOG, make_context

from hipchat.api.room_directory import RoomDirectory
from listening import room_schedule
from listening.subscriptions import Subscriptions
from listening.room_schedule import RoomSchedule
from listening.timing import ROOM_LIST_PERIOD
from listening.webhooks import room_list
from listening.webhooks.room_list import ROOM_LIST, RoomList


@pytest.fixture
def pauses(monkeypatch):
    """The pauses (s) after so many looks for a room that is not among so many: pauses(4500, 3)."""
    clock = Clock()
    for module in (room_list, room_schedule):
        monkeypatch.setattr(module, "time", clock)

    def look(rooms, times):
        directory = RoomDirectory()
        subscriptions = Subscriptions(["Nowhere"], ["message"], directory, LOG, lambda: None)
        subscriptions.replace([{"ref": "hipchat.x", "id": "x", "type": "hipchat.message",
                                "parameters": {}}])
        client = SimpleNamespace(items=lambda *path, **params: [
            {"id": number, "name": f"Room {number}"} for number in range(rooms)])
        schedule = RoomSchedule(60)
        names = RoomList(make_context(client=client, rooms=directory, subscriptions=subscriptions),
                         schedule)
        for _ in range(times):
            clock.now = max(clock.now, schedule.due_at(ROOM_LIST))
            assert schedule.next() == ROOM_LIST
            names.read()
            yield schedule.due_at(ROOM_LIST) - clock.now

    return lambda *how: list(look(*how))


@pytest.mark.parametrize("rooms, expected", [(2, [1, 2, 4, 8]), (4500, [5, 10, 20, 40])],
                         ids=["one call", "five calls"])
def test_a_name_that_no_room_has_is_looked_up_ever_more_rarely(pauses, rooms, expected):
    found = pauses(rooms, 12)
    assert found[:4] == expected and found[-1] == ROOM_LIST_PERIOD
