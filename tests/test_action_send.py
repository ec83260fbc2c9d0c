"""hipchat.send: what it sends and returns. (What it refuses: test_action_errors.)"""
import uuid

import pytest

DEFAULTS = {"format": "text", "color": "gray", "notify": False, "from": None, "card": None,
            "attach_to": None}
CARD = {"style": "application", "id": "c1", "title": "Deployed", "format": "medium",
        "url": "https://ci.example.com/7", "description": "All is well",
        "attributes": [{"label": "by", "value": {"label": "Ann", "style": "lozenge-success"}}]}


def last_line(hipchat, room):
    return hipchat.people.transcript(room)[-1]


class TestThroughStackstorm:
    """The action as StackStorm runs it, with the defaults of its YAML file."""

    def test_sends_a_gray_text_to_the_default_room(self, hipchat, stackstorm):
        text = "hello " + uuid.uuid4().hex
        succeeded, result = stackstorm.run_action("hipchat.send", message=text)
        assert succeeded
        assert result == dict(DEFAULTS, room=stackstorm.room, message=text)
        line = last_line(hipchat, stackstorm.room)
        assert (line["what"], line["color"], line["format"], line["type"]) == (
            text, "gray", "text", "notification")

    def test_sends_all_that_it_is_given(self, hipchat, stackstorm, room):
        parameters = {"room": room, "message": "<b>done</b>", "format": "html", "color": "green",
                      "notify": True, "from": "CI", "card": CARD,
                      "attach_to": hipchat.people.say(room, "Anna", "What did you do?")}
        succeeded, result = stackstorm.run_action("hipchat.send", **parameters)
        assert succeeded and result == parameters
        line = last_line(hipchat, room)
        assert (line["who"], line["what"], line["color"], line["format"], line["card"],
                line["attach_to"]) == ("CI", "<b>done</b>", "green", "html", CARD,
                                       parameters["attach_to"])

    @pytest.mark.parametrize("wrong", [
        {}, {"message": "hi", "color": "blue"}, {"message": "hi", "format": "markdown"},
        {"message": "hi", "notify": "maybe"}, {"message": "hi", "card": "no object"},
        {"message": "hi", "chat": "Factor"}])
    def test_is_refused_with_parameters_that_it_cannot_have(self, stackstorm, wrong):
        with pytest.raises(AssertionError, match="faultstring"):
            stackstorm.run_action("hipchat.send", **wrong)


class TestSent:
    """What HipChat gets."""

    @pytest.mark.parametrize("color, sent", [
        ("grey", "gray"), ("gray", "gray"), ("yellow", "yellow"), ("green", "green"),
        ("red", "red"), ("purple", "purple"), ("random", "random")])
    def test_color(self, act, hipchat, room, color, sent):
        succeeded, result = act("send", room=room, message="hi", color=color)
        assert succeeded and result["color"] == sent
        assert last_line(hipchat, room)["color"] == sent

    @pytest.mark.parametrize("text", [
        "x", "x" * 10000, "☃ \U0001f389 wörld\nsecond line", "{{ 7 * 7 }} <% 7 %>",
        "(success) @all https://example.com/?a=b&c=d", "\U0001f389" * 10000])
    def test_message(self, act, hipchat, room, text):
        succeeded, result = act("send", room=room, message="{% raw %}" + text + "{% endraw %}")
        # What is returned may be passed on to a workflow, so templates in it are broken up.
        assert succeeded and result["message"].replace("\u200b", "") == text
        assert last_line(hipchat, room)["what"] == text

    @pytest.mark.parametrize("label", ["", "CI", "x" * 64, "Bäckerei ☃"])
    def test_from(self, act, hipchat, room, label):
        succeeded, result = act("send", room=room, message="hi", **{"from": label})
        assert succeeded and result["from"] == label
        assert last_line(hipchat, room)["who"] == (label or "Sandbox Owner")

    def test_room_by_its_id(self, act, hipchat, room):
        room_id = str(hipchat.room_id(room))
        succeeded, result = act("send", room=room_id, message="hi")
        assert succeeded and result["room"] == room_id
        assert last_line(hipchat, room)["what"] == "hi"
