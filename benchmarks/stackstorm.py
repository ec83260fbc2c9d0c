"""A real StackStorm: its API, and sensors in its sensor wrapper.

Environment: ST2_API_URL; ST2_AUTH_TOKEN if the API requires one; ST2_PYTHON, the Python of the
installed pack's virtualenv, which has the pack's requirements and StackStorm's modules;
ST2_CONFIG_PATH (default: /etc/st2/st2.conf); ST2_EXAMPLES, the directory of StackStorm's examples
pack (default: its Flask sensor is skipped). The StackStorm should have nothing else to do, because
other work takes the same processors.
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

ISOLATED = ("discard", "soak")  # modes of stackstorm_host.py with exchanges of their own
FLASK_URL = "http://127.0.0.1:5000/echo"  # as its source says


def host(file: Path, name: str, config: Dict[str, Any], *more: str,
         path: Optional[Path] = None) -> Server:
    """Start a sensor in StackStorm's sensor wrapper.

    Args:
        name: the sensor's class.
        more: the mode, see stackstorm_host.py.
        path: a directory for PYTHONPATH.
    """
    return script("stackstorm_host.py", str(file), name, json.dumps(config), *more, path=path,
                  is_isolated=more != () and more[0] in ISOLATED)


def script(name: str, *arguments: str, path: Optional[Path] = None,
           is_isolated: bool = False) -> Server:
    """Start a file of this directory with StackStorm's Python.

    Args:
        path: a directory for PYTHONPATH.
        is_isolated: use exchanges of its own, so that StackStorm's services receive nothing.
    """
    env = dict(os.environ, ST2_CONFIG_PATH=os.environ.get("ST2_CONFIG_PATH", "/etc/st2/st2.conf"))
    env.pop("PYTHONPATH", None)
    if path:
        env["PYTHONPATH"] = str(path)
    if is_isolated:
        env["ST2_MESSAGING__PREFIX"] = "st2benchmarks"
    return Server([os.environ["ST2_PYTHON"], str(REPOSITORY / "benchmarks" / name), *arguments],
                  env)


@contextlib.contextmanager
def flask_sensor(directory: Path) -> Iterator[Optional[str]]:
    """Run StackStorm's Flask example sensor; yield its URL, or None without ST2_EXAMPLES."""
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
    """Return a date of StackStorm or HipChat as Unix time."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Api:
    """StackStorm's API; objects that make() creates are deleted at the end of the `with` block."""

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
        """The URL of the core.st2.webhook for which make_rules() creates a rule."""
        return self._url + "/webhooks/hipchat-benchmark"

    def make_rules(self, rooms: List[str]) -> None:
        """Create a rule that never fires for each room, and one for core.st2.webhook."""
        for room in rooms:
            self.make_rule(room, "hipchat.message", {"room": room})
        self.make_rule("webhook", "core.st2.webhook", {"url": "hipchat-benchmark"})

    def make_trigger_type(self, pack: str, name: str) -> None:
        """Create a trigger type with any payload."""
        self.make("/triggertypes", {"pack": pack, "name": name, "payload_schema": {}})

    def trigger_instance_count(self) -> int:
        """Return the number of trigger instances."""
        answer = self._session.get(self._url + "/triggerinstances", params={"limit": 1})
        return int(answer.headers["X-Total-Count"])

    @contextlib.contextmanager
    def only_aliases(self, count: int, name: str) -> Iterator[None]:
        """Replace all aliases but one during the `with` block.

        Args:
            count: the number of aliases, with the one that stays.
            name: the alias that stays.
        """
        removed = [each for page in (0, 100) for each in
                self.get("/actionalias", limit=100, offset=page) if each["name"] != name]
        for each in removed:
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
            for each in removed:
                self.post("/actionalias", {key: value for key, value in each.items()
                                           if key not in ("id", "ref", "uid", "metadata_file")})

    def make_rule(self, name: str, trigger: str, parameters: Dict[str, Any],
                  action: str = "", given: Optional[Dict[str, Any]] = None) -> None:
        """Create a rule that starts an action, or without `action` one that never fires."""
        criteria = {} if action else {"trigger.event": {"type": "equals", "pattern": "none"}}
        self.make("/rules", {
            "name": "benchmark " + name, "pack": "default", "enabled": True, "criteria": criteria,
            "trigger": {"type": trigger, "parameters": parameters},
            "action": {"ref": action or "core.noop", "parameters": given or {}}})

    def make(self, path: str, body: Dict[str, Any]) -> None:
        """Create an object, if it does not exist, until the end of the `with` block."""
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
