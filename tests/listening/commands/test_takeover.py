"""A sensor that may no longer be the active one starts no command and sends no reply."""
import logging
from types import SimpleNamespace
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


class Leadership:
    """Whether this sensor is the active one; checks: how often that was asked."""

    is_active, checks = False, 0

    def check(self, *_):
        self.checks += 1
        if not self.is_active:
            raise ServiceUnavailable("coordination", "the lock has expired", "Wait.")


@pytest.fixture
def leadership():
    return Leadership()


@pytest.fixture
def health():
    return Health(logging.getLogger("sensor"))


@pytest.fixture
def journal(leadership):
    return Journal(CommandStore(check_active=leadership.check, read=dict, write=leadership.check,
                                delete=print), print)


@pytest.fixture
def replies(hipchat, journal, health, monkeypatch):
    monkeypatch.setattr(timing, "REPLY_RETRY_MAX", 0.05)
    client = Client(ApiSettings.from_config({"api_key": hipchat.token, "api_url": hipchat.url}))
    return Replies(client, lambda: client, journal, health)


@pytest.fixture
def message(hipchat, room):
    return ChatMessage(hipchat.room_id(room), 2002, "Ann", "m1", "", "!x")


def test_a_reply_waits_until_this_sensor_is_the_active_one(
        hipchat, room, message, replies, leadership, health, monkeypatch):
    monkeypatch.setattr(timing, "REPLY_TIMEOUT", 0.0)  # is for HipChat's failures alone
    task = eventlet.spawn(replies.send, Command(message, 0.0), Reply("done"))
    wait_until(lambda: leadership.checks > 2)
    assert hipchat.people.transcript(room) == []
    leadership.is_active = True
    task.wait()
    assert [line["what"] for line in hipchat.people.transcript(room)] == ["@Ann done"]
    assert health.report()["status"] == "ok"


def test_a_command_starts_once_its_attempt_can_be_recorded(
        hipchat, room, message, journal, replies, leadership, health, monkeypatch):
    monkeypatch.setattr(timing, "START_CHECK_RETRY_MAX", 0.05)
    started = []

    def handle(message, now, about_to_start):
        leadership.is_active = len(journal) == 0 or leadership.checks > 3
        about_to_start(Attempt("a", "ops.say", "ops.say", "2026-05-04T09:30:00+00:00", False))
        started.append(message)
        return Outcome("answered", [Reply("done")])

    commands = SimpleNamespace(handle=handle, resume=lambda *_: None)
    runner = Runner(commands, SimpleNamespace(wrote=lambda _: False), journal, replies,
                    mock.Mock(), logging.getLogger("sensor"))
    leadership.is_active = True
    runner.take(message)
    wait_until(lambda: hipchat.people.transcript(room))
    assert [line["what"] for line in hipchat.people.transcript(room)] == ["@Ann done"]
    assert started == [message] and leadership.checks > 3
    assert health.report()["status"] == "ok"
