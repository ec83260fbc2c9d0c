"""hipchat.list_webhooks: the webhooks of a room."""
import pytest

from hipchat.webhook.webhook_url import Address, WebhookUrl

LISTENER = "https://st2.example.com:8088/hipchat"
CONFIG = {"webhook": {"public_url": LISTENER}}


@pytest.fixture
def signed():
    return WebhookUrl(LISTENER, b"secret").make(Address("room_message", 1001))


def test_marks_ours_and_leaves_the_others_fields_alone(act, hipchat, room, signed):
    ours = hipchat.make_webhook(room, signed)
    other = hipchat.make_webhook(room, "https://ci.example.com/hook?a=b")
    succeeded, result = act("list_webhooks", config=CONFIG, room=room)
    assert succeeded and result["room"] == room
    assert [(hook["id"], hook["ours"]) for hook in result["webhooks"]] == [
        (ours, True), (other, False)]
    assert result["webhooks"][1]["url"] == "https://ci.example.com/hook?a=b"
    assert result["webhooks"][1]["event"] == "room_message"


@pytest.mark.parametrize("public_url", [LISTENER, "https://st2.example.com/moved"])
def test_never_shows_a_signature(act, hipchat, room, signed, public_url):
    hipchat.make_webhook(room, signed)
    config = {"webhook": {"public_url": public_url}}
    shown = act("list_webhooks", config=config, room=room)[1]["webhooks"][0]["url"]
    assert shown == LISTENER + "/room_message/1001/***"


def test_without_a_listener_in_the_config_none_is_ours(act, hipchat, room, signed):
    hipchat.make_webhook(room, signed)
    assert act("list_webhooks", room=room)[1]["webhooks"][0]["ours"] is False
