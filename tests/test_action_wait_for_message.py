"""hipchat.wait_for_message: the next message in a room."""
import threading

import pytest

from support.waiting import wait_until

from hipchat.api.next_message import Criteria
from hipchat.api.room_history import HistoryItem


@pytest.fixture
def later(hipchat, room):
    """Do something once the action has looked into the room: later(function, argument, ...)."""
    threads = []
    looked = f"/room/{hipchat.room_id(room)}/history/latest"

    def act(function, *what):
        wait_until(lambda: any(looked in call["path"] for call in hipchat.people.requests()))
        function(*what)

    def begin(*what):
        threads.append(threading.Thread(target=act, args=what))
        threads[-1].start()

    yield begin
    for thread in threads:
        thread.join()


def test_returns_the_message_and_what_the_filter_captured(act, hipchat, room, later):
    later(hipchat.people.say, room, "Anna", "deploy web to production")
    succeeded, result = act("wait_for_message", room=room, filter=r"deploy (\w+) to (\w+)",
                            seconds=60, every=1)
    assert succeeded and result["matches"] == ["web", "production"]
    assert (result["message"]["from"]["name"], result["message"]["message"]) == (
        "Anna", "deploy web to production")


def test_an_earlier_message_does_not_count(act, hipchat, room):
    hipchat.people.say(room, "Anna", "yes")
    succeeded, result = act("wait_for_message", room=room, filter="yes", seconds=1, every=1)
    assert not succeeded and result == {
        "error": "No such message came within 1 s.", "timed_out": True}


def test_a_message_after_a_known_one_counts_immediately(act, hipchat, room):
    asked = hipchat.people.say(room, "Anna", "yes or no?")
    hipchat.people.say(room, "Berta", "no, not yet")
    hipchat.people.say(room, "Clara", "yes")
    succeeded, result = act("wait_for_message", room=room, filter="^(yes|no)", after=asked)
    assert succeeded and result["matches"] == ["no"]
    latest = f"/room/{hipchat.room_id(room)}/history/latest"
    reads = [call for call in hipchat.people.requests() if call["path"].endswith(latest)]
    assert len(reads) == 1, "it is found by the first read"


@pytest.mark.parametrize("by", ["id", "mention", "email"])
def test_only_the_people_who_are_named_count(act, hipchat, room, by):
    asked = hipchat.people.say(room, "Anna", "yes or no?")
    hipchat.people.say(room, "Mallory", "yes")
    hipchat.people.say(room, "Berta", "no")
    berta = hipchat.api("GET", "/user/@Berta").json()
    people = [{"id": str(berta["id"]), "mention": "@Berta", "email": berta["email"]}[by]]
    succeeded, result = act("wait_for_message", room=room, filter="^(yes|no)", after=asked,
                            people=people)
    assert succeeded and result["matches"] == ["no"]


@pytest.mark.parametrize("person, error", [
    ("Berta", "'Berta' is no person. Give a person by id, email or @mention."),
    ("@Nobody.By.That.Name", "HipChat answered 404 to GET /v2/user/@Nobody.By.That.Name")])
def test_an_unknown_person_is_an_error_before_the_wait(act, room, person, error):
    succeeded, result = act("wait_for_message", room=room, people=[person], seconds=60)
    assert not succeeded and result["error"].startswith(error)


def test_a_topic_is_no_message_nor_is_one_that_was_deleted(act, hipchat, room):
    asked = hipchat.people.say(room, "Anna", "Lunch?")
    hipchat.people.act(room, "Anna", "topic_change", topic="yes, cake at three")
    hipchat.people.delete(hipchat.people.say(room, "Anna", "yes"))
    for filter in ("yes", ""):
        succeeded, result = act("wait_for_message", room=room, filter=filter, after=asked,
                                seconds=1, every=1)
        assert not succeeded and result["timed_out"]


def test_the_room_stays_the_same_whatever_it_is_called(act, hipchat, room, later):
    def swap():
        hipchat.rename(room, room + " of old")
        hipchat.api("POST", "/room", json={"name": room})
        hipchat.people.say(room, "Anna", "yes, in another room")
        hipchat.people.say(room + " of old", "Anna", "yes, here")

    later(swap)
    succeeded, result = act("wait_for_message", room=room, filter="^yes.*", seconds=60, every=1)
    assert succeeded and result["message"]["message"] == "yes, here"


def test_a_person_named_like_anothers_id_does_not_count_as_them(act, hipchat, room):
    asked = hipchat.people.say(room, "Anna", "yes or no?")
    hipchat.people.say(room, "2001", "yes")
    hipchat.people.act(room, "Mallory", "notification", message="yes", **{"from": "2001"})
    succeeded, result = act("wait_for_message", room=room, after=asked, people=["2001"], seconds=1,
                            notifications=True)
    assert not succeeded and result["timed_out"]


@pytest.mark.parametrize("notifications", [True, False])
def test_notifications_count_only_if_they_are_asked_for(act, hipchat, room, notifications):
    asked = hipchat.people.say(room, "Anna", "begin")
    hipchat.people.act(room, "Jenkins", "notification", message="done")
    succeeded, _ = act("wait_for_message", room=room, filter="done", after=asked, seconds=1,
                       notifications=notifications)
    assert succeeded is notifications


@pytest.mark.parametrize("paths", ["/history/latest", "/room/Factor", "/user/@Anna"])
def test_hipchats_errors_are_retried_while_there_is_time(act, start_hipchat, paths):
    server = start_hipchat("--room", "Factor")
    asked = server.people.say("Factor", "Anna", "begin")
    server.people.say("Factor", "Anna", "done")
    server.people.faults({"paths": paths, "status": 500, "times": 4})
    succeeded, _ = act("wait_for_message", config={"api_url": server.url}, room="Factor",
                       people=["@Anna"], after=asked, seconds=60, every=1)
    assert succeeded


def test_hipchats_error_is_returned_when_the_time_is_over(act, start_hipchat):
    server = start_hipchat("--room", "Factor")
    asked = server.people.say("Factor", "Anna", "begin")
    server.people.faults({"paths": "/history/latest", "status": 500})
    succeeded, result = act("wait_for_message", config={"api_url": server.url}, room="Factor",
                            after=asked, seconds=1, every=1)
    assert not succeeded and result["status"] == 500


def test_a_filter_that_is_no_regular_expression_is_an_error(act, room):
    succeeded, result = act("wait_for_message", room=room, filter="(?=x)")
    assert not succeeded and "'(?=x)' is no regular expression" in result["error"]


@pytest.mark.parametrize("sender", ["A guest", None, {"name": "A guest"}, {"id": "x"}])
def test_a_guests_message_makes_nothing_fail(sender):
    said = HistoryItem("m1", 0.0, "room_message", {"from": sender, "message": "yes"})
    assert not Criteria("", [2001], False).accepts(said, {2001})
