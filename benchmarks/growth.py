"""How the cost of a delivery grows with rules, rooms and backlog."""
import json
import os
import subprocess
import sys
from typing import List

from benchmarks.server_process import REPOSITORY
from benchmarks.measure import Row, alternate, compared

ROUNDS = 11


def rows() -> List[Row]:
    env = dict(os.environ, PYTHONPATH=str(REPOSITORY / "sensors"))

    def cost(rules: int, rooms: int, backlog: int, elsewhere: int = 0) -> float:
        return json.loads(subprocess.check_output(
            [sys.executable, "-m", "benchmarks.growth_process"] +
            list(map(str, (rules, rooms, backlog, elsewhere))), cwd=str(REPOSITORY), env=env))

    base, rules, elsewhere, rooms, backlog = alternate(
        ROUNDS, lambda: cost(10, 1, 0), lambda: cost(1000, 1, 0), lambda: cost(10, 1, 0, 990),
        lambda: cost(10, 200, 0), lambda: cost(10, 1, 100000))
    return [compared(what, "10 rules, 1 room, no backlog", ("<=", bound), "µs a delivery", found,
                     base) for what, bound, found in (
        ("1,000 rules with filters, all in the room of the delivery", 1.5, rules),
        ("990 more rules in other rooms", 1.1, elsewhere),
        ("200 rooms, with 10 rules each", 1.1, rooms),
        ("a backlog of 100,000 deliveries", 1.1, backlog))]
