"""StackStorm's broker goes away: deliveries wait, and reach StackStorm without anyone's help."""
import time

import pytest
from support.load import Load, delivery, post, send_all, signed_url
from support.waiting import wait_until

ROOMS = 5


@pytest.fixture
def rooms(hipchat):
    return [hipchat.make_room() for _ in range(ROOMS)]


@pytest.fixture
def stackstorm(hipchat, rooms, journal, start_ready):
    process = start_ready(hipchat, rooms=rooms, events=["message"], options=journal.options)
    return process


def test_five_hundred_deliveries_while_the_broker_is_away_and_then_comes_back_without_connections(
        stackstorm, rooms, journal):
    urls = {room: signed_url(stackstorm, room) for room in rooms}
    with Load(urls, deliveries=500 // ROOMS) as load:
        wait_until(lambda: load.count() >= 100)
        stackstorm.set_fault("fail")
        wait_until(lambda: load.count() >= 300)
        stackstorm.set_fault("restart")
        load.wait()
    assert load.statuses == {204: 500}
    journal.wait_for(load.accepted)
    assert len(journal.dispatched()) == 500, "each was dispatched once"
    wait_until(lambda: stackstorm.health()["status"] == "ok")


def test_health_says_that_the_broker_is_in_trouble_and_what_waits(stackstorm, rooms, journal):
    url = signed_url(stackstorm, rooms[0])
    stackstorm.set_fault("fail")
    accepted = [f"message-{number}" for number in range(3)]
    for message in accepted:
        assert post(url, delivery(message, rooms[0])) == 204
    health = wait_until(lambda: _degraded(stackstorm))
    assert health["reasons"] == ["broker: dispatching to StackStorm fails"]
    assert (health["accepted"], health["dispatched"], health["waiting"]) == (3, 0, 3)
    wait_until(lambda: stackstorm.health()["oldest"] > 0)
    stackstorm.set_fault("none")
    journal.wait_for([accepted])
    wait_until(lambda: stackstorm.health()["status"] == "ok")
    health = wait_until(lambda: _nothing_waits(stackstorm))
    assert (health["reasons"], health["dispatched"], health["oldest"]) == ([], 3, 0)


def _degraded(stackstorm):
    health = stackstorm.health()
    return health if health["status"] == "degraded" else None


def _nothing_waits(stackstorm):
    health = stackstorm.health()
    return health if health["waiting"] == 0 else None


def test_the_operator_is_warned_once_however_many_deliveries_and_attempts_fail(
        stackstorm, rooms, journal):
    before = len(stackstorm.log_lines(" WARN "))
    stackstorm.set_fault("fail")
    load = send_all({room: signed_url(stackstorm, room) for room in rooms}, deliveries=4)
    wait_until(lambda: len(stackstorm.log_lines(" WARN ")) > before)
    stackstorm.set_fault("none")
    journal.wait_for(load.accepted)
    new = stackstorm.log_lines(" WARN ")[before:]
    assert len(new) == 1
    assert "Check RabbitMQ" in new[0]


def test_a_rule_whose_event_was_lost_is_found_when_dispatching_has_failed(
        hipchat, stackstorm, rooms, journal):
    url = signed_url(stackstorm, rooms[0])
    assert post(url, delivery("one", rooms[0])) == 204
    journal.wait_for([["one"]])
    room = hipchat.make_room()
    stackstorm.set_fault("drop_trigger_events")
    rule = stackstorm.add_rule("message", {"room": room})
    stackstorm.set_fault("fail")
    assert post(url, delivery("two", rooms[0])) == 204
    wait_until(lambda: stackstorm.webhooks(room), what="the webhook for the new rule")
    stackstorm.set_fault("none")
    hipchat.people.say(room, "Ada", "is anybody there?")
    assert stackstorm.received(stackstorm.trigger_of(rule))[0]["message"] == "is anybody there?"


def test_a_broker_that_was_restarted_between_two_deliveries_is_no_problem(
        stackstorm, rooms, journal):
    url, before = signed_url(stackstorm, rooms[0]), stackstorm.log_lines(" WARN ")
    for message in ("before", "after"):
        assert post(url, delivery(message, rooms[0])) == 204
        journal.wait_for([[message]])
        stackstorm.set_fault("restart")
    assert journal.dispatched() == ["before", "after"]
    assert stackstorm.log_lines(" WARN ") == before


def test_deliveries_wait_while_the_rules_engine_has_no_queue(stackstorm, rooms, journal):
    stackstorm.set_fault("no_queue")
    load = send_all({room: signed_url(stackstorm, room) for room in rooms}, deliveries=4)
    assert load.statuses == {204: 4 * ROOMS}
    assert wait_until(lambda: _degraded(stackstorm))["waiting"] == 4 * ROOMS
    stackstorm.set_fault("none")
    journal.wait_for(load.accepted)
    assert len(journal.dispatched()) == 4 * ROOMS, "each was dispatched once"


def test_deliveries_wait_while_the_database_is_away_since_the_rules_engine_would_lose_them(
        stackstorm, rooms, journal):
    url, accepted = signed_url(stackstorm, rooms[0]), []

    def say():
        accepted.append(f"message-{len(accepted)}")
        assert post(url, delivery(accepted[-1], rooms[0])) == 204

    say()
    journal.wait_for([accepted])
    stackstorm.set_fault("no_database")
    wait_until(lambda: say() or _degraded(stackstorm))
    known = journal.dispatched()
    assert len(known) < len(accepted)
    for _ in range(20):
        say()
    assert journal.dispatched() == known
    stackstorm.set_fault("none")
    journal.wait_for([accepted])
    assert journal.dispatched() == accepted, "each was dispatched once"
    wait_until(lambda: stackstorm.health()["status"] == "ok")


def test_a_rule_whose_deletion_event_was_lost_delays_no_delivery(
        hipchat, stackstorm, rooms, journal):
    room = hipchat.make_room()
    rule = stackstorm.add_rule("message", {"room": room})
    wait_until(lambda: stackstorm.webhooks(room))
    url = signed_url(stackstorm, room)
    stackstorm.set_fault("drop_trigger_events")
    stackstorm.remove_rule(rule)
    assert post(url, delivery("unwanted", room)) == 204
    wait_until(lambda: stackstorm.health()["dropped"].get("unwanted") == 1)
    wait_until(lambda: stackstorm.health()["status"] == "ok")
    assert "unwanted" not in journal.dispatched()


def test_the_alarm_of_the_broker_is_waited_for_and_each_is_dispatched_once_and_in_order(
        stackstorm, rooms, journal):
    urls = {room: signed_url(stackstorm, room) for room in rooms[:2]}
    stackstorm.set_fault("blocked")
    load = send_all(urls, deliveries=100)
    assert load.statuses == {204: 200}
    health = wait_until(lambda: _degraded(stackstorm))
    assert health["reasons"] == ["broker: blocked"] and health["waiting"] == 200
    assert journal.dispatched() == []
    stackstorm.set_fault("none")
    journal.wait_for(load.accepted)
    assert len(journal.dispatched()) == 200, "each was dispatched once"
    wait_until(lambda: stackstorm.health()["status"] == "ok")


@pytest.mark.parametrize("fault", ["no_database", "read_only_database"])
def test_a_failing_database_is_reported_as_such_and_not_as_the_broker(
        stackstorm, rooms, journal, fault):
    stackstorm.set_fault(fault)
    assert post(signed_url(stackstorm, rooms[0]), delivery("one", rooms[0])) == 204
    health = wait_until(lambda: _degraded(stackstorm))
    assert health["reasons"] == [
        "database: StackStorm's database does not answer or takes no writes"]
    assert journal.dispatched() == []
    warning = stackstorm.log_lines(" WARN ")[-1]
    assert "Check MongoDB" in warning and "RabbitMQ" not in warning
    stackstorm.set_fault("none")
    journal.wait_for([["one"]])


def test_all_rooms_go_on_within_two_seconds_of_the_end_of_a_long_outage(stackstorm, rooms, journal):
    stackstorm.set_fault("fail")
    load = send_all({room: signed_url(stackstorm, room) for room in rooms}, deliveries=2)
    time.sleep(8)  # rooms with retry delays of their own would not try before second 15
    stackstorm.set_fault("none")
    journal.wait_for(load.accepted, seconds=2 + 4)  # and four for a busy machine


def test_a_rule_whose_change_event_was_lost_gets_the_next_delivery(
        hipchat, stackstorm, rooms, journal):
    url = signed_url(stackstorm, rooms[0])
    assert post(url, delivery("one", rooms[0])) == 204
    journal.wait_for([["one"]])
    room = hipchat.make_room()
    rule = stackstorm.add_rule("message", {"room": room})
    url = wait_until(lambda: stackstorm.webhooks(room))[0]["url"]
    stackstorm.remove_rule(rule)
    time.sleep(5)  # the triggers are read again at most every so often
    stackstorm.set_fault("drop_trigger_events")
    stackstorm.add_rule("message", {"room": room})
    assert post(url, delivery("missed", room)) == 204
    journal.wait_for([["missed"]])
