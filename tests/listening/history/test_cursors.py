"""Cursors outlive the machine: they are in StackStorm's datastore."""
import json

import eventlet
import pytest
from support.history import Datastore
from support.waiting import wait_until

from hipchat.api.room_history import Cursor
from listening import timing
from listening.errors import ServiceUnavailable
from listening.history.cursors import Cursors

FIRST, SECOND = Cursor("first", 1.0), Cursor("second", 2.0)


@pytest.fixture
def datastore():
    return Datastore()


def load(datastore, directory):
    """The cursors as a sensor with this spool directory loads them, and what it reports."""
    reports = []
    cursors = Cursors(datastore.read_all, datastore.write, str(directory))
    cursors.load(reports.append)
    return cursors, reports


@pytest.fixture
def store_forever(monkeypatch):
    """Run store_forever() of cursors: store_forever(cursors, rooms in which deliveries wait)."""
    monkeypatch.setattr(timing, "CURSOR_WRITE_PERIOD", 0.01)
    tasks = []
    yield lambda cursors, waiting: tasks.append(
        eventlet.spawn(cursors.store_forever, waiting.__contains__))
    for task in tasks:
        task.kill()


def test_another_machine_goes_on_from_where_all_was_dispatched(datastore, tmp_path):
    cursors, _ = load(datastore, tmp_path / "one")
    cursors.set(1001, FIRST, is_dispatched=True)
    cursors.set(1001, SECOND, is_dispatched=False)
    cursors.set(1065, FIRST, is_dispatched=True)  # in the same value
    cursors.write()
    assert cursors.get(1001) == SECOND
    cursors, reports = load(datastore, tmp_path / "other")
    assert (cursors.get(1001), cursors.get(1065), reports) == (FIRST, FIRST, [])
    assert sorted(cursors.rooms()) == [1001, 1065]


def test_a_cursor_is_stored_once_all_of_its_room_is_dispatched(
        datastore, tmp_path, store_forever):
    cursors, _ = load(datastore, tmp_path)
    waiting = {1001}
    store_forever(cursors, waiting)
    for room_id in (1001, 1002):
        cursors.set(room_id, FIRST, is_dispatched=True)
        cursors.set(room_id, SECOND, is_dispatched=False)
    wait_until(lambda: "second" in datastore.get("hipchat_cursors_42", ""))
    assert "second" not in datastore["hipchat_cursors_41"]
    waiting.clear()
    wait_until(lambda: "second" in datastore["hipchat_cursors_41"])


def test_the_first_of_a_room_and_what_changed_later_is_written(datastore, tmp_path):
    cursors, _ = load(datastore, tmp_path)
    cursors.set(1001, FIRST, is_dispatched=True)
    cursors.set(1002, FIRST, is_dispatched=False)
    assert [load(datastore, tmp_path)[0].get(room_id) for room_id in (1001, 1002)] == [FIRST] * 2
    datastore.clear()
    cursors.set(1001, FIRST, is_dispatched=True)
    cursors.write()
    assert not datastore
    cursors.forget(1002)
    cursors.write()
    assert [json.loads(value) for value in datastore.values()] == [{}]


def test_a_change_that_the_datastore_refuses_is_written_later(datastore, tmp_path, store_forever):
    cursors, _ = load(datastore, tmp_path)
    datastore.is_away = True
    store_forever(cursors, set())
    cursors.set(1001, FIRST, is_dispatched=True)
    eventlet.sleep(0.05)
    datastore.is_away = False
    wait_until(lambda: datastore)
    datastore.is_away = True
    with pytest.raises(ServiceUnavailable):
        load(datastore, tmp_path)


def test_a_change_during_a_write_is_written_next(datastore, tmp_path, monkeypatch):
    def write(key, value):
        monkeypatch.undo()
        cursors.set(1065, SECOND, is_dispatched=True)  # in the same value
        datastore.write(key, value)

    cursors, _ = load(datastore, tmp_path)
    cursors.set(1001, FIRST, is_dispatched=True)
    cursors.set(1065, FIRST, is_dispatched=True)
    monkeypatch.setattr(cursors, "_write", write)
    cursors.set(1001, SECOND, is_dispatched=True)
    cursors.write()
    cursors.write()
    cursors, _ = load(datastore, tmp_path)
    assert cursors.get(1001) == cursors.get(1065) == SECOND


@pytest.mark.parametrize("value", ["", "{", "[]", "7", '{"x": ["id", 1]}', '{"1001": ["id"]}',
                                   '{"1001": ["id", "x"]}', "[" * 100000])
def test_a_value_that_no_sensor_wrote_is_reported_and_the_others_hold(value, datastore, tmp_path):
    cursors, _ = load(datastore, tmp_path)
    cursors.set(1002, FIRST, is_dispatched=True)
    cursors.write()
    datastore[f"hipchat_cursors_{1001 % 64:02d}"] = value
    cursors, (report,) = load(datastore, tmp_path)
    assert cursors.get(1002) == FIRST and cursors.get(1001) is None
    assert f"hipchat_cursors_{1001 % 64:02d} cannot be read" in report


def test_those_of_version_0_2_are_taken_over(datastore, tmp_path):
    (tmp_path / "marks.json").write_text('{"1001": ["first", 1.0]}')
    cursors, reports = load(datastore, tmp_path)
    assert cursors.get(1001) == FIRST and not reports
    cursors.write()
    (tmp_path / "marks.json").unlink()
    assert load(datastore, tmp_path)[0].get(1001) == FIRST
    (tmp_path / "marks.json").write_bytes(b"{\xff")
    cursors, (report,) = load(Datastore(), tmp_path)
    assert "marks.json cannot be read" in report
