"""HipChat is in trouble: the webhooks are all there in the end, and the listener never stops."""
from urllib.parse import quote

import pytest
from support.load import send_all, signed_url
from support.servers import Stackstorm
from support.waiting import wait_until

from sandbox.both_servers import free_port

FAULTS = {
    "429 on every second call": {"every": 2, "rate_limited": True},
    "429 with a reset that is over": {"times": 1, "rate_limited": True, "resets_in": -5},
    "500 on every second call": {"every": 2, "status": 500},
    "503 with a proxy's page": {"times": 1, "status": 503, "body": "<h1>Gateway</h1>"},
    "connection reset": {"times": 1, "reset": True},
    "connection reset when a webhook is made": {"times": 1, "reset": True, "methods": ["POST"]},
    "answer after the timeout": {"times": 1, "delay": 0.8},
    "webhook made after the timeout": {"times": 1, "delay": 0.8, "methods": ["POST"]},
    "invalid JSON": {"times": 1, "body": "{\"items\": ["},
    "invalid JSON when a webhook is made": {"times": 1, "body": "OK", "methods": ["POST"]},
    "JSON of another shape": {"times": 1, "body": "null"},
}


@pytest.fixture(scope="module")
def impatient(hipchat, tmp_path_factory):
    """A StackStorm with the pack that waits for HipChat's answers for 0.4 s only."""
    process = Stackstorm(tmp_path_factory.mktemp("impatient"), hipchat, rooms=["Factor"],
                         events=["enter"], timeout=0.4)
    wait_until(process.has_its_webhooks)
    yield process
    process.stop()


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_calls_that_go_wrong_delay_the_webhooks_but_no_delivery(hipchat, impatient, fault):
    room = hipchat.make_room()
    hipchat.people.faults(dict(fault, paths=f"/room/{quote(room)}/webhook"))
    accepted = impatient.health()["accepted"]
    impatient.add_rule("message", {"room": room})
    hipchat.people.act("Factor", "Ada", "enter")
    wait_until(lambda: impatient.health()["accepted"] > accepted)
    wait_until(impatient.has_its_webhooks, what="the presence of all webhooks")
    hipchat.people.heal()
    assert [hook["event"] for hook in impatient.webhooks(room)] == ["room_message"]
    wait_until(lambda: impatient.health()["status"] == "ok")


def test_hipchat_that_is_down_at_the_start_gets_its_webhooks_when_it_is_up(
        start_hipchat, start_stackstorm, tmp_path):
    port = str(free_port())
    hipchat = start_hipchat("--room", "Factor", "--port", port)
    hipchat.stop()
    stackstorm = start_stackstorm(hipchat, rooms=["Factor"])
    wait_until(lambda: stackstorm.health().get("reasons") in (
        ["HipChat: webhooks cannot be managed"], ["HipChat: the rooms cannot be listed"]))
    assert stackstorm.health()["webhooks"]["present"] == 0
    hipchat = start_hipchat("--room", "Factor", "--port", port)
    wait_until(stackstorm.has_its_webhooks)
    assert len(stackstorm.webhooks("Factor")) == 5
    wait_until(lambda: stackstorm.health()["status"] == "ok")
    assert stackstorm.log().count(" WARN ") == 1, "the operator is warned once"


def test_hipchat_that_is_down_later_holds_up_no_delivery(start_hipchat, start_ready, journal):
    hipchat = start_hipchat("--room", "Factor")
    stackstorm = start_ready(hipchat, rooms=["Factor"], options=journal.options)
    url = signed_url(stackstorm, "Factor")
    hipchat.stop()
    stackstorm.add_rule("file_upload", {"room": "Factor"})
    wait_until(lambda: stackstorm.health()["status"] == "degraded")
    load = send_all({"Factor": url}, deliveries=20)
    assert load.statuses == {204: 20}
    journal.wait_for(load.accepted)
