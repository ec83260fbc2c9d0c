"""hipchat.send as StackStorm's runner starts it, compared with a minimal and an empty action."""
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import List

from benchmarks.server_process import REPOSITORY
from benchmarks.measure import Row, alternate, compared
from benchmarks.restart import hipchat
from benchmarks.settings import TOKEN

ROUNDS, GROUP = 36, 6  # the differences of a group of rounds become one median
THEIRS = """
import requests
from st2common.runners.base_action import Action


class Least(Action):
    def run(self, room, message):
        answer = requests.post(self.config["api_url"] + "/room/" + room + "/notification",
                               headers={"Authorization": "Bearer " + self.config["api_key"]},
                               json={"message": message}, timeout=10)
        answer.raise_for_status()
        return True, None
"""
EMPTY = """
from st2common.runners.base_action import Action


class Empty(Action):
    def run(self, room, message):
        return True, None
"""
FIND_WRAPPER = "import python_runner.python_action_wrapper as found; print(found.__file__)"


def rows() -> List[Row]:
    ours, theirs, nothing = measured()
    return [compared("`hipchat.send` started by StackStorm's action wrapper",
                     "the least action with `requests.post`", ("<=", 1.15), "ms", ours, theirs),
            compared("what `hipchat.send` adds to an empty action", "what the least action adds",
                     ("<=", 1.1), "ms", added(ours, nothing), added(theirs, nothing),
                     f"an empty action: {statistics.median(nothing):.0f} ms")]


def measured() -> List[List[float]]:
    """Return the milliseconds of hipchat.send, of a minimal action, and of an empty one."""
    python = os.environ["ST2_PYTHON"]
    wrapper = subprocess.check_output([python, "-c", FIND_WRAPPER],
                                      universal_newlines=True).strip()
    with tempfile.TemporaryDirectory() as name, hipchat(["Factor"]) as server:
        least, empty = Path(name) / "least.py", Path(name) / "empty.py"
        least.write_text(THEIRS)
        empty.write_text(EMPTY)

        def run(file: Path) -> float:
            started = time.monotonic()
            output = subprocess.check_output([
                python, "-u", wrapper, "--pack=hipchat", "--file-path=" + str(file),
                "--user=benchmark", "--parent-args=" + json.dumps(
                    ["--config-file", os.environ.get("ST2_CONFIG_PATH", "/etc/st2/st2.conf")]),
                "--config=" + json.dumps({"api_url": server.url, "api_key": TOKEN}),
                "--parameters=" + json.dumps({"room": "Factor", "message": "hello"})],
                env=dict(os.environ, PYTHONPATH=str(REPOSITORY / "actions" / "lib"),
                         NO_PROXY="127.0.0.1"), stderr=subprocess.STDOUT)
            assert b"rror" not in output, output
            return 1000 * (time.monotonic() - started)

        return alternate(
            ROUNDS, lambda: run(REPOSITORY / "actions" / "send.py"), lambda: run(least),
            lambda: run(empty))


def added(values: List[float], base: List[float]) -> List[float]:
    """Return the median difference of each group of rounds: a single round is mostly noise."""
    differences = [value - base_value for value, base_value in zip(values, base)]
    return [statistics.median(differences[first:first + GROUP])
            for first in range(0, ROUNDS, GROUP)]
