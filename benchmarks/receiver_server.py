"""Runs the receiver alone (`pack`), or the same WSGI server that only answers 204 (`bare`)."""
import eventlet

eventlet.monkey_patch(os=True, select=True, socket=True, thread=True, time=True)

import logging
import socket
import sys
import tempfile
from types import SimpleNamespace
from typing import Any, Callable, Dict, List

from eventlet import wsgi

from benchmarks.settings import config
from hipchat.api.client import Client
from hipchat.api.room_directory import RoomDirectory
from listening.addon.installation import Installation
from listening.context import Context
from listening.subscriptions import Subscriptions
from listening.http.intake import Intake
from listening.http.server import Server
from listening.operations.health import Health
from listening.http.receiver import Receiver
from hipchat.config.sensor_settings import SensorSettings
from listening.spool import Spool
from hipchat.webhook.webhook_url import WebhookUrl


def nothing(environ: Dict[str, Any], start_response: Callable) -> List[bytes]:
    """Answer 204: a WSGI application."""
    start_response("204 No Content", [])
    return [b""]


def pack(port: int, directory: str) -> None:
    """Serve the receiver, with a spool in this directory and without dispatching."""
    log = logging.getLogger("benchmarks")
    settings = SensorSettings.from_config(config("http://127.0.0.1:1/v2", port, directory))
    health = Health(log)
    spool = Spool(directory=directory, max_deliveries=10 ** 6, dedup_kept=3600.0, health=health,
                  run_forever=lambda name, task: eventlet.spawn(task), recheck_all=lambda: None)
    spool.open()
    intake = Intake(spool, SimpleNamespace(notify=lambda room_id: None),
                    SimpleNamespace(is_current=True), request_check=lambda room_id: None)
    intake.is_open = True
    addon = Installation(settings, lambda: None, lambda text: None, lambda: None, health, log)
    rooms = RoomDirectory()
    context = Context(
        settings=settings, client=Client(settings.api), rooms=rooms, health=health, log=log,
        subscriptions=Subscriptions([], [], rooms, log, lambda: None))
    receiver = Receiver(
        context=context, urls=WebhookUrl(settings.public_url, settings.secret), addon=addon,
        intake=intake, webhook_delivered=lambda address, webhook_id: None)
    Server(settings, receiver, lambda: None, health, log).serve()


def main() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    print(f"http://127.0.0.1:{port}/hipchat", flush=True)
    if sys.argv[1] == "bare":
        wsgi.server(eventlet.listen(("127.0.0.1", port), backlog=1024), nothing,
                    max_size=512, keepalive=False, log_output=False, debug=False,
                    socket_timeout=15)
    else:
        with tempfile.TemporaryDirectory() as directory:
            pack(port, directory)


main()
