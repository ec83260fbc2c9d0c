"""The commands that are not answered, on disk."""
import os
import sqlite3

import pytest

from chatops.command import ChatMessage
from chatops.commands import Attempt
from chatops.reply import Reply
from listening.commands.journal import FILE, Command, Execution, Journal, PendingReply

MESSAGE = ChatMessage(1001, 2002, "Ann", "m1", "2026-05-04T09:30:00+00:00", "!say secret")


@pytest.fixture
def damages():
    return []


@pytest.fixture
def journal(tmp_path, damages):
    journal = Journal(str(tmp_path), damages.append)
    journal.open()
    return journal


def reopened(tmp_path, damages=None):
    journal = Journal(str(tmp_path), (damages if damages is not None else []).append)
    journal.open()
    return journal


def test_what_is_not_answered_is_there_again(journal, tmp_path):
    command = Command(MESSAGE, 1.0, Attempt("a", "ops.say", "ops.say", "2026-05-04", True))
    assert journal.add(command)
    assert list(reopened(tmp_path)) == [command]
    command.executions = [Execution("5f", "ops.say", 2.0, asked=["60"])]
    command.replies = [PendingReply(Reply("Started.", private=True, card={"title": "x"}), 3.0)]
    journal.save(command)
    found, = reopened(tmp_path)
    assert found.executions == command.executions and found.replies == command.replies


def test_what_is_answered_is_known_and_gone(journal, tmp_path):
    command = Command(MESSAGE, 1.0)
    journal.add(command)
    journal.finish(command)
    assert not journal.add(Command(MESSAGE, 2.0)) and len(journal) == 0
    again = reopened(tmp_path)
    assert not again.add(Command(MESSAGE, 3.0)) and list(again) == []


def test_what_was_said_does_not_stay_once_it_was_handled(journal, tmp_path):
    command = Command(MESSAGE, 1.0)
    journal.add(command)
    command.executions = [Execution("5f", "ops.say", 2.0)]
    journal.save(command)
    assert next(iter(reopened(tmp_path))).message.text == ""


def test_it_is_for_its_user_alone(journal, tmp_path):
    journal.add(Command(MESSAGE, 1.0))
    for name in os.listdir(str(tmp_path)):
        assert os.stat(str(tmp_path / name)).st_mode & 0o077 == 0


@pytest.mark.parametrize("content", [b"no database" * 1000, b"SQLite format 3\x00" + b"x" * 9000])
def test_a_file_that_cannot_be_read_is_set_aside_and_reported(tmp_path, content):
    (tmp_path / FILE).write_bytes(content)
    damages = []
    journal = reopened(tmp_path, damages)
    assert journal.add(Command(MESSAGE, 1.0)) and len(damages) == 1
    assert [path.read_bytes() for path in tmp_path.glob("*.damaged-*")] == [content]


def test_a_row_that_cannot_be_read_is_reported_too(journal, tmp_path):
    journal.add(Command(MESSAGE, 1.0))
    with sqlite3.connect(str(tmp_path / FILE)) as db:
        db.execute("UPDATE commands SET command = '{}'")
    damages = []
    reopened(tmp_path, damages)
    assert "was set aside" in damages[0]
