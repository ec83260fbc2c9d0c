"""After a takeover, what StackStorm has already is not dispatched again."""
import time

import eventlet
from eventlet.event import Event

from hipchat.events import EVENTS, payload
from listening.dispatch.dispatched_before import DispatchedBefore, Stored

AHEAD = 7200.0  # seconds: HipChat's clock


def message(message_id, room=1001, text="hi"):
    return payload(EVENTS["message"], {"item": {
        "message": {"id": message_id, "message": text, "from": {"name": "Ann"}},
        "room": {"id": room, "name": "Factor"}}}, "trigger-id", [])


def topic(text, room=1001):
    return payload(EVENTS["topic_change"], {"item": {
        "topic": text, "sender": {"name": "Ann"}, "room": {"id": room, "name": "Factor"}}},
        "trigger-id", [])


def before(*stored):
    """Take over now; return found(trigger, payload, age) and the list of reads.

    Args:
        stored: what was dispatched to the trigger "known": each a payload and its age in seconds.
    """
    asked, taken_over_at = [], time.time()

    def read(trigger, since):
        asked.append((trigger, since))
        return [Stored(taken_over_at - age, each) for each, age in stored
                if trigger == "known" and taken_over_at - age >= since]

    found = DispatchedBefore(read, lambda: time.time() + AHEAD, reach=900)
    return lambda trigger, content, age: found.has(
        trigger, content, taken_over_at - age + AHEAD), asked


def test_a_message_is_known_by_trigger_room_and_id():
    found, asked = before((message("1"), 20), (message("2"), 800))
    for message_id in ("1", "2"):
        assert found("known", message(message_id, text="edited"), 20)
    assert not found("known", message("3"), 20)
    assert not found("known", message("1", room=1002), 20)
    assert not found("other", message("1"), 20)
    assert [trigger for trigger, _ in asked] == ["known", "other"]  # each is read once


def test_rooms_that_ask_together_share_one_read():
    ready = Event()

    def read(trigger, since):
        asked.append(trigger)
        ready.wait()
        return [Stored(time.time() - 20, message("1"))]

    asked, found = [], DispatchedBefore(read, time.time, reach=900)
    greenlets = [eventlet.spawn(found.has, "known", message(each), time.time() - 20)
                 for each in ("1", "2", "1")]
    eventlet.sleep(0)
    ready.send()
    assert [greenlet.wait() for greenlet in greenlets] == [True, False, True]
    assert asked == ["known"]


def test_a_message_sent_after_the_takeover_needs_no_read():
    found, asked = before((message("1"), 0))
    assert not found("known", message("1"), -3600)
    assert asked == []


def test_a_topic_is_known_by_its_text_and_time():
    found, _ = before((topic("{{ maintenance }}"), 300), (topic("open"), 200))
    assert found("known", topic("{{ maintenance }}"), 310)
    assert not found("known", topic("{{ maintenance }}"), 100)
    assert not found("known", topic("open"), 300)
    assert not found("known", topic("open", room=1002), 200)
