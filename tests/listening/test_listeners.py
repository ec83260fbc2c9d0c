"""Who listens to what, as StackStorm adds, changes and removes triggers."""
import logging

import pytest

from hipchat.errors import ParameterError
from hipchat.room_directory import RoomDirectory
from hipchat.sensor_settings import EVERYWHERE
from listening.listeners import Listener, Listeners
from hipchat.webhook_url import Address


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
    directory.take([{"id": FACTOR, "name": "Factor"}, {"id": OPS, "name": "Ops"}])
    return directory


@pytest.fixture
def listeners(changes, directory):
    return Listeners(["Factor", str(SALES)], ["message", "enter"], directory,
                     logging.getLogger("listeners"), lambda: changes.append(None))


def hearing(listeners, room, event="room_message"):
    return refs(listeners.hearing(Address(event, room)))


def refs(found):
    return sorted(listener.ref for listener in found)


def test_the_triggers_that_want_a_room_are_found_by_its_id_and_by_what_it_is_called(listeners):
    listeners.add(trigger("message"))
    listeners.add(trigger("in Ops", room="ops"))
    listeners.add(trigger("in a room that is none", room="Nowhere"))
    assert listeners.refs([FACTOR, OPS, "Nowhere", 9]) == {
        FACTOR: {"hipchat.message"}, OPS: {"hipchat.in Ops"},
        "Nowhere": {"hipchat.in a room that is none"}, 9: set()}


def test_what_is_wanted_everywhere_follows_the_rooms_and_is_worked_out_once(directory):
    listeners = Listeners([EVERYWHERE], ["message"], directory, logging.getLogger("listeners"),
                          lambda: None)
    listeners.add(trigger("message"))
    wanted = listeners.wanted()
    assert {address.room for address in wanted} == {FACTOR, OPS} and listeners.wanted() is wanted
    directory.take([{"id": FACTOR, "name": "Factor"},
                    {"id": OPS, "name": "Ops", "is_archived": True}])
    assert {address.room for address in listeners.wanted()} == {FACTOR}


class TestAdded:
    """Triggers that come, the same one often twice."""

    def test_without_a_room_hears_the_rooms_of_the_config(self, listeners):
        listeners.add(trigger("message"))
        assert listeners.wanted() == {Address("room_message", FACTOR),
                                      Address("room_message", SALES)}
        assert hearing(listeners, FACTOR) == ["hipchat.message"]
        assert hearing(listeners, OPS) == []
        assert hearing(listeners, FACTOR, "room_enter") == []

    def test_without_a_room_hears_only_the_events_of_the_config(self, listeners):
        listeners.add(trigger("exit", "exit"))
        assert listeners.wanted() == set()

    def test_with_a_room_hears_any_event_in_that_room(self, listeners):
        listeners.add(trigger("a", "exit", room="Ops"))
        assert listeners.wanted() == {Address("room_exit", OPS)}

    def test_with_a_rooms_id_as_an_integer_hears_it(self, listeners):
        listeners.add(trigger("a", room=42))
        assert hearing(listeners, 42) == ["hipchat.a"]

    def test_is_found_once_by_several_names_of_a_room(self, listeners):
        listeners.add(trigger("message"))
        listeners.add(trigger("a", room="Factor"))
        listeners.add(trigger("b", room=FACTOR))
        assert hearing(listeners, FACTOR) == ["hipchat.a", "hipchat.b", "hipchat.message"]

    def test_twice_is_the_same_as_once(self, listeners, changes):
        for _ in range(3):
            listeners.add(trigger("a", room="Factor"))
        assert len(hearing(listeners, FACTOR)) == 1
        assert (len(changes), listeners.version) == (1, 1)

    def test_with_other_parameters_hears_by_these(self, listeners):
        listeners.add(trigger("a", room="Factor"))
        listeners.add(trigger("a", room="Ops", filter="x"))
        assert listeners.wanted() == {Address("room_message", OPS)}
        assert hearing(listeners, FACTOR) == []

    def test_carries_its_id_and_its_filter(self, listeners):
        listeners.add(trigger("a", room="Factor", filter="ping (.*)"))
        listener, = listeners.hearing(Address("room_message", FACTOR))
        assert listener.trigger_id == "id of a"
        assert listener.filter.groups("ping x") == ["x"]

    def test_without_parameters_at_all_is_as_with_none(self, listeners):
        listeners.add(dict(trigger("message"), parameters=None))
        assert hearing(listeners, SALES) == ["hipchat.message"]


