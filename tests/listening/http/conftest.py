"""Webhooks of a sensor in another process, and a webhook endpoint in this process."""
import threading
from types import SimpleNamespace

import pytest
from support.context import CONFIG, make_context
from support.load import signed_url
from support.waiting import wait_until
from support.wire import connect

from hipchat.webhook.webhook_url import Address, WebhookUrl
from listening.addon.installation import Installation
from listening.http.receiver import Receiver
from listening.http.server import Server
from sandbox.both_servers import free_port


@pytest.fixture(scope="module")
def webhook(hipchat, stackstorm):
    """The URL of a webhook for messages; stackstorm.trigger is the trigger that listens."""
    room = hipchat.make_room()
    stackstorm.trigger = stackstorm.listen("message", room)
    return signed_url(stackstorm, room)


@pytest.fixture
def listen(monkeypatch):
    """Start an endpoint with little patience: listen(**config's webhook) -> URL of a webhook."""
    monkeypatch.setattr("listening.timing.REQUEST_TIMEOUT", 0.5)

    def start(**webhook):
        port = free_port()
        context = make_context(dict(CONFIG, webhook=dict({
            "public_url": f"http://127.0.0.1:{port}", "host": "127.0.0.1", "port": port,
            "secret": "s" * 16}, **webhook)))
        settings, health, log = context.settings, context.health, context.log
        urls = WebhookUrl(settings.public_url, settings.secret)
        receiver = Receiver(
            context=context, urls=urls,
            addon=Installation(settings, None, None, lambda: None, health, log),
            intake=SimpleNamespace(request_check_throttled=lambda room_id: None, is_open=True,
                                   is_standby=False, insert=lambda delivery: True),
            webhook_delivered=lambda address, webhook_id: None)
        server = Server(settings, receiver, lambda: None, health, log)
        threading.Thread(target=server.serve, daemon=True).start()
        wait_until(lambda: is_listening(settings.public_url))
        return urls.make(Address("room_message", 1001))

    return start


@pytest.fixture
def url(listen):
    """The URL of a webhook of an endpoint in this process."""
    return listen()


def is_listening(url):
    try:
        with connect(url):
            return True
    except ConnectionRefusedError:
        return False
