"""A StackStorm in one process: runs a pack's own sensor, rules, aliases and Python actions."""

import argparse
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `python -m sandbox stackstorm`."""
    add = parser.add_argument
    add("--config", type=Path, help="the pack's config file (YAML); without it, the pack has no "
        "config until PUT /v1/configs/PACK")
    add("--pack", type=Path, default=REPOSITORY, help="the pack's directory (this one)")
    add("--rule", type=Path, action="append", default=[], metavar="FILE",
        help="one more rule file; may be repeated")
    add("--enable", action="append", default=[], metavar="REF",
        help="enable a rule, as `st2 rule enable` would; may be repeated")
    add("--api-port", type=int, metavar="PORT",
        help="serve an API shaped like StackStorm's on 127.0.0.1 (0 picks a free port)")
    add("--journal", type=Path, metavar="FILE",
        help="append every dispatched trigger instance to this file, one JSON object a line")
    add("--datastore", type=Path, metavar="FILE",
        help="the file of the datastore (default: it is in memory only)")
    add("--without-encryption-key", action="store_true",
        help="behave like a StackStorm whose datastore accepts no secrets")
    add("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])


def main(args: argparse.Namespace) -> int:
    """Run until the sensor ends; return the exit status."""
    # Imported here, because that patches the standard library for Eventlet.
    from sandbox.stackstorm import process
    return process.run(args)
