"""Subscriptions, as StackStorm adds, changes and removes triggers."""
import pytest
from support.dispatching import LOG, Rules

from hipchat.api.room_directory import RoomDirectory
from hipchat.config.sensor_settings import EVERYWHERE
from hipchat.webhook.webhook_url import Address


def trigger(ref, event="message", **parameters):
    """A trigger as StackStorm gives it to a sensor."""
    return {"uid": "trigger:hipchat:" + ref, "ref": "hipchat." + ref, "name": ref,
            "pack": "hipchat", "type": "hipchat." + event, "parameters": parameters,
            "id": "id of " + ref}


@pytest.fixture
def changes():
    return []


FACTOR, OPS, SALES = 1001, 1002, 1003


@pytest.fixture
def directory():
    directory = RoomDirectory()
    directory.replace([{"id": FACTOR, "name": "Factor"}, {"id": OPS, "name": "Ops"}])
    return directory


@pytest.fixture
def subscriptions(changes, directory):
    return Rules(["Factor", str(SALES)], ["message", "enter"], directory, LOG,
                 lambda: changes.append(None))


def hearing(subscriptions, room, event="room_message"):
    return refs(subscriptions.at(Address(event, room)))


def refs(found):
    return sorted(listener.ref for listener in found)


def test_the_triggers_for_a_room_are_found_by_its_id_and_its_name(subscriptions):
    subscriptions.add(trigger("message"))
    subscriptions.add(trigger("in Ops", room="ops"))
    subscriptions.add(trigger("in an unknown room", room="Nowhere"))
    assert subscriptions.refs_by_room([FACTOR, OPS, "Nowhere", 9]) == {
        FACTOR: {"hipchat.message"}, OPS: {"hipchat.in Ops"},
        "Nowhere": {"hipchat.in an unknown room"}, 9: set()}


def test_required_addresses_follow_the_rooms_and_are_computed_once(directory):
    subscriptions = Rules([EVERYWHERE], ["message"], directory, LOG, lambda: None)
    subscriptions.add(trigger("message"))
    wanted = subscriptions.required()
    assert {address.room_id for address in wanted} == {
        FACTOR, OPS} and subscriptions.required() is wanted
    directory.replace([{"id": FACTOR, "name": "Factor"},
                       {"id": OPS, "name": "Ops", "is_archived": True}])
    subscriptions.apply_directory()
    assert {address.room_id for address in subscriptions.required()} == {FACTOR}


def test_many_rules_for_the_configs_rooms_look_each_room_up_once(directory, monkeypatch):
    rooms = [str(room_id) for room_id in range(1, 101)]
    subscriptions, looked_up = Rules(rooms, ["message"], directory, LOG, lambda: None), []
    monkeypatch.setattr(directory, "id_of", lambda room: looked_up.append(room) or int(room))
    subscriptions.replace([trigger(f"message {number}") for number in range(50)])
    assert len(looked_up) == len(rooms)


class TestAdded:
    """New triggers, the same one often twice."""

    def test_without_a_room_applies_to_the_configs_rooms(self, subscriptions):
        subscriptions.add(trigger("message"))
        assert subscriptions.required() == {Address("room_message", FACTOR),
                                      Address("room_message", SALES)}
        assert hearing(subscriptions, FACTOR) == ["hipchat.message"]
        assert hearing(subscriptions, OPS) == []
        assert hearing(subscriptions, FACTOR, "room_enter") == []

    def test_without_a_room_applies_only_to_the_configs_events(self, subscriptions):
        subscriptions.add(trigger("exit", "exit"))
        assert subscriptions.required() == set()

    @pytest.mark.parametrize("room, room_id", [("Ops", OPS), (42, 42)])
    def test_with_a_room_applies_to_any_event_in_that_room(self, subscriptions, room, room_id):
        subscriptions.add(trigger("a", "exit", room=room))
        assert subscriptions.required() == {Address("room_exit", room_id)}
        assert hearing(subscriptions, room_id, "room_exit") == ["hipchat.a"]

    def test_is_found_once_by_several_names_of_a_room(self, subscriptions):
        subscriptions.add(trigger("message"))
        subscriptions.add(trigger("a", room="Factor"))
        subscriptions.add(trigger("b", room=FACTOR))
        assert hearing(subscriptions, FACTOR) == ["hipchat.a", "hipchat.b", "hipchat.message"]

    def test_twice_is_the_same_as_once(self, subscriptions, changes):
        for _ in range(3):
            subscriptions.add(trigger("a", room="Factor"))
        assert len(hearing(subscriptions, FACTOR)) == 1
        assert (len(changes), subscriptions.version) == (1, 1)

    def test_with_other_parameters_replaces_the_former_ones(self, subscriptions):
        subscriptions.add(trigger("a", room="Factor"))
        subscriptions.add(trigger("a", room="Ops", filter="x"))
        assert subscriptions.required() == {Address("room_message", OPS)}
        assert hearing(subscriptions, FACTOR) == []

    def test_carries_its_id_and_its_filter(self, subscriptions):
        subscriptions.add(trigger("a", room="Factor", filter="ping (.*)"))
        listener, = subscriptions.at(Address("room_message", FACTOR))
        assert listener.trigger_id == "id of a"
        assert listener.filter.groups("ping x") == ["x"]

    def test_without_parameters_at_all_is_as_with_none(self, subscriptions):
        subscriptions.add(dict(trigger("message"), parameters=None))
        assert hearing(subscriptions, SALES) == ["hipchat.message"]


