"""hipchat.send in a new process, compared with a minimal script that uses requests."""
import os
import subprocess
import sys
import time
from typing import List

from benchmarks.server_process import REPOSITORY
from benchmarks.measure import Row, alternate, compared
from benchmarks.restart import hipchat
from benchmarks.settings import TOKEN

ROUNDS = 25
# Replaces the modules that StackStorm's runner gives an action, without the runner's own time.
OURS = """
import sys, types
module = types.ModuleType("st2common.runners.base_action")
class Action:
    def __init__(self, config):
        self.config = config
module.Action = Action
for name in ("st2common", "st2common.runners"):
    sys.modules[name] = types.ModuleType(name)
sys.modules[module.__name__] = module
from send import SendAction
action = SendAction(config={"api_key": sys.argv[2], "api_url": sys.argv[1]})
succeeded, result = action.run(room="Factor", message="hello")
assert succeeded, result
"""
THEIRS = """
import sys
import requests
answer = requests.post(sys.argv[1] + "/room/Factor/notification", json={"message": "hello"},
                       headers={"Authorization": "Bearer " + sys.argv[2]}, timeout=10)
answer.raise_for_status()
"""
NOTHING = "import requests"


def rows() -> List[Row]:
    with hipchat(["Factor"]) as server:
        def run(script: str) -> float:
            started = time.monotonic()
            subprocess.check_call([sys.executable, "-c", script, server.url, TOKEN],
                                  env=_environment())
            return 1000 * (time.monotonic() - started)

        run(OURS), run(THEIRS)
        ours, theirs, least = alternate(
            ROUNDS, lambda: run(OURS), lambda: run(THEIRS), lambda: run(NOTHING))
    return [compared(
        "`hipchat.send` in a new process", "the least script with `requests.post`", ("<=", 1.15),
        "ms", ours, theirs, f"`import requests` alone: {sorted(least)[ROUNDS // 2]:.0f} ms")]


def _environment() -> dict:
    paths = [REPOSITORY, REPOSITORY / "actions" / "lib", REPOSITORY / "actions"]
    return dict(os.environ, PYTHONPATH=os.pathsep.join(map(str, paths)), NO_PROXY="127.0.0.1")
