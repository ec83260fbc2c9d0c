"""Tells which alias a command is for, what it would run and say, without any server."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Dict, Iterable

from sandbox.stackstorm import REPOSITORY, pack, platform_modules, plugins
from sandbox.stackstorm.actions import Actions
from sandbox.stackstorm.aliases import Aliases, acknowledgement
from sandbox.stackstorm.errors import Invalid
from sandbox.stackstorm.ids import new_id

plugins.add_to_path(REPOSITORY / "actions/lib", first=True)
from chatops.ack import ack_of  # noqa: E402
from chatops.aliases import find  # noqa: E402
from chatops.reply import Reply  # noqa: E402
from chatops.command import check_harmless, command_in  # noqa: E402
from chatops.matching import Fit, formats_of  # noqa: E402
from chatops.result import result_of  # noqa: E402
from chatops.values import check_values  # noqa: E402
from hipchat.errors import HipChatError  # noqa: E402
from hipchat.text.template_guard import BREAK, neutralize_templates  # noqa: E402

PREFIX = "!"
RUNS, DOES_NOT_RUN, WRONG = 0, 1, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `python -m sandbox alias`."""
    add = parser.add_argument
    add("file", nargs="*", type=Path, metavar="FILE",
        help="an alias's YAML file (default: those of this pack)")
    add("--say", required=True, metavar="TEXT", help="the command, with the prefix or without")
    add("--result", type=json.loads, metavar="JSON", default={},
        help="what the execution's result would be (default: {})")
    add("--status", default="succeeded", help="how it would end (default: %(default)s)")
    add("--runner", default="python-script",
        help="the runner of another pack's action (default: %(default)s)")


def main(args: argparse.Namespace) -> int:
    """Print what would happen; returns 0 if an alias runs, 1 if none, 2 if one is wrong."""
    platform_modules.install_base_classes()
    content = pack.load(REPOSITORY, REPOSITORY / "hipchat.yaml.example")
    aliases = Aliases(Actions(content))
    try:
        for definition in map(pack.read, args.file) if args.file else content.aliases:
            aliases.put(dict({"pack": content.ref}, **definition))
        fit = _find(args.say, aliases)
    except HipChatError as reason:
        print(f"\nIt does not run: {reason}")
        return DOES_NOT_RUN
    except Invalid as error:
        print(f"\nThis is wrong: {error}", file=sys.stderr)
        return WRONG
    return _run(fit, aliases, args)


def _find(said: str, aliases: Iterable[Dict[str, Any]]) -> Fit:
    """As in a room; raises what the pack would tell the person."""
    said = neutralize_templates(said if said.startswith(PREFIX) else PREFIX + said)
    command = command_in(said, PREFIX)
    _row("command", command)
    check_harmless(command)
    fit = find(command, [each for alias in aliases if alias["enabled"]
                         for each in formats_of(alias)])
    check_values(fit, extra_parameters=False)
    return fit


def _run(fit: Fit, aliases: Aliases, args: argparse.Namespace) -> int:
    alias = fit.format.alias
    _row("alias", alias["ref"])
    _row("format", fit.format.representation)
    if not fit.is_exact:
        _row("", "matched ignoring case, StackStorm gets: " + fit.command)
    try:
        parameters = aliases.parameters(alias, fit.format.representation, fit.command)
    except Invalid as error:
        print(f"\nThis is wrong: {error}", file=sys.stderr)
        return WRONG
    _row("action", alias["action_ref"])
    for name, value in parameters.items():
        _row("", f"{name}: {json.dumps(value, ensure_ascii=False)}")
    execution = {"id": new_id(), "status": args.status, "action": {"ref": alias["action_ref"]},
                 "runner": {"name": args.runner}, "parameters": parameters,
                 "result": args.result, "web_url": "https://st2.example.com/#/history/..."}
    ack = ack_of(dict(acknowledgement(alias, execution), execution=execution, actionalias=alias))
    _say("says first", ack)
    try:
        _say("says then", result_of(execution, alias))
    except HipChatError as reason:
        _row("says then", f"nothing: {reason}")
    print("\nIt runs.")
    return RUNS


def _say(when: str, answer: Any) -> None:
    if answer is None:
        _row(when, "nothing")
        return
    shown = {key: value for key, value in answer._asdict().items()
             if key not in ("text", "code", "web_url") and value != Reply("")._asdict()[key]}
    _row(when, answer.text.replace("\n", "\n" + " " * 11))
    if answer.code:
        _row("", answer.code.replace("\n", "\n" + " " * 11))
    if shown:
        _row("", ", ".join(f"{key} {json.dumps(value)}" for key, value in shown.items()))


def _row(what: str, text: str) -> None:
    print("{:<10} {}".format(what, text.replace(BREAK, "\\u200b")))
