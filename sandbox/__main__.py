"""The command line of the sandbox: `python -m sandbox`."""

import argparse
import importlib
import sys
from typing import List

COMMANDS = {
    "demo": ("sandbox.demo", "say \"ping hello\", show its way through, and end"),
    "serve": ("sandbox.serve", "start a HipChat and a StackStorm, and stay until Ctrl-C"),
    "rule": ("sandbox.rule", "tell whether a rule would fire, why not, and what it would send"),
    "alias": ("sandbox.alias", "tell which alias a command is for, and what it would say"),
    "hipchat": ("sandbox.hipchat_server", "a HipChat server alone, for use with a real StackStorm"),
    "stackstorm": ("sandbox.stackstorm", "the pack alone, for use with a real HipChat"),
}


def main(arguments: List[str]) -> int:
    """Run one command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="Try the HipChat pack without HipChat and without StackStorm.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (module_name, summary) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        # Only what is asked for is imported: one command patches the whole process.
        if name in arguments[:1]:
            module = importlib.import_module(module_name)
            module.add_arguments(command)
            command.set_defaults(main=module.main)
    args = parser.parse_args(arguments)
    return args.main(args)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
