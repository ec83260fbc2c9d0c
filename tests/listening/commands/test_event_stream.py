"""StackStorm's event stream, read in pieces."""
import json

import pytest

from listening.commands.event_stream import HEAD, PIECE, read_events

EXECUTION = {"id": "5f", "status": "succeeded", "context": {"source_channel": "1001"},
             "result_size": 123456, "result": {"stdout": "\n\n data: {}, \u00e9\u2028"},
             "elapsed_seconds": 1.5, "parent": None}


def text(body, name="st2.execution__update"):
    return f"event: {name}\ndata: {json.dumps(body)}\n\n".encode()


def read_in_pieces(content, size):
    return list(read_events(content[start:start + size]
                            for start in range(0, len(content), size)))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100, PIECE])
def test_events_are_read_whatever_pieces_they_come_in(size):
    content = b"\n" + text(EXECUTION) + b"\n" + text({"id": "60"}, "st2.actionalias__update")
    first, second = read_in_pieces(content, size)
    assert (first.name, first.body, first.is_whole) == ("st2.execution__update", EXECUTION, True)
    assert (second.name, second.body) == ("st2.actionalias__update", {"id": "60"})


@pytest.mark.parametrize("size", [1000, PIECE - 1, PIECE])
def test_of_a_long_event_only_the_head_is_kept(size):
    large = dict(EXECUTION, result={"stdout": "x" * 9 * HEAD})
    head, whole = read_in_pieces(text(large) + text({"id": "60"}), size)
    assert [head.body["id"], whole.body["id"]] == ["5f", "60"]
    assert not head.is_whole and whole.is_whole
    assert head.body == {key: EXECUTION[key] for key in ("id", "status", "context", "result_size")}


def test_comments_and_incomplete_events_are_left_out():
    assert list(read_events([b": a comment\n\ndata: 5\n\nevent: x\n\ndata: {\"a\"\n\n"])) in (
        [], [("", {}, True)])


def test_every_cut_gives_members_that_are_right():
    content = text(EXECUTION)
    for cut in range(len(content)):
        for event in read_events([content[:cut] + b"\n\n"]):
            assert all(EXECUTION[key] == value for key, value in event.body.items())
