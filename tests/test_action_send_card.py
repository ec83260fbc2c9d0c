"""hipchat.send_card: cards from parameters, and the check of cards."""
import pytest

FULL = {
    "title": "Build 7", "style": "application", "format": "medium", "url": "https://ci.example.com",
    "activity": {"html": "<b>Build 7</b> is green", "icon": {"url": "https://ci.example.com/i"}},
    "thumbnail": {"url": "https://ci.example.com/t", "width": 100, "height": 50.5},
    "icon": {"url": "https://ci.example.com/i", "url@2x": "https://ci.example.com/i2"},
    "attributes": [{"label": "by", "value": {"label": "Anna", "style": "lozenge-success"}}],
    "id": "build-7"}


def test_a_title_is_enough(act, hipchat, room):
    succeeded, result = act("send_card", room=room, title="Build 7")
    line = hipchat.people.transcript(room)[-1]
    assert succeeded and result["card"] == line["card"]
    assert (line["card"]["title"], line["card"]["style"], line["what"]) == (
        "Build 7", "application", "Build 7")
    assert act("send_card", room=room, title="Build 7")[1]["card"]["id"] != line["card"]["id"]


def test_all_of_a_card_reaches_hipchat(act, hipchat, room):
    succeeded, _ = act("send_card", room=room, description="<i>green</i>",
                       description_format="html", message="Build 7 is green", color="green",
                       **{"from": "CI"}, **FULL)
    line = hipchat.people.transcript(room)[-1]
    assert succeeded
    assert line["card"] == dict(FULL, description={"value": "<i>green</i>", "format": "html"})
    assert (line["who"], line["what"], line["color"]) == ("CI", "Build 7 is green", "green")


@pytest.mark.parametrize("wrong, words", [
    ({"title": ""}, "card.title has 0 characters; HipChat takes 1 to 500."),
    ({"thumbnail": {"width": 100}}, "card.thumbnail lacks url"),
    ({"thumbnail": {"url": "https://x", "width": "100"}}, "card.thumbnail.width is '100'; it must"),
    ({"icon": {"url": ""}}, "card.icon.url is ''; it must be a text that is not empty"),
    ({"activity": {"html": "x", "color": "red"}}, "card.activity must not have color"),
    ({"attributes": [{"label": "by"}]}, "card.attributes[0] lacks value"),
    ({"attributes": [{"value": {"label": "x", "style": "round"}}]},
     "card.attributes[0].value.style is 'round'; it must be one of lozenge, "),
    ({"title": "x" * 501}, "card.title has 501 characters; HipChat takes 1 to 500."),
    ({"description": "x" * 1001}, "card.description has 1001 characters"),
    ({"thumbnail": {"url": "https://" + "x" * 243}}, "card.thumbnail.url has 251 characters"),
    ({"thumbnail": {"url": "https://x", "url@2x": "x" * 251}}, "card.thumbnail.url@2x has 251"),
    ({"attributes": [{"label": "x" * 51, "value": {"label": "x"}}]},
     "card.attributes[0].label has 51 characters; HipChat takes 1 to 50."),
    ({"attributes": [{"label": "", "value": {"label": "x"}}]}, "card.attributes[0].label has 0"),
])
def test_a_card_that_hipchat_would_refuse_is_refused_here(act, hipchat, room, wrong, words):
    succeeded, result = act("send_card", room=room, **dict(FULL, **wrong))
    assert not succeeded and words in result["error"]
    assert hipchat.people.transcript(room) == []


@pytest.mark.parametrize("wrong, words", [
    ({"id": 7}, "card.id is 7"), ({"style": "round"}, "card.style is 'round'"),
    ({"attributes": {}}, "card.attributes is {}; it must be a list"),
    ({"description": {"format": "html"}}, "card.description lacks value"),
    ({"description": {"value": "x"}}, "card.description lacks format"),
    ({"description": ""}, "card.description has 0 characters; HipChat takes 1 to 1000.")])
def test_a_card_given_to_send_is_checked_too(act, room, wrong, words):
    card = dict({"style": "link", "id": "1", "title": "Report"}, **wrong)
    succeeded, result = act("send", room=room, message="Report", card=card)
    assert not succeeded and words in result["error"]
