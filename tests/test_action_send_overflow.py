"""hipchat.send: texts that are too long, and several rooms in one call."""
import pytest


def texts(hipchat, room):
    return [line["what"] for line in hipchat.people.transcript(room)]


LINES = [f"line {number:04d} " + "x" * 90 for number in range(250)]  # 25,249 characters


def test_a_text_that_is_too_long_is_refused_by_default(act, hipchat, room):
    succeeded, result = act("send", room=room, message="x" * 10001)
    assert not succeeded and "10001 characters; HipChat takes 1 to 10000" in result["error"]
    assert texts(hipchat, room) == []


def test_truncate_sends_its_beginning_and_returns_it(act, hipchat, room):
    succeeded, result = act("send", room=room, message="x" * 10001, overflow="truncate")
    assert succeeded and texts(hipchat, room) == [result["message"]]
    assert len(result["message"]) == 10000 and result["message"].endswith("xx [...]")


def test_split_sends_every_line_once_and_in_order(act, hipchat, room):
    message = "\n".join(LINES)
    succeeded, result = act("send", room=room, message=message, overflow="split")
    assert succeeded and result["message"] == message
    parts = texts(hipchat, room)
    assert len(parts) == 3 and "\n".join(parts) == message


@pytest.mark.parametrize("message, lengths", [
    ("x" * 10000, [10000]), ("x" * 10000 + "\n", [10000]), ("x" * 20001, [10000, 10000, 1]),
    ("x\n" + "y" * 10000, [1, 10000]), ("\n" + "x" * 10000, [10000, 1])])
def test_split_breaks_a_line_only_where_it_alone_is_too_long(act, hipchat, room, message, lengths):
    assert act("send", room=room, message=message, overflow="split")[0]
    assert [len(text) for text in texts(hipchat, room)] == lengths


def test_of_a_split_text_only_the_first_part_has_the_card(act, hipchat, room):
    card = {"style": "link", "id": "1", "title": "Report"}
    assert act("send", room=room, message="x" * 10001, overflow="split", card=card)[0]
    assert [line["card"] for line in hipchat.people.transcript(room)] == [card, None]


def test_a_split_that_fails_midway_returns_the_rest(act, start_hipchat):
    hipchat, message = start_hipchat("--room", "Factor"), "\n".join(LINES)
    hipchat.people.faults({"status": 500, "every": 2})
    succeeded, result = act("send", config={"api_url": hipchat.url}, room="Factor",
                            message=message, overflow="split")
    assert not succeeded and "only 1 of 3 parts were sent" in result["error"]
    assert (result["parts"], result["sent_parts"], result["status"]) == (3, 1, 500)
    first, = texts(hipchat, "Factor")
    assert first + "\n" + result["rest"] == message


@pytest.mark.parametrize("overflow", ["error", "truncate", "split"])
def test_html_is_never_cut(act, hipchat, room, overflow):
    succeeded, result = act("send", room=room, message="<b>" + "x" * 10000 + "</b>", format="html",
                            overflow=overflow)
    assert not succeeded and "HipChat takes 1 to 10000" in result["error"]
    assert texts(hipchat, room) == []


@pytest.mark.parametrize("overflow", ["error", "truncate", "split"])
def test_an_empty_text_is_refused(act, room, overflow):
    succeeded, result = act("send", room=room, message="", overflow=overflow)
    assert not succeeded and "message has 0 characters" in result["error"]


def test_an_empty_list_of_rooms_is_none(act, hipchat, room):
    assert act("send", config={"default_room": room}, rooms=[], message="all") == (
        True, {"rooms": []})
    assert texts(hipchat, room) == []
    assert act("send", room=room, rooms=[], message="one")[0] and texts(hipchat, room) == ["one"]


def test_several_rooms_each_get_it_once(act, hipchat):
    rooms = [hipchat.make_room() for _ in range(3)]
    succeeded, result = act("send", room=rooms[0], rooms=rooms, message="all", color="red")
    assert succeeded
    assert [(each["room"], each["color"]) for each in result["rooms"]] == [
        (room, "red") for room in rooms]
    assert [texts(hipchat, room) for room in rooms] == [["all"]] * 3


def test_a_room_that_fails_is_named_and_the_others_get_it(act, hipchat, room):
    succeeded, result = act("send", rooms=["Nowhere", room], message="all")
    assert not succeeded and "not sent to 1 of 2 rooms: Nowhere." in result["error"]
    failed, sent = result["rooms"]
    assert (failed["room"], failed["status"], sent["room"]) == ("Nowhere", 404, room)
    assert texts(hipchat, room) == ["all"]


def test_rooms_may_be_ids_as_numbers(act, hipchat, room):
    found = hipchat.api("GET", "/room/" + room).json()["id"]
    succeeded, result = act("send", rooms=[found, str(found)], message="all")
    assert succeeded and [each["room"] for each in result["rooms"]] == [str(found)]
    assert texts(hipchat, room) == ["all"]
