"""How an answer stands in a room: as text, as code, in private, as a reply, and cut where long."""
import uuid

import pytest

from chatops.chat_message import ChatMessage
from chatops.reply import Reply
from chatops.reply_sender import ReplySender
from hipchat.api.client import Client
from hipchat.errors import (
    Forbidden, InvalidRequest, NotFound, ParameterError, RateLimited, ServerError)
from hipchat.config.api_settings import ApiSettings


@pytest.fixture
def tell(hipchat, room):
    """Tell Ann something in the room: tell(answer, message_id) -> the lines that are new there."""
    settings = ApiSettings.from_config({"api_key": hipchat.token, "api_url": hipchat.url})
    client, people = Client(settings), hipchat.people
    asked = people.say(room, "Ann", "!x")
    ann = next(user["id"] for user in client.items("user") if user["name"] == "Ann")
    room_id = client.call("GET", "room", room)["id"]

    def tell(answer, message_id=asked, as_user=lambda: client):
        before = len(people.transcript(room))
        message = ChatMessage(room_id, ann, "Ann", message_id, "", "!x")
        ReplySender(client, as_user, message).send(answer)
        return people.transcript(room)[before:]

    tell.asked = asked
    return tell


def texts(lines):
    return [line["what"] for line in lines]


@pytest.mark.parametrize("answer, lines", [
    (Reply("Done (ok)", color="green"), [("@Ann Done (ok)", "green", "text")]),
    (Reply("It says:", "<b> & 'x'\n  y"), [
        ("@Ann It says:", "gray", "text"),
        ("<pre>&lt;b&gt; &amp; &#x27;x&#x27;\n  y</pre>", "gray", "html")]),
    (Reply(""), [("@Ann The result is empty.", "gray", "text")]),
    (Reply("<b>" + "x" * 10000 + "</b>", format="html", web_url="https://st2/5f"), [
        ("@Ann The answer is too long: https://st2/5f", "gray", "text")]),
], ids=["text", "code-after-text", "empty", "long-html-is-not-cut"])
def test_an_answer_mentions_the_person(tell, answer, lines):
    assert [(line["what"], line["color"], line["format"]) for line in tell(answer)] == lines


def test_a_long_text_is_split_and_a_very_long_one_cut_with_its_url(tell):
    assert [len(text) for text in texts(tell(Reply("x" * 15000)))] == [10000, 5005]
    parts = texts(tell(Reply("x\n" * 30000, web_url="https://st2/5f")))
    assert len(parts) == 3 and all(len(part) <= 10000 for part in parts)
    assert parts[-1].endswith("\n[...] The rest is at https://st2/5f")


def test_long_code_is_split_too(tell):
    lines = tell(Reply("", "<" * 100000, web_url="https://st2/5f"))
    codes = [line["what"] for line in lines if line["format"] == "html"]
    assert len(codes) == 3 and all(len(code) <= 10000 for code in codes)
    assert codes[-1].endswith("The rest is at https://st2/5f</pre>")


@pytest.mark.parametrize("how", ["private", "prefer_private"])
def test_in_private_the_room_learns_no_more_than_that(tell, hipchat, how):
    secret = uuid.uuid4().hex
    assert texts(tell(Reply(secret, "code " + secret, **{how: True}))) == [
        "@Ann I answered you in private."]
    assert [line["what"] for line in hipchat.people.inbox("Ann")[-2:]] == [
        secret, f"<pre>code {secret}</pre>"]


def test_a_reply_stands_under_the_command(tell):
    line, = tell(Reply("Done", "code", reply=True))
    assert (line["what"], line["attach_to"]) == ("@Ann Done\ncode", tell.asked)


@pytest.mark.parametrize("message_id", ["", str(uuid.uuid4())], ids=["unknown", "deleted"])
def test_a_reply_to_a_message_that_is_not_there_is_a_notification(tell, message_id):
    line, = tell(Reply("Done", reply=True), message_id=message_id)
    assert (line["type"], line["what"]) == ("notification", "@Ann Done")


def refusing(error, status, **more):
    def call(*given):
        raise error("POST /v2/...", status, "HipChat's words", **more)
    return call


def test_a_reply_that_hipchat_refuses_is_a_notification(tell, monkeypatch):
    monkeypatch.setattr("chatops.reply_sender.send_reply", refusing(InvalidRequest, 400))
    assert texts(tell(Reply("It says:", "code", reply=True))) == [
        "@Ann It says:", "<pre>code</pre>"]


@pytest.mark.parametrize("error, status, more", [
    (InvalidRequest, 400, {}), (Forbidden, 403, {}), (NotFound, 404, {}),
    (RateLimited, 429, {"reset_in": 60.0}), (ServerError, 503, {})])
def test_a_refused_private_answer_is_explained_in_the_room(tell, monkeypatch, error, status, more):
    monkeypatch.setattr("chatops.reply_sender.send_private", refusing(error, status, **more))
    line, = tell(Reply("secret", private=True))
    assert f"I cannot send it to you: HipChat answered {status}" in line["what"]
    assert "secret" not in line["what"]
    assert texts(tell(Reply("Help", prefer_private=True))) == ["@Ann Help"]


def no_user():
    """The client of an add-on without api_key, which may neither reply nor write to a person."""
    raise ParameterError("Set api_key.")


def test_a_private_answer_of_an_addon_is_not_posted_in_the_room_which_gets_the_reason(tell):
    line, = tell(Reply("secret", "secret", private=True), as_user=no_user)
    assert (line["color"], line["what"]) == (
        "red", "@Ann The answer is private, and I cannot send it to you: Set api_key.")


@pytest.mark.parametrize("how", ["reply", "prefer_private"])
def test_other_answers_of_an_addon_are_notifications(tell, how):
    assert texts(tell(Reply("It says:", "code", **{how: True}), as_user=no_user)) == [
        "@Ann It says:", "<pre>code</pre>"]


def test_a_wrong_card_is_explained_after_the_answer(tell):
    card = {"style": "link", "id": "1", "title": "A build", "url": "http://example.com/"}
    line, = tell(Reply("Done", card=card))
    assert line["card"] == card
    answer, complaint = tell(Reply("Done", card={"title": "A build"}))
    assert (answer["what"], answer["card"]) == ("@Ann Done", None)
    assert complaint["what"] == (
        "The alias's card cannot be shown: card lacks style, id.")
