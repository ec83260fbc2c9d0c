"""Who listens to what, as StackStorm adds, changes and removes triggers."""
import logging

import pytest

from hipchat.errors import ParameterError
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


@pytest.fixture
def listeners(changes):
    return Listeners(["Factor", "1001"], ["message", "enter"], logging.getLogger("listeners"),
                     lambda: changes.append(None))


def refs(found):
    return sorted(listener.ref for listener in found)


class TestAdded:
    """Triggers that come, the same one often twice."""

    def test_without_a_room_hears_the_rooms_of_the_config(self, listeners):
        listeners.add(trigger("message"))
        assert listeners.wanted() == {Address("room_message", "Factor"),
                                      Address("room_message", "1001")}
        assert refs(listeners.hearing("room_message", ["Factor"])) == ["hipchat.message"]
        assert listeners.hearing("room_message", ["Ops"]) == []
        assert listeners.hearing("room_enter", ["Factor"]) == []

    def test_without_a_room_hears_only_the_events_of_the_config(self, listeners):
        listeners.add(trigger("exit", "exit"))
        assert listeners.wanted() == set()

    def test_with_a_room_hears_any_event_in_that_room(self, listeners):
        listeners.add(trigger("a", "exit", room="Ops"))
        assert listeners.wanted() == {Address("room_exit", "Ops")}

    def test_with_a_rooms_id_as_an_integer_hears_it(self, listeners):
        listeners.add(trigger("a", room=42))
        assert refs(listeners.hearing("room_message", ["Ops", "42"])) == ["hipchat.a"]

    def test_is_found_once_by_several_names_of_a_room(self, listeners):
        listeners.add(trigger("message"))
        listeners.add(trigger("a", room="Factor"))
        found = listeners.hearing("room_message", ["Factor", "1001", "Factor"])
        assert refs(found) == ["hipchat.a", "hipchat.message"]

    def test_twice_is_the_same_as_once(self, listeners, changes):
        for _ in range(3):
            listeners.add(trigger("a", room="Factor"))
        assert len(listeners.hearing("room_message", ["Factor"])) == 1
        assert (len(changes), listeners.version) == (1, 1)

    def test_with_other_parameters_hears_by_these(self, listeners):
        listeners.add(trigger("a", room="Factor"))
        listeners.add(trigger("a", room="Ops", filter="x"))
        assert listeners.wanted() == {Address("room_message", "Ops")}
        assert listeners.hearing("room_message", ["Factor"]) == []

    def test_carries_its_id_and_its_filter(self, listeners):
        listeners.add(trigger("a", room="Factor", filter="ping (.*)"))
        listener, = listeners.hearing("room_message", ["Factor"])
        assert listener.trigger_id == "id of a"
        assert listener.filter.groups("ping x") == ["x"]

    def test_without_parameters_at_all_is_as_with_none(self, listeners):
        listeners.add(dict(trigger("message"), parameters=None))
        assert refs(listeners.hearing("room_message", ["1001"])) == ["hipchat.message"]


class TestRemoved:
    """Triggers that go."""

    def test_is_heard_no_more(self, listeners):
        listeners.add(trigger("a", room="Factor"))
        listeners.add(trigger("b", room="Factor"))
        listeners.remove(trigger("a", room="Factor"))
        assert refs(listeners.hearing("room_message", ["Factor"])) == ["hipchat.b"]
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
        assert len(listeners.hearing("room_message", ["Factor"])) == 1


class TestReplaced:
    """The triggers as StackStorm's database has them."""

    def test_are_all_there_are(self, listeners):
        for ref in "abc":
            listeners.add(trigger(ref, room=ref))
        listeners.replace([trigger("b", room="b"), trigger("c", room="other"),
                           trigger("d", room="d")])
        assert listeners.wanted() == {Address("room_message", room)
                                      for room in ("b", "other", "d")}

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
        assert refs(listeners.hearing("room_" + event, ["Factor"])) in ([], ["hipchat.good"])
        assert listeners.wanted() == {Address("room_message", "Factor")}
        listeners.remove(trigger("a", event, **parameters))
        assert listeners.wrong() == {}
        assert listeners.wanted() == {Address("room_message", "Factor")}

    def test_of_a_trigger_that_was_right_end_its_listening(self, listeners):
        listeners.add(trigger("a", room="Factor"))
        listeners.add(trigger("a", room=""))
        assert listeners.wanted() == set()
