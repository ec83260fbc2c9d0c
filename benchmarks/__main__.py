"""`python -m benchmarks [stackstorm] [NAME ...]`, or `soak`: measure, print, write the report.

A NAME is a module of this package, such as `receiver`; without one, all of the kind are run.
"""
import importlib
import sys
import time
from pathlib import Path
from typing import List

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "sensors"))
ALONE = ("receiver", "filters", "restart", "catching_up", "addon", "start", "memory", "growth",
         "commands")
ON_STACKSTORM = ("platform_rates", "platform_waits", "platform_start", "platform_memory",
                 "platform_chatops", "platform_pong")


def main(arguments: List[str]) -> None:
    """Run the named benchmarks, store their figures, and write the report."""
    kind = arguments[0] if arguments[:1] in (["stackstorm"], ["soak"]) else "alone"
    chosen = arguments[1:] if kind == "stackstorm" else arguments
    from benchmarks import report
    for name in chosen or (ON_STACKSTORM if kind == "stackstorm" else ALONE):
        started = time.monotonic()
        rows = importlib.import_module("benchmarks." + name).rows()
        report.show(rows)
        print(f"  ({name}: {time.monotonic() - started:.0f} s)", flush=True)
        report.store(kind, name, rows)
    report.write()


main(sys.argv[1:])
