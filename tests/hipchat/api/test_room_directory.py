"""Which room is meant by a name or an id."""
import pytest

from hipchat.api.client import Client
from hipchat.errors import Forbidden
from hipchat.api.room_directory import RoomDirectory, find_rooms
from hipchat.config.api_settings import ApiSettings


def client(server, token):
    return Client(ApiSettings.from_config({"api_url": server.url, "api_key": token}))


def directory_of(*rooms):
    """The directory with the rooms (ID, name, whether it is archived)."""
    directory = RoomDirectory()
    directory.replace({"id": room_id, "name": name, "is_archived": bool(archived)}
                      for room_id, name, *archived in rooms)
    return directory


class TestNames:
    @pytest.mark.parametrize("rooms, ids", [
        ([(1, "Ops"), (2, "ops")], {"Ops": 1, "ops": 2}),
        ([(1, "Ops"), (2, "Lunch"), (3, "LUNCH")], {"OPS": 1, "lunch": None}),
        ([(1, "2"), (2, "Ops")], {"1": 1, "2": 2, "3": 3, "\u0661": None}),
        ([(1, "Ops"), (2, "Ops", True)], {"Ops": 1}), ([(2, "Ops", True), (1, "Ops")], {"Ops": 1}),
        ([], {"Ops": None})],
        ids=["exact", "any case", "digits are IDs", "open room", "open room again", "none"])
    def test_mean_a_room(self, rooms, ids):
        directory = directory_of(*rooms)
        assert {name: directory.id_of(name) for name in ids} == ids

    def test_are_known_once_a_room_was_listed(self):
        directory = RoomDirectory()
        assert directory.id_of("Ops") is None and not directory.is_loaded
        directory.replace([])
        assert directory.is_loaded and not directory.had_rooms
        for rooms in ([{"id": 1, "name": "Ops"}], []):
            directory.replace(rooms)
            assert directory.had_rooms

    def test_are_found_by_the_rooms_id(self):
        directory = directory_of((1, "Ops"), (3, "Old", True))
        assert [directory.name_of(room_id) for room_id in (1, 2, 3)] == ["Ops", None, "Old"]
        assert [directory.is_archived(room_id) for room_id in (1, 2, 3)] == [False, False, True]

    @pytest.mark.parametrize("strange", [None, "Ops", {}, {"id": "1", "name": "Ops"},
                                         {"id": True, "name": "Ops"}, {"id": 1, "name": None}])
    def test_are_not_taken_from_what_is_no_room(self, strange):
        directory = RoomDirectory()
        directory.replace([strange, {"id": 5, "name": "Lunch"}])
        assert directory.id_of("Ops") is None and directory.id_of("Lunch") == 5

    def test_are_counted_as_changed_when_they_are(self):
        directory, versions = RoomDirectory(), []
        for name in ("Ops", "Ops", "Lunch"):
            directory.replace([{"id": 1, "name": name}])
            versions.append(directory.version)
        assert versions == [1, 1, 2]


class TestFound:
    """What HipChat tells of its rooms."""

    def test_are_all_by_one_call_archived_ones_too(self, start_hipchat):
        server = start_hipchat("--room", "A/B", "--room", "Old", "--token", "t")
        server.rename("Old", "Old", is_archived=True)
        server.people.forget()
        rooms = find_rooms(client(server, "t"), ["A/B"])
        assert sorted(room["name"] for room in rooms) == ["A/B", "Old"]
        assert [call["path"] for call in server.people.requests()] == ["/v2/room"]

    def test_are_those_that_are_named_where_the_list_is_refused(self, start_hipchat):
        server = start_hipchat("--room", "Ops", "--room", "Lunch", "--token", "t")
        server.people.faults({"paths": "/v2/room$", "status": 403})
        rooms = find_rooms(client(server, "t"), ["Ops", "Nowhere", "1002"])
        assert [room["name"] for room in rooms] == ["Ops"]

    def test_are_an_error_where_all_is_refused(self, start_hipchat):
        server = start_hipchat("--room", "Ops", "--token", "weak:admin_room")
        with pytest.raises(Forbidden):
            find_rooms(client(server, "weak"), ["Ops"])
