"""The commands that are not answered, in StackStorm's datastore."""
import time

import pytest
from support.history import Datastore

from chatops.chat_message import ChatMessage
from chatops.command_handler import Attempt, Execution
from chatops.reply import Reply
from listening import timing
from listening.commands.journal import Command, CommandStore, Journal, PendingReply
from listening.errors import ServiceUnavailable

MESSAGE = ChatMessage(1001, 2002, "Ann", "m/1", "2026-05-04T09:30:00+00:00", "!say secret")
KEY = "hipchat_command_m%2F1"


@pytest.fixture
def datastore():
    return Datastore(other="7")


@pytest.fixture
def command():
    return Command(MESSAGE, 1.0)


@pytest.fixture
def journal(datastore):
    return reopened(datastore)


def reopened(datastore, report_damage=print):
    """The journal of a sensor that starts, here or on another machine."""
    journal = Journal(CommandStore(
        check_active=lambda: None, read=datastore.read_prefix, write=datastore.write,
        delete=datastore.pop), report_damage)
    journal.open()
    return journal


def test_an_unanswered_command_is_loaded_again_and_its_text_until_it_was_handled(
        journal, datastore, command):
    command.attempt = Attempt("a", "ops.say", "ops.say", "2026-05-04", True)
    assert journal.add(command)
    assert list(reopened(datastore)) == [command]
    command.executions = [Execution("5f", "ops.say", 2.0, asked=["60"])]
    command.replies = [PendingReply(Reply("Started.", private=True, card={"title": "x"}), 3.0)]
    journal.save(command)
    found, = reopened(datastore)
    assert found.executions == command.executions and found.replies == command.replies
    assert found.message.text == ""


def test_an_answered_command_is_known_and_not_pending(journal, datastore, command):
    journal.add(command)
    journal.save(command)
    assert not journal.add(Command(MESSAGE, 2.0)) and len(journal) == 0
    again = reopened(datastore)
    assert not again.add(Command(MESSAGE, 3.0)) and list(again) == []


def test_a_command_that_the_datastore_refuses_is_not_known(journal, datastore, command):
    datastore.is_away = True
    with pytest.raises(ServiceUnavailable):
        journal.add(command)
    datastore.is_away = False
    assert len(journal) == 0 and journal.add(command)


def test_a_command_answered_a_day_ago_is_forgotten(journal, datastore, command, monkeypatch):
    journal.add(command)
    journal.save(command)
    monkeypatch.setattr(timing, "COMMAND_KEPT", 0.0)
    monkeypatch.setattr(journal, "_purge_at", time.monotonic())
    assert journal.add(Command(MESSAGE._replace(message_id="m2"), 2.0))
    assert sorted(datastore) == ["hipchat_command_m2", "other"]


@pytest.mark.parametrize("value", ["", "{", "{}", "null", "[]", '"x"', "[" * 100000])
def test_a_record_that_cannot_be_read_is_reported_and_not_run(datastore, command, value):
    datastore[KEY] = value
    damages = []
    journal = reopened(datastore, damages.append)
    assert KEY in damages[0] and not journal.add(command)