class TestRemoved:
    """Deleted triggers."""

    def test_no_longer_matches(self, subscriptions):
        subscriptions.add(trigger("a", room="Factor"))
        subscriptions.add(trigger("b", room="Factor"))
        subscriptions.remove(trigger("a", room="Factor"))
        assert hearing(subscriptions, FACTOR) == ["hipchat.b"]
        subscriptions.remove(trigger("b", room="Factor"))
        assert subscriptions.required() == set()

    def test_unknown_is_no_error_and_no_change(self, subscriptions, changes):
        subscriptions.remove(trigger("a"))
        assert changes == []

    def test_and_added_again_matches(self, subscriptions):
        for _ in range(2):
            subscriptions.add(trigger("a", room="Factor"))
            subscriptions.remove(trigger("a", room="Factor"))
        subscriptions.add(trigger("a", room="Factor"))
        assert len(hearing(subscriptions, FACTOR)) == 1


class TestReplaced:
    """The triggers as StackStorm's database has them."""

    def test_are_all_there_are(self, subscriptions):
        for number, ref in enumerate("abc"):
            subscriptions.add(trigger(ref, room=number))
        subscriptions.replace([trigger("b", room=1), trigger("c", room=5), trigger("d", room=3)])
        assert subscriptions.required() == {Address("room_message", room) for room in (1, 5, 3)}

    def test_by_the_same_are_no_change(self, subscriptions, changes, caplog):
        triggers = [trigger("a", room="a"), trigger("message"), trigger("wrong", filter="(")]
        subscriptions.replace(triggers)
        del changes[:]
        caplog.clear()
        subscriptions.replace(triggers)
        assert changes == [] and caplog.records == []


class TestWrong:
    """Invalid parameters."""

    WRONG = [
        ("message", {"filter": "ping ("}, ["filter", "ping (", "compile"]),
        ("message", {"filter": "(?=ahead)"}, ["filter", "look-around"]),
        ("message", {"filter": 5}, ["filter", "5", "string"]),
        ("message", {"filter": None}, ["filter", "None", "string"]),
        ("message", {"room": ""}, ["room", "''"]), ("message", {"room": "  "}, ["room", "'  '"]),
        ("message", {"room": None}, ["room", "None"]), ("message", {"room": True}, ["room"]),
        ("message", {"room": ["Factor"]}, ["room", "['Factor']"]),
        ("message", {"room": "x" * 101}, ["room", "100"]), ("message", {"room": "a\nb"}, ["room"]),
        ("message", {"Room": "Factor"}, ["'Room'", "room and filter"]),
        ("enter", {"filter": "Ann"}, ["filter", "no text", "criteria"]),
        ("message", {"room": "Factor", "rooms": []}, ["'rooms'"]), ("party", {}, [])]

    @pytest.mark.parametrize("event, parameters, words", WRONG)
    def test_are_reported_with_trigger_and_remedy_and_affect_no_other(
            self, subscriptions, event, parameters, words):
        subscriptions.add(trigger("good", room="Factor"))
        for _ in range(3):
            subscriptions.add(trigger("a", event, **parameters))
        (ref, error), = subscriptions.invalid_triggers().items()
        text = str(error)
        assert ref == "hipchat.a"
        assert "hipchat.a" in text and "hipchat." + event in text and "Correct the rule" in text
        assert "\n" not in text and all(word in text for word in words)
        assert hearing(subscriptions, FACTOR, "room_" + event) in ([], ["hipchat.good"])
        assert subscriptions.required() == {Address("room_message", FACTOR)}
        subscriptions.remove(trigger("a", event, **parameters))
        assert subscriptions.required() == {Address("room_message", FACTOR)}
        assert subscriptions.invalid_triggers() == {}

    def test_of_a_trigger_that_was_right_end_its_listening(self, subscriptions):
        subscriptions.add(trigger("a", room="Factor"))
        subscriptions.add(trigger("a", room=""))
        assert subscriptions.required() == set()