class TestRemoved:
    """Triggers that go."""

    def test_is_heard_no_more(self, listeners):
        listeners.add(trigger("a", room="Factor"))
        listeners.add(trigger("b", room="Factor"))
        listeners.remove(trigger("a", room="Factor"))
        assert hearing(listeners, FACTOR) == ["hipchat.b"]
        listeners.remove(trigger("b", room="Factor"))
        assert listeners.wanted() == set()

    def test_unknown_is_no_error_and_no_change(self, listeners, changes):
        listeners.remove(trigger("a"))
        assert changes == []

    def test_and_added_again_is_heard(self, listeners):
        for _ in range(2):
            listeners.add(trigger("a", room="Factor"))
            listeners.remove(trigger("a", room="Factor"))
        listeners.add(trigger("a", room="Factor"))
        assert len(hearing(listeners, FACTOR)) == 1


class TestReplaced:
    """The triggers as StackStorm's database has them."""

    def test_are_all_there_are(self, listeners):
        for number, ref in enumerate("abc"):
            listeners.add(trigger(ref, room=number))
        listeners.replace([trigger("b", room=1), trigger("c", room=5), trigger("d", room=3)])
        assert listeners.wanted() == {Address("room_message", room) for room in (1, 5, 3)}

    def test_by_the_same_are_no_change(self, listeners, changes, caplog):
        triggers = [trigger("a", room="a"), trigger("message"), trigger("wrong", filter="(")]
        listeners.replace(triggers)
        del changes[:]
        caplog.clear()
        listeners.replace(triggers)
        assert changes == [] and caplog.records == []


class TestWrong:
    """Parameters that make no sense."""

    WRONG = [
        ("message", {"filter": "("}), ("message", {"filter": 5}), ("message", {"filter": None}),
        ("message", {"room": ""}), ("message", {"room": None}), ("message", {"room": True}),
        ("message", {"room": "a\nb"}), ("message", {"Room": "Factor"}), ("enter", {"filter": "x"}),
        ("message", {"room": "Factor", "rooms": []}), ("party", {})]

    @pytest.mark.parametrize("event, parameters", WRONG)
    def test_are_an_error_that_names_trigger_and_remedy(self, event, parameters):
        with pytest.raises(ParameterError) as caught:
            Listener.of_trigger(trigger("a", event, **parameters))
        text = str(caught.value)
        assert "hipchat.a" in text and "hipchat." + event in text and "Correct the rule" in text
        assert "\n" not in text

    @pytest.mark.parametrize("event, parameters", WRONG)
    def test_are_remembered_raise_nothing_and_disturb_nobody(
            self, listeners, event, parameters):
        listeners.add(trigger("good", room="Factor"))
        for _ in range(3):
            listeners.add(trigger("a", event, **parameters))
        assert list(listeners.wrong()) == ["hipchat.a"]
        assert hearing(listeners, FACTOR, "room_" + event) in ([], ["hipchat.good"])
        assert listeners.wanted() == {Address("room_message", FACTOR)}
        listeners.remove(trigger("a", event, **parameters))
        assert listeners.wanted() == {Address("room_message", FACTOR)}
        assert listeners.wrong() == {}

    def test_of_a_trigger_that_was_right_end_its_listening(self, listeners):
        listeners.add(trigger("a", room="Factor"))
        listeners.add(trigger("a", room=""))
        assert listeners.wanted() == set()


