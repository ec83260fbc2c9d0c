"""Which room is meant by a name or an id."""
import pytest

from hipchat.api.client import Client
from hipchat.errors import Forbidden
from hipchat.api.room_directory import RoomDirectory, find_rooms
from hipchat.config.api_settings import ApiSettings


@pytest.fixture
def directory():
    return RoomDirectory()


def client(server, token):
    return Client(ApiSettings.from_config({"api_url": server.url, "api_key": token}))


class TestNames:
    def test_mean_the_room_that_has_them_exactly(self, directory):
        directory.replace([{"id": 1, "name": "Ops"}, {"id": 2, "name": "ops"}])
        assert (directory.id_of("Ops"), directory.id_of("ops")) == (1, 2)

    def test_in_other_capitals_mean_a_room_if_it_is_the_only_one(self, directory):
        directory.replace([{"id": 1, "name": "Ops"}, {"id": 2, "name": "Lunch"},
                        {"id": 3, "name": "LUNCH"}])
        assert (directory.id_of("OPS"), directory.id_of("lunch")) == (1, None)

    def test_mean_no_room_if_no_room_has_them(self, directory):
        assert directory.id_of("Ops") is None and not directory.is_loaded
        directory.replace([])
        assert directory.id_of("Ops") is None and directory.is_loaded and not directory.had_rooms

    def test_are_known_once_a_room_was_listed(self, directory):
        for rooms in ([{"id": 1, "name": "Ops"}], []):
            directory.replace(rooms)
            assert directory.had_rooms

    def test_of_digits_are_ids_whatever_rooms_are_called(self, directory):
        directory.replace([{"id": 1, "name": "2"}, {"id": 2, "name": "Ops"}])
        assert [directory.id_of(each) for each in ("1", "2", "3", "\u0661")] == [1, 2, 3, None]

    def test_of_an_archived_room_mean_one_in_use_that_has_them_too(self, directory):
        directory.replace([{"id": 1, "name": "Ops", "is_archived": False},
                        {"id": 2, "name": "Ops", "is_archived": True}])
        assert directory.id_of("Ops") == 1
        assert directory.is_archived(2) and not directory.is_archived(1)

    def test_are_found_by_the_rooms_id(self, directory):
        directory.replace([{"id": 1, "name": "Ops"}])
        assert (directory.name_of(1), directory.name_of(2)) == ("Ops", None)

    @pytest.mark.parametrize("strange", [None, "Ops", {}, {"id": "1", "name": "Ops"},
                                         {"id": True, "name": "Ops"}, {"id": 1, "name": None}])
    def test_are_not_taken_from_what_is_no_room(self, directory, strange):
        directory.replace([strange, {"id": 5, "name": "Lunch"}])
        assert directory.id_of("Ops") is None and directory.id_of("Lunch") == 5

    def test_are_counted_as_changed_when_they_are(self, directory):
        versions = []
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