class TestRenamed:
    """Renamed rooms."""

    def test_a_rule_for_a_name_applies_to_the_room_that_has_it_now(
            self, subscriptions, directory, changes):
        subscriptions.add(trigger("a", room="Factor"))
        directory.replace([{"id": FACTOR, "name": "Factor-old"}, {"id": SALES, "name": "Factor"}])
        subscriptions.apply_directory()
        assert subscriptions.required() == {Address("room_message", SALES)}
        assert hearing(subscriptions, FACTOR) == [] and hearing(
            subscriptions, SALES) == ["hipchat.a"]
        assert len(changes) == 2

    def test_a_rule_for_a_name_that_no_room_has_waits_for_one(self, subscriptions, directory):
        subscriptions.add(trigger("a", room="Soon"))
        assert subscriptions.required() == set()
        assert subscriptions.unknown_names() == {"Soon": {"room_message"}}
        directory.replace([{"id": 7, "name": "Soon"}])
        subscriptions.apply_directory()
        assert subscriptions.required() == {Address("room_message", 7)}
        assert not subscriptions.unknown_names()
        subscriptions.remove(trigger("a", room="Soon"))
        assert subscriptions.required() == set()

    def test_a_name_that_looks_like_an_id_is_none(self, subscriptions, directory):
        subscriptions.add(trigger("a", room=str(OPS)))
        directory.replace([{"id": FACTOR, "name": str(OPS)}, {"id": OPS, "name": "Ops"}])
        subscriptions.apply_directory()
        assert hearing(subscriptions, FACTOR) == [] and hearing(subscriptions, OPS) == ["hipchat.a"]

    def test_nothing_changes_while_no_name_does(self, subscriptions, directory, changes):
        subscriptions.add(trigger("a", room="Factor"))
        directory.replace([{"id": OPS, "name": "Ops"}, {"id": FACTOR, "name": "Factor"}])
        subscriptions.apply_directory()
        assert len(changes) == 1


def test_subscriptions_to_all_rooms_match_each_and_no_room_passes_for_all():
    directory = RoomDirectory()
    directory.replace([{"id": FACTOR, "name": "Factor"}, {"id": OPS, "name": "Ops",
                                                       "is_archived": True}])
    subscriptions = Rules([EVERYWHERE], ["message"], directory, LOG, lambda: None)
    subscriptions.add(trigger("message"))
    subscriptions.add(trigger("one", room="Factor"))
    for number, room in enumerate((0, "0", -1, "-1")):
        subscriptions.add(trigger(f"odd{number}", room=room))
    assert hearing(subscriptions, FACTOR) == ["hipchat.message", "hipchat.one"]
    assert hearing(subscriptions, 12345) == ["hipchat.message"]
    assert subscriptions.matching(Address("room_enter", FACTOR), "") is None
    assert subscriptions.names() == {"Factor", "-1"}
    assert set(subscriptions.unknown_names()) == {"-1"}
    assert subscriptions.required() == {Address("room_message", FACTOR), Address("room_message", 0)}


def test_names_are_those_of_the_triggers_there_are(subscriptions):
    assert subscriptions.names() == set()
    subscriptions.add(trigger("one", room="Ops"))
    assert subscriptions.names() == {"Ops"}
    subscriptions.add(trigger("one", room="Sales"))
    assert subscriptions.names() == {"Sales"}
    subscriptions.remove(trigger("one"))
    assert subscriptions.names() == set()


class TestGone:
    """Deleted rooms, whose deliveries may still wait for their dispatch."""

    @pytest.fixture
    def gone(self, subscriptions, directory):
        """A rule had the room Factor, which was deleted; a new room took its name."""
        subscriptions.add(trigger("a", room="Factor", filter="ping"))
        directory.replace([{"id": SALES, "name": "Factor"}])
        subscriptions.apply_directory()
        return subscriptions

    def test_still_match_their_earlier_subscriptions(self, gone):
        assert gone.required() == {Address("room_message", SALES)}
        assert hearing(gone, FACTOR) == hearing(gone, SALES) == ["hipchat.a"]

    def test_do_not_match_a_rule_that_was_removed_since(self, gone):
        assert gone.matching(Address("room_message", FACTOR), "ping")
        gone.remove(trigger("a"))
        assert gone.matching(Address("room_message", FACTOR), "ping") is None

    def test_do_not_match_later_subscriptions(self, gone):
        gone.add(trigger("b", room="Factor"))
        assert hearing(gone, FACTOR) == ["hipchat.a"]

    def test_are_no_longer_gone_where_a_later_list_has_them(self, subscriptions, directory):
        subscriptions.add(trigger("a", room="Factor"))
        factor = {"id": FACTOR, "name": "Factor"}
        for rooms in ([], [factor], [dict(factor, name="Attic"), {"id": SALES, "name": "Factor"}]):
            directory.replace(rooms)
            subscriptions.apply_directory()
        assert hearing(subscriptions, FACTOR) == [] and hearing(
            subscriptions, SALES) == ["hipchat.a"]
