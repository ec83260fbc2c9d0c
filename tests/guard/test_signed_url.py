"""Signed URLs: the proof that a delivery comes from HipChat, where it carries no other."""
import inspect

import pytest
from support.waiting import wait_until
from support.wire import delivery

from hipchat.webhook import webhook_url

LONG_SECRET = "a-signing-secret-of-more-letters-than-most"


def signed(stackstorm, room):
    """The webhook URLs of a room by HipChat's name of the event."""
    return {hook["event"]: hook["url"] for hook in stackstorm.webhooks(room)}


def test_is_compared_in_constant_time():
    assert "hmac.compare_digest" in inspect.getsource(webhook_url.WebhookUrl)


@pytest.mark.parametrize("change", [
    {"webhook": {"secret": LONG_SECRET}}, {"api_key": "another-token-of-the-same-person"}])
def test_of_a_former_secret_is_replaced_and_answers_404_immediately(start_hipchat, start_stackstorm,
                                                                http, change):
    hipchat = start_hipchat("--token", "another-token-of-the-same-person")
    room = hipchat.make_room()
    stackstorm = start_stackstorm(hipchat, rooms=[room], events=["message", "enter"])
    wait_until(lambda: len(stackstorm.webhooks(room)) == 2)
    before = signed(stackstorm, room)
    stackstorm.stop()
    stackstorm.config.update(
        change, webhook=dict(stackstorm.config["webhook"], **change.get("webhook", {})))
    stackstorm.start()
    wait_until(stackstorm.health)
    for url in before.values():  # whether or not HipChat has new ones already
        assert http.post(url, json=delivery(), timeout=60).status_code == 404
    wait_until(lambda: len(stackstorm.webhooks(room)) == 2 and
               not set(signed(stackstorm, room).values()) & set(before.values()))
    after = signed(stackstorm, room)
    assert sorted(after) == sorted(before)
    assert http.post(after["room_message"], json=delivery(), timeout=60).status_code == 204
    assert stackstorm.health()["accepted"] == 1