class TestRenamed:
    """Names that rooms get and lose."""

    def test_a_rule_for_a_name_hears_the_room_that_bears_it_now(
            self, listeners, directory, changes):
        listeners.add(trigger("a", room="Factor"))
        directory.take([{"id": FACTOR, "name": "Factor-old"}, {"id": SALES, "name": "Factor"}])
        listeners.renew()
        assert listeners.wanted() == {Address("room_message", SALES)}
        assert hearing(listeners, FACTOR) == [] and hearing(listeners, SALES) == ["hipchat.a"]
        assert len(changes) == 2

    def test_a_rule_for_a_name_that_no_room_bears_waits_for_one(self, listeners, directory):
        listeners.add(trigger("a", room="Soon"))
        assert listeners.wanted() == set()
        assert listeners.nameless() == {"Soon": {"room_message"}}
        directory.take([{"id": 7, "name": "Soon"}])
        listeners.renew()
        assert listeners.wanted() == {Address("room_message", 7)} and not listeners.nameless()
        listeners.remove(trigger("a", room="Soon"))
        assert listeners.wanted() == set()

    def test_a_name_that_looks_like_an_id_is_none(self, listeners, directory):
        listeners.add(trigger("a", room=str(OPS)))
        directory.take([{"id": FACTOR, "name": str(OPS)}, {"id": OPS, "name": "Ops"}])
        listeners.renew()
        assert hearing(listeners, FACTOR) == [] and hearing(listeners, OPS) == ["hipchat.a"]

    def test_the_share_of_a_node_follows_a_name_too(self, directory):
        listeners = Listeners(["Factor", "Ops"], ["message"], directory,
                              logging.getLogger("listeners"), lambda: None,
                              only_rooms=["Factor", str(SALES)])
        listeners.add(trigger("message"))
        listeners.add(trigger("a", room=FACTOR))
        listeners.add(trigger("b", room="Sales"))
        assert listeners.wanted() == {Address("room_message", FACTOR)}
        directory.take([{"id": OPS, "name": "Factor"}, {"id": SALES, "name": "Sales"}])
        listeners.renew()
        assert listeners.wanted() == {Address("room_message", OPS),
                                      Address("room_message", SALES)}

    @pytest.mark.parametrize("config", [["Factor", "Ops"], [EVERYWHERE]])
    def test_what_came_before_a_room_left_the_share_is_heard_by_all_its_rules(
            self, directory, config):
        listeners = Listeners(config, ["message"], directory, logging.getLogger("listeners"),
                              lambda: None, only_rooms=["Factor"])
        listeners.add(trigger("message"))
        listeners.add(trigger("a", room="Ops", filter="ping (.*)"))
        listeners.add(trigger("b", room="Factor"))
        listeners.add(trigger("c", "enter", room="Ops"))
        ops = Address("room_message", OPS)
        assert listeners.matching(ops, "ping x") is None
        assert [(listener.ref, groups) for listener, groups in listeners.matching_elsewhere(
            ops, "ping x")] == [("hipchat.message", []), ("hipchat.a", ["x"])]
        assert refs(listener for listener, _ in listeners.matching_elsewhere(ops, "hi")) == [
            "hipchat.message"]
        assert listeners.matching_elsewhere(Address("room_exit", OPS), "") is None

    def test_nothing_changes_while_no_name_does(self, listeners, directory, changes):
        listeners.add(trigger("a", room="Factor"))
        directory.take([{"id": OPS, "name": "Ops"}, {"id": FACTOR, "name": "Factor"}])
        listeners.renew()
        assert len(changes) == 1


def test_listeners_of_all_rooms_hear_each_and_no_room_passes_for_all():
    directory = RoomDirectory()
    directory.take([{"id": FACTOR, "name": "Factor"}, {"id": OPS, "name": "Ops",
                                                       "is_archived": True}])
    listeners = Listeners([EVERYWHERE], ["message"], directory, logging.getLogger("listeners"),
                          lambda: None)
    listeners.add(trigger("message"))
    listeners.add(trigger("one", room="Factor"))
    for number, room in enumerate((0, "0", -1, "-1")):
        listeners.add(trigger("odd{}".format(number), room=room))
    assert hearing(listeners, FACTOR) == ["hipchat.message", "hipchat.one"]
    assert hearing(listeners, 12345) == ["hipchat.message"]
    assert listeners.matching(Address("room_enter", FACTOR), "") is None
    assert listeners.names() == {"Factor", "-1"} and set(listeners.nameless()) == {"-1"}
    assert listeners.wanted() == {Address("room_message", FACTOR), Address("room_message", 0)}


def test_names_are_those_of_the_triggers_there_are(listeners):
    assert listeners.names() == set()
    listeners.add(trigger("one", room="Ops"))
    assert listeners.names() == {"Ops"}
    listeners.add(trigger("one", room="Sales"))
    assert listeners.names() == {"Sales"}
    listeners.remove(trigger("one"))
    assert listeners.names() == set()


class TestGone:
    """Rooms that were deleted: what had been said there may still wait for its dispatch."""

    @pytest.fixture
    def gone(self, listeners, directory):
        """A rule heard the room Factor, which is gone; a new room took its name."""
        listeners.add(trigger("a", room="Factor", filter="ping"))
        directory.take([{"id": SALES, "name": "Factor"}])
        listeners.renew()
        return listeners

    def test_are_heard_still_by_those_that_heard_them(self, gone):
        assert gone.wanted() == {Address("room_message", SALES)}
        assert hearing(gone, FACTOR) == hearing(gone, SALES) == ["hipchat.a"]

    def test_are_heard_no_more_by_a_rule_that_was_removed_since(self, gone):
        assert gone.matching(Address("room_message", FACTOR), "ping")
        gone.remove(trigger("a"))
        assert gone.matching(Address("room_message", FACTOR), "ping") is None

    def test_are_heard_by_nobody_who_came_later(self, gone):
        gone.add(trigger("b", room="Factor"))
        assert hearing(gone, FACTOR) == ["hipchat.a"]

    def test_are_gone_no_more_where_a_later_look_shows_them(self, listeners, directory):
        listeners.add(trigger("a", room="Factor"))
        factor = {"id": FACTOR, "name": "Factor"}
        for rooms in ([], [factor], [dict(factor, name="Attic"), {"id": SALES, "name": "Factor"}]):
            directory.take(rooms)
            listeners.renew()
        assert hearing(listeners, FACTOR) == [] and hearing(listeners, SALES) == ["hipchat.a"]
