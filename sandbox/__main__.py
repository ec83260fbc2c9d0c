"""The sandbox's command line: `python -m sandbox COMMAND`."""

import argparse
import importlib
import sys
from typing import List

COMMANDS = {
    "demo": ("sandbox.demo", "post \"ping hello\", show each step to the reply, and end"),
    "serve": ("sandbox.serve", "start a HipChat and a StackStorm, until Ctrl-C"),
    "rule": ("sandbox.rule", "try a rule: whether it fires, why not, and what it would send"),
    "alias": ("sandbox.alias", "try a chat command: which alias it runs, and its replies"),
    "hipchat": ("sandbox.hipchat_server", "a HipChat server alone, for use with a real StackStorm"),
    "stackstorm": ("sandbox.stackstorm", "the pack alone, for use with a real HipChat"),
}


def main(arguments: List[str]) -> int:
    """Run one command; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="Try the HipChat pack without HipChat and without StackStorm.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (module_name, summary) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        # Import only the requested command: `stackstorm` patches the whole process for Eventlet.
        if name in arguments[:1]:
            module = importlib.import_module(module_name)
            module.add_arguments(command)
            command.set_defaults(main=module.main)
    args = parser.parse_args(arguments)
    return args.main(args)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
