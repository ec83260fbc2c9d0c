"""Commands that cannot start or be answered now, or that fail after their start."""
import logging
from unittest import mock

import eventlet
import pytest
from support.waiting import wait_until

from chatops.chat_message import ChatMessage
from chatops.command_handler import Attempt, Outcome
from chatops.reply import Reply
from hipchat.api.client import Client
from hipchat.config.api_settings import ApiSettings
from listening import timing
from listening.commands.journal import Command, CommandStore, Journal
from listening.commands.replies import Replies
from listening.commands.runner import Runner
from listening.errors import ServiceUnavailable
from listening.operations.health import Health


ATTEMPT = Attempt("a", "ops.say", "ops.say", "2026-05-04T09:30:00+00:00", False)
LOST = ServiceUnavailable("coordination", "the lock has expired", "Wait.")


@pytest.fixture
def check():
    """The check whether this sensor is the active one: it is, once side_effect is None."""
    return mock.Mock(side_effect=LOST)


@pytest.fixture
def health():
    return Health(logging.getLogger("sensor"))


@pytest.fixture
def journal(check):
    return Journal(CommandStore(check_active=check, read=dict, write=check, delete=print), print)


@pytest.fixture
def replies(hipchat, journal, health, monkeypatch):
    monkeypatch.setattr(timing, "REPLY_RETRY_MAX", 0.05)
    client = Client(ApiSettings.from_config({"api_key": hipchat.token, "api_url": hipchat.url}))
    return Replies(client, lambda: client, journal, health)


@pytest.fixture
def message(hipchat, room):
    return ChatMessage(hipchat.room_id(room), 2002, "Ann", "m1", "", "!x")


def runner(handle, journal, replies):
    """A Runner whose CommandHandler has this method."""
    commands = mock.Mock(handle=handle, **{"resume.return_value": None})
    owner = mock.Mock(**{"wrote.return_value": False})
    return Runner(commands, owner, journal, replies, mock.Mock(), logging.getLogger("sensor"))


def test_a_reply_waits_until_this_sensor_is_the_active_one(
        hipchat, room, message, replies, check, health, monkeypatch):
    monkeypatch.setattr(timing, "REPLY_TIMEOUT", 0.0)  # is for HipChat's failures alone
    task = eventlet.spawn(replies.send, Command(message, 0.0), Reply("done"))
    wait_until(lambda: check.call_count > 2)
    assert hipchat.people.transcript(room) == []
    check.side_effect = None
    task.wait()
    assert [line["what"] for line in hipchat.people.transcript(room)] == ["@Ann done"]
    assert health.report()["status"] == "ok"


def test_a_command_starts_once_its_attempt_can_be_recorded(
        hipchat, room, message, journal, replies, check, health, monkeypatch):
    monkeypatch.setattr(timing, "START_CHECK_RETRY_MAX", 0.05)
    started = []

    def handle(message, now, about_to_start):
        check.side_effect = None if check.call_count > 3 else LOST
        about_to_start(ATTEMPT)
        started.append(message)
        return Outcome("answered", [Reply("done")])

    check.side_effect = None
    runner(handle, journal, replies).take(message)
    wait_until(lambda: hipchat.people.transcript(room))
    assert [line["what"] for line in hipchat.people.transcript(room)] == ["@Ann done"]
    assert started == [message] and check.call_count > 3
    assert health.report()["status"] == "ok"


def test_late_commands_leave_one_reply_in_the_journal(
        hipchat, room, message, journal, replies, check, monkeypatch):
    monkeypatch.setattr(timing, "LATE_COMMANDS_DELAY", 0.05)
    hipchat.people.faults({"paths": "/notification", "status": 503})
    check.side_effect = None
    late = runner(lambda *_: Outcome("too old", [], minutes=9), journal, replies)
    for number in range(5):
        late.take(message._replace(message_id=str(number)))
    try:
        wait_until(lambda: len(journal) == 1)
        assert "5 commands were said" in next(iter(journal)).replies[0].reply.text
    finally:
        hipchat.people.heal()
    wait_until(lambda: not len(journal))
    assert len(hipchat.people.transcript(room)) == 1


def test_a_defect_after_the_start_ends_the_command(
        hipchat, room, message, journal, replies, check, health):
    def handle(message, now, about_to_start):
        about_to_start(ATTEMPT)
        raise KeyError("execution")

    check.side_effect = None
    runner(handle, journal, replies).take(message)
    wait_until(lambda: not len(journal))
    (line,) = hipchat.people.transcript(room)
    assert line["what"].startswith("@Ann The command failed unexpectedly")
    assert "commands: a command failed unexpectedly" in health.report()["reasons"]
