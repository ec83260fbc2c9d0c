"""The pack's sensor and its peers on a real StackStorm.

Environment: ST2_API_URL; ST2_PYTHON, the Python of the installed pack's virtualenv, which has the
pack's requirements and sees StackStorm's modules; ST2_CONFIG_PATH; and ST2_EXAMPLES, the directory
of StackStorm's examples pack, without which its Flask sensor is skipped. The StackStorm should have
nothing else to do: what it works off beside takes the same processors.
"""
import contextlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

import requests

from benchmarks.server_process import REPOSITORY, Server

__all__ = ["Api", "flask_sensor", "host"]

FLASK_URL = "http://127.0.0.1:5000/echo"  # as its source says


def host(file: Path, name: str, config: Dict[str, Any], *more: str,
         path: Optional[Path] = None) -> Server:
    """A sensor in the platform's sensor wrapper."""
    env = dict(os.environ, ST2_CONFIG_PATH=os.environ.get("ST2_CONFIG_PATH", "/etc/st2/st2.conf"))
    env.pop("PYTHONPATH", None)
    if path:
        env["PYTHONPATH"] = str(path)
    return Server([os.environ["ST2_PYTHON"],
                   str(REPOSITORY / "benchmarks" / "stackstorm_host.py"), str(file), name,
                   json.dumps(config), *more], env)


@contextlib.contextmanager
def flask_sensor(directory: Path) -> Iterator[Optional[str]]:
    """The URL of StackStorm's Flask example sensor; None where it is not at hand."""
    examples = os.environ.get("ST2_EXAMPLES")
    if not examples:
        yield None
        return
    subprocess.check_call([os.environ["ST2_PYTHON"], "-m", "pip", "install", "--quiet",
                           "--disable-pip-version-check", "--target", str(directory / "flask"),
                           "Flask>=3,<4"], stderr=subprocess.DEVNULL)
    file = Path(examples) / "sensors" / "echo_flask_app.py"
    with host(file, "EchoFlaskSensor", {}, path=directory / "flask"):
        yield FLASK_URL


class Api:
    """StackStorm's API; what is made through it is deleted at the end of `with`."""

    def __init__(self):
        self._url, self._session = os.environ["ST2_API_URL"] + "/v1", requests.Session()
        self._session.trust_env = False
        self._session.headers["Connection"] = "close"  # the API ends idle connections
        self._made: List[str] = []

    def __enter__(self) -> "Api":
        return self

    def __exit__(self, *_: Any) -> None:
        for path in self._made:
            self._session.delete(self._url + path)

    @property
    def webhook(self) -> str:
        """Where core.st2.webhook takes what the rule of make_rules hears."""
        return self._url + "/webhooks/hipchat-benchmark"

    def make_rules(self, rooms: List[str]) -> None:
        """A disabled rule for each room, and one for core.st2.webhook."""
        for room in rooms:
            self._rule(room, "hipchat.message", {"room": room})
        self._rule("webhook", "core.st2.webhook", {"url": "hipchat-benchmark"})

    def make_trigger_type(self, pack: str, name: str) -> None:
        self._post("/triggertypes", {"pack": pack, "name": name, "payload_schema": {}})

    def heard(self) -> int:
        """How many trigger instances there are."""
        answer = self._session.get(self._url + "/triggerinstances", params={"limit": 1})
        return int(answer.headers["X-Total-Count"])

    def _rule(self, name: str, trigger: str, parameters: Dict[str, Any]) -> None:
        self._post("/rules", {
            "name": "benchmark " + name, "pack": "default", "enabled": False, "criteria": {},
            "trigger": {"type": trigger, "parameters": parameters},
            "action": {"ref": "core.noop", "parameters": {}}})

    def _post(self, path: str, body: Dict[str, Any]) -> None:
        answer = self._session.post(self._url + path, json=body)
        assert answer.ok or answer.status_code == 409, answer.text
        if answer.ok:
            self._made.append("{}/{}".format(path, answer.json()["id"]))
