"""hipchat.share_file: files for rooms and people."""
import os

import pytest


def shared(line):
    return line["file"]["name"], line["file"]["size"], line["what"]


def test_shares_a_file_of_this_host_byte_by_byte(act, hipchat, room, tmp_path):
    file = tmp_path / "picture.png"
    file.write_bytes(bytes(range(256)) * 1000)
    succeeded, result = act("share_file", path=str(file), room=room, message="A picture")
    assert succeeded and result == {
        "room": room, "name": "picture.png", "size": 256000, "message": "A picture"}
    assert shared(hipchat.people.transcript(room)[-1]) == ("picture.png", 256000, "A picture")


def test_shares_a_text_under_any_name(act, hipchat, room):
    name = 'größe "7".txt'
    succeeded, result = act("share_file", content="groß", name=name, room=room)
    assert succeeded and (result["name"], result["size"]) == (name, 5)
    assert shared(hipchat.people.transcript(room)[-1]) == (name, 5, "")


def test_shares_a_file_with_a_person(act, hipchat, room):
    hipchat.people.say(room, "Dora", "Here I am.")
    assert act("share_file", user="@Dora", content="for you")[0]
    assert shared(hipchat.people.inbox("Dora")[-1])[0] == "message.txt"


@pytest.mark.parametrize("parameters, words", [
    ({}, "Give either the path of a file or its content."),
    ({"path": "/etc/hosts", "content": "x"}, "Give either the path of a file or its content."),
    ({"path": "/nowhere/at/all"}, "'/nowhere/at/all' cannot be read: No such file or directory."),
    ({"path": "/"}, "'/' cannot be read: Is a directory."),
    ({"content": ""}, "message.txt is empty"),
    ({"content": "x", "message": "x" * 1001}, "message has 1001 characters")])
def test_an_unusable_file_is_an_error_with_the_reason(act, hipchat, room, parameters, words):
    succeeded, result = act("share_file", room=room, **parameters)
    assert not succeeded and words in result["error"]
    assert hipchat.people.transcript(room) == []


def test_a_file_that_is_too_large_is_not_even_read(act, room, tmp_path):
    file = tmp_path / "huge"
    file.touch()
    os.truncate(str(file), 2 ** 40)
    succeeded, result = act("share_file", room=room, path=str(file))
    assert not succeeded and "huge is too large; a file of 1 byte to 50 MiB" in result["error"]
