"""StackStorm's broker goes away: deliveries wait, and reach StackStorm without anyone's help."""
import pytest
from support.load import Load, delivery, post, send_all
from support.waiting import wait_until

ROOMS = 5


@pytest.fixture
def started(listen):
    return listen(ROOMS)


@pytest.fixture
def stackstorm(started):
    return started[0]


@pytest.fixture
def urls(started):
    """The signed URL of each room."""
    return started[1]


@pytest.fixture
def post_one(urls):
    """Post a message to the first room: post_one(message_id) returns the status."""
    room, url = next(iter(urls.items()))
    return lambda message_id: post(url, delivery(message_id, room))


def test_five_hundred_deliveries_while_the_broker_is_away_and_then_comes_back_without_connections(
        stackstorm, urls, journal):
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


def test_health_says_that_the_broker_is_in_trouble_and_what_waits(stackstorm, post_one, journal):
    stackstorm.set_fault("fail")
    accepted = [f"message-{number}" for number in range(3)]
    for message in accepted:
        assert post_one(message) == 204
    health = wait_until(lambda: _degraded(stackstorm))
    assert health["reasons"] == ["broker: dispatching to StackStorm fails"]
    assert (health["accepted"], health["dispatched"], health["waiting"]) == (3, 0, 3)
    wait_until(lambda: stackstorm.health()["oldest"] > 0)
    stackstorm.set_fault("none")
    journal.wait_for([accepted])
    wait_until(lambda: stackstorm.health()["status"] == "ok")
    wait_until(lambda: stackstorm.health()["waiting"] == 0)
    health = stackstorm.health()
    assert (health["reasons"], health["dispatched"], health["oldest"]) == ([], 3, 0)


def _degraded(stackstorm):
    health = stackstorm.health()
    return health if health["status"] == "degraded" else None


def test_the_operator_is_warned_once_however_many_deliveries_and_attempts_fail(
        stackstorm, urls, journal):
    before = len(stackstorm.log_lines(" WARN "))
    stackstorm.set_fault("fail")
    load = send_all(urls, deliveries=4)
    wait_until(lambda: len(stackstorm.log_lines(" WARN ")) > before)
    stackstorm.set_fault("none")
    journal.wait_for(load.accepted)
    new = stackstorm.log_lines(" WARN ")[before:]
    assert len(new) == 1
    assert "Check RabbitMQ" in new[0]


def test_a_rule_whose_event_was_lost_is_found_when_dispatching_has_failed(
        hipchat, stackstorm, post_one, journal):
    assert post_one("one") == 204
    journal.wait_for([["one"]])
    room = hipchat.make_room()
    stackstorm.set_fault("drop_trigger_events")
    rule = stackstorm.add_rule("message", {"room": room})
    stackstorm.set_fault("fail")
    assert post_one("two") == 204
    wait_until(lambda: stackstorm.webhooks(room), what="the webhook for the new rule")
    stackstorm.set_fault("none")
    hipchat.people.say(room, "Ada", "is anybody there?")
    assert stackstorm.received(stackstorm.trigger_of(rule))[0]["message"] == "is anybody there?"


def test_a_broker_that_was_restarted_between_two_deliveries_is_no_problem(
        stackstorm, post_one, journal):
    before = stackstorm.log_lines(" WARN ")
    for message in ("before", "after"):
        assert post_one(message) == 204
        journal.wait_for([[message]])
        stackstorm.set_fault("restart")
    assert journal.dispatched() == ["before", "after"]
    assert stackstorm.log_lines(" WARN ") == before


def test_deliveries_wait_while_the_rules_engine_has_no_queue(stackstorm, urls, journal):
    stackstorm.set_fault("no_queue")
    load = send_all(urls, deliveries=4)
    assert load.statuses == {204: 4 * ROOMS}
    assert wait_until(lambda: _degraded(stackstorm))["waiting"] == 4 * ROOMS
    stackstorm.set_fault("none")
    journal.wait_for(load.accepted)
    assert len(journal.dispatched()) == 4 * ROOMS, "each was dispatched once"


def test_deliveries_wait_while_the_database_is_away_since_the_rules_engine_would_lose_them(
        stackstorm, post_one, journal):
    accepted = []

    def say():
        accepted.append(f"message-{len(accepted)}")
        assert post_one(accepted[-1]) == 204

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


def test_the_alarm_of_the_broker_is_waited_for_and_each_is_dispatched_once_and_in_order(
        stackstorm, urls, journal):
    stackstorm.set_fault("blocked")
    load = send_all(dict(list(urls.items())[:2]), deliveries=100)
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
        stackstorm, post_one, journal, fault):
    stackstorm.set_fault(fault)
    assert post_one("one") == 204
    health = wait_until(lambda: _degraded(stackstorm))
    assert health["reasons"] == [
        "database: StackStorm's database does not answer or takes no writes"]
    assert journal.dispatched() == []
    warning = stackstorm.log_lines(" WARN ")[-1]
    assert "Check MongoDB" in warning and "RabbitMQ" not in warning
    stackstorm.set_fault("none")
    journal.wait_for([["one"]])
