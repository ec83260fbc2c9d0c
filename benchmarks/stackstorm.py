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
from datetime import datetime
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

import requests

from benchmarks.server_process import REPOSITORY, Server

__all__ = ["Api", "flask_sensor", "host", "moment", "script"]

APART = ("unheard", "watched")  # modes of the host
FLASK_URL = "http://127.0.0.1:5000/echo"  # as its source says


def host(file: Path, name: str, config: Dict[str, Any], *more: str,
         path: Optional[Path] = None) -> Server:
    """A sensor in the platform's sensor wrapper."""
    return script("stackstorm_host.py", str(file), name, json.dumps(config), *more, path=path,
                  apart=more != () and more[0] in APART)


def script(name: str, *arguments: str, path: Optional[Path] = None, apart: bool = False) -> Server:
    """A file of this directory, run by StackStorm's Python.

    apart: its exchanges are others than those of StackStorm's services, which hear nothing of it.
    """
    env = dict(os.environ, ST2_CONFIG_PATH=os.environ.get("ST2_CONFIG_PATH", "/etc/st2/st2.conf"))
    env.pop("PYTHONPATH", None)
    if path:
        env["PYTHONPATH"] = str(path)
    if apart:
        env["ST2_MESSAGING__PREFIX"] = "st2benchmarks"
    return Server([os.environ["ST2_PYTHON"], str(REPOSITORY / "benchmarks" / name), *arguments],
                  env)


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


def moment(text: str) -> float:
    """A date of StackStorm's or HipChat's as seconds."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Api:
    """StackStorm's API; what is made through it is deleted at the end of `with`."""

    def __init__(self):
        self._url, self._session = os.environ["ST2_API_URL"] + "/v1", requests.Session()
        self._session.trust_env = False
        self._session.headers["Connection"] = "close"  # the API ends idle connections
        if "ST2_AUTH_TOKEN" in os.environ:
            self._session.headers["X-Auth-Token"] = os.environ["ST2_AUTH_TOKEN"]
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
        """A rule that never fires for each room, and one for core.st2.webhook."""
        for room in rooms:
            self.make_rule(room, "hipchat.message", {"room": room})
        self.make_rule("webhook", "core.st2.webhook", {"url": "hipchat-benchmark"})

    def make_trigger_type(self, pack: str, name: str) -> None:
        self.make("/triggertypes", {"pack": pack, "name": name, "payload_schema": {}})

    def heard(self) -> int:
        """How many trigger instances there are."""
        answer = self._session.get(self._url + "/triggerinstances", params={"limit": 1})
        return int(answer.headers["X-Total-Count"])

    @contextlib.contextmanager
    def only_aliases(self, count: int, name: str) -> Iterator[None]:
        """So many aliases: that of this name, and others made for it; what was there is put back.
        """
        kept = [each for page in (0, 100) for each in
                self.get("/actionalias", limit=100, offset=page) if each["name"] != name]
        for each in kept:
            self._delete("/actionalias/" + each["ref"])
        names = [f"benchmark_{number}" for number in range(1, count)]
        for each in names:
            self.post("/actionalias", {
                "name": each, "pack": "default", "action_ref": "core.noop", "enabled": True,
                "description": each,
                "formats": [each.replace("_", " ") + " {{ one }} {{ two=2 }}"]})
        try:
            yield
        finally:
            for each in names:
                self._delete("/actionalias/default." + each)
            for each in kept:
                self.post("/actionalias", {key: value for key, value in each.items()
                                           if key not in ("id", "ref", "uid", "metadata_file")})

    def make_rule(self, name: str, trigger: str, parameters: Dict[str, Any],
                  action: str = "", given: Optional[Dict[str, Any]] = None) -> None:
        """A rule that starts an action, or one that never fires: the sensor listens for it, too."""
        criteria = {} if action else {"trigger.event": {"type": "equals", "pattern": "none"}}
        self.make("/rules", {
            "name": "benchmark " + name, "pack": "default", "enabled": True, "criteria": criteria,
            "trigger": {"type": trigger, "parameters": parameters},
            "action": {"ref": action or "core.noop", "parameters": given or {}}})

    def make(self, path: str, body: Dict[str, Any]) -> None:
        """Make what is not there yet, until the end of `with`."""
        answer = self._session.post(self._url + path, json=body)
        assert answer.ok or answer.status_code == 409, answer.text
        if answer.ok:
            self._made.append(f"{path}/{answer.json()['id']}")

    def get(self, path: str, **query: Any) -> Any:
        answer = self._session.get(self._url + path, params=query)
        assert answer.ok, answer.text
        return answer.json()

    def post(self, path: str, body: Dict[str, Any]) -> Any:
        answer = self._session.post(self._url + path, json=body)
        assert answer.ok, answer.text
        return answer.json()

    def _delete(self, path: str) -> None:
        answer = self._session.delete(self._url + path)
        assert answer.ok, answer.text
