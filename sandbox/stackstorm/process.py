"""The StackStorm process, which is patched for Eventlet first, like StackStorm's own."""

import os

# The import of the green DNS resolver takes a quarter of the start-up time, and the sandbox looks
# up local hosts only.
os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")

import eventlet

eventlet.monkey_patch(os=True, select=True, socket=True, thread=True, time=True)

import argparse
import logging
import signal
import sys
from pathlib import Path
from typing import Any, Optional

import eventlet.hubs
import eventlet.wsgi

from sandbox.stackstorm import pack, platform_modules
from sandbox.stackstorm.actions import Actions, Execution
from sandbox.stackstorm.aliases import Aliases
from sandbox.stackstorm.api import Api, Services
from sandbox.stackstorm.broker import Broker
from sandbox.stackstorm.database import Database
from sandbox.stackstorm.datastore import Datastore
from sandbox.stackstorm.errors import Invalid
from sandbox.stackstorm.event_stream import EventStream
from sandbox.stackstorm.notifier import Notifier
from sandbox.stackstorm.rules import Rules
from sandbox.stackstorm.sensor_host import SensorHost
from sandbox.stackstorm.triggers import Triggers, TriggerType

LOG = logging.getLogger("sandbox")


class Platform:
    """A StackStorm with one pack."""

    def __init__(self, content: pack.Pack, journal: Optional[Path] = None):
        self._pack = content
        self.broker = Broker(journal)
        self.triggers = Triggers(self.broker.publish)
        self.stream = EventStream()
        self._notifier = Notifier(self.triggers, self.broker)
        self.actions = Actions(content, ended=self._ended)
        self.aliases = Aliases(self.actions)
        self.rules = Rules(self.triggers, self.actions)
        for sensor in content.sensors:
            for definition in sensor["trigger_types"]:
                self.triggers.add_type(TriggerType(content.ref, definition))
        for definition in content.rules:
            self.rules.put(definition)
        for definition in content.aliases:
            self.aliases.put(definition)

    def serve_api(self, port: int) -> int:
        """Start to serve the API; return the port."""
        listener = eventlet.listen(("127.0.0.1", port))
        app = Api(Services(
            pack=self._pack, triggers=self.triggers, rules=self.rules, actions=self.actions,
            broker=self.broker, aliases=self.aliases, stream=self.stream))
        eventlet.spawn_n(eventlet.wsgi.server, listener, app, log_output=False)
        port = listener.getsockname()[1]
        self.actions.api_url = f"http://127.0.0.1:{port}/v1"
        return port

    def _ended(self, execution: Execution) -> None:
        self.stream.publish(execution)
        self._notifier.notify(execution)

    def run(self) -> None:
        """Run the rules and the sensor, until the sensor ends."""
        platform_modules.install_base_classes()
        platform_modules.install_services(self.triggers, self.broker, Database(
            self.triggers, self.broker, self.rules, self._pack), self.actions.api_url)
        rules = eventlet.spawn(self._run_rules)
        if self._pack.sensors:
            SensorHost(self._pack, self._pack.sensors[0], self.triggers, self.broker).run()
        else:
            rules.wait()

    def _run_rules(self) -> None:
        while True:
            self.rules.handle(self.broker.instances.get())


def run(args: argparse.Namespace) -> int:
    """Run a pack until its sensor ends; return the exit status."""
    _log_to_stderr(args.log_level)
    try:
        datastore = Datastore(args.datastore, not args.without_encryption_key)
        platform = Platform(pack.load(args.pack.resolve(), args.config, datastore), args.journal)
        for file in args.rule:
            platform.rules.put(pack.read(file))
        for ref in args.enable:
            platform.rules.enable(ref)
    except Invalid as error:
        print(f"StackStorm sandbox: {error}", file=sys.stderr)
        return 1
    if args.api_port is not None:
        try:
            port = platform.serve_api(args.api_port)
        except OSError as error:
            print(f"StackStorm sandbox: cannot listen on port {args.api_port}: {error.strerror}. "
                  "Choose another --api-port.", file=sys.stderr)
            return 1
        print(f"StackStorm sandbox: http://127.0.0.1:{port}", flush=True)
    _end_on_interrupt()
    try:
        platform.run()
    except KeyboardInterrupt:
        return 0
    except Exception:
        LOG.exception("The sensor raised an exception")
        return 1
    return 0


def _end_on_interrupt() -> None:
    """Let Ctrl-C end the main greenlet: in another one, a WSGI server would ignore it."""
    main, hub = eventlet.getcurrent(), eventlet.hubs.get_hub()

    def interrupt(*_: Any) -> None:
        if eventlet.getcurrent() in (main, hub.greenlet):
            raise KeyboardInterrupt
        hub.schedule_call_global(0, main.throw, KeyboardInterrupt)

    signal.signal(signal.SIGINT, interrupt)


def _log_to_stderr(level: str) -> None:
    logging.addLevelName(logging.WARNING, "WARN")
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)-5s %(name)s  %(message)s",
                        datefmt="%Y-%m-%d %H:%M:%S", stream=sys.stderr)
    # It logs a line for each connection it opens.
    logging.getLogger("urllib3").setLevel("WARNING")
