"""`python -m sandbox alias`: tries a chat command on aliases, without any server.

As in a room, the pack finds the alias, and StackStorm's parser extracts the values. No action runs:
the reply shows the result that `--result` sets.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Dict, List, Sequence

from sandbox.rule_trial import as_json
from sandbox.stackstorm import REPOSITORY, pack, platform_modules, plugins, templates
from sandbox.stackstorm.actions import Actions
from sandbox.stackstorm.aliases import Alias, Values, acknowledgement, checked, typed
from sandbox.stackstorm.errors import Invalid
from sandbox.stackstorm.ids import new_id, now
from sandbox.stackstorm.unknown import Unknown

plugins.add_to_path(REPOSITORY / "actions/lib", first=True)
from chatops.aliases import find, problems_of  # noqa: E402
from chatops.catalog import Listing  # noqa: E402
from chatops.chat_message import check_harmless, command_in  # noqa: E402
from chatops.errors import CommandRejected, NotACommand  # noqa: E402
from chatops.matching import name_of  # noqa: E402
from chatops.permissions import Permissions  # noqa: E402
from chatops.reply import Reply, ack_of  # noqa: E402
from chatops.result import result_of  # noqa: E402
from chatops.settings import ChatOpsSettings  # noqa: E402
from chatops.values import check_values  # noqa: E402
from hipchat.errors import HipChatError  # noqa: E402
from hipchat.text.template_guard import BREAK, neutralize_templates  # noqa: E402

RUNS, DOES_NOT_RUN, WRONG = 0, 1, 2
# The section `chatops` for a config that has none.
ALLOW_ALL = {"rooms": [1001], "allow": [{"commands": ["*"], "people": "*"}]}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `python -m sandbox alias`."""
    add = parser.add_argument
    add("file", nargs="*", type=Path, metavar="FILE",
        help="an alias's YAML file (default: those of this pack)")
    add("--say", required=True, metavar="TEXT", help="the command, with the prefix or without")
    add("--result", type=json.loads, metavar="JSON", default={},
        help="the result of the execution (default: {})")
    add("--status", default="succeeded", help="how the execution ends (default: %(default)s)")
    add("--runner", default="python-script",
        help="the runner of another pack's action (default: %(default)s)")
    add("--config", type=Path, default=REPOSITORY / "hipchat.yaml.example", metavar="FILE",
        help="the pack's config file, whose section `chatops` is used (default: the example)")


def main(args: argparse.Namespace) -> int:
    """Print what would happen.

    Returns:
        0 if an alias runs, 1 if none does, 2 if an alias or the config is wrong.
    """
    platform_modules.install_base_classes()
    try:
        trial = AliasTrial(args.file, args.config)
        trial.run(args)
    except (CommandRejected, NotACommand) as reason:
        print(f"\nIt does not run: {reason}")
        return DOES_NOT_RUN
    except (Invalid, HipChatError) as error:
        print(f"\nThis is wrong: {error}", file=sys.stderr)
        return WRONG
    return RUNS


class AliasTrial:
    """A StackStorm that has this pack's actions, and aliases.

    Args:
        files: the aliases' files; this pack's own if empty.
        config_file: the pack's config.

    Raises:
        Invalid, HipChatError: an alias or the config is wrong.
    """

    def __init__(self, files: Sequence[Path], config_file: Path) -> None:
        self._pack = pack.load(REPOSITORY, config_file)
        self._actions = Actions(self._pack)
        config = self._pack.config
        self._has_permissions = ChatOpsSettings.are_in(config)
        self._settings = ChatOpsSettings.from_config(
            config if self._has_permissions else {**config, "chatops": ALLOW_ALL})
        definitions = [{"pack": _pack_of(file), **pack.read(file)} for file in files]
        self._aliases = [checked(each) for each in definitions or self._pack.aliases]

    def run(self, args: argparse.Namespace) -> None:
        """Print each step from a command to the messages that are posted in the room.

        Raises:
            CommandRejected, NotACommand: the command runs no alias, and why.
            Invalid: StackStorm fails on the alias.
        """
        for problem in self._problems():
            _row("warning", problem)
        command = self._command(args.say)
        match = find(command, Listing(self._aliases))
        check_values(match, self._settings.extra_parameters)
        alias = match.format.alias
        _row("alias", alias["ref"])
        _row("format", match.format.representation)
        if match.command != command:
            _row("", "matched ignoring case, StackStorm gets: " + match.command)
        self._show_permission(alias)
        is_known = alias["action_ref"].startswith(self._pack.ref + ".")
        for values in match.executions:
            self._show_execution(alias, values, is_known, args)
        print("\nIt runs" + ("." if is_known else
                             f", if {alias['action_ref']} takes these parameters."))

    def _problems(self) -> List[str]:
        """Return a sentence for each alias that people cannot run."""
        disabled = [f"{alias['ref']} is disabled." for alias in self._aliases
                    if not alias["enabled"]]
        return disabled + problems_of(self._aliases)

    def _command(self, text: str) -> str:
        """Return the command in a text with the prefix or without."""
        text = neutralize_templates(text)
        try:
            command = command_in(text, self._settings.prefix)
        except NotACommand:
            command = command_in(self._settings.opening + text, self._settings.prefix)
        _row("command", command)
        check_harmless(command)
        return command

    def _show_permission(self, alias: Alias) -> None:
        """Print who may run an alias; raise CommandRejected if the config allows no person."""
        if not self._has_permissions:
            return
        permissions, name = Permissions(self._settings), name_of(alias)
        allowed = {room_id: permissions.people_for(name, room_id)
                   for room_id in sorted(self._settings.rooms)}
        for room, people in allowed.items():
            if people != []:
                _row("allowed", f"in the room {room} for "
                     f"{'everyone' if people is None else ', '.join(map(str, people))}")
        if not any(people is None or people for people in allowed.values()):
            raise CommandRejected(f"the config's chatops.allow lets no person run {name}.")

    def _show_execution(self, alias: Alias, values: Values, is_known: bool,
                        args: argparse.Namespace) -> None:
        """Print an execution's parameters, and the messages that are posted in the room."""
        parameters = self._parameters(alias, values, is_known)
        _row("action", alias["action_ref"] + (
            "" if is_known else " (another pack's: its parameters are not checked)"))
        for name, value in parameters.items():
            _row("", f"{name}: {as_json(value)}")
        execution: Dict[str, Any] = {
            "id": new_id(), "status": "requested", "action": _action(alias["action_ref"]),
            "runner": {"name": args.runner}, "parameters": parameters, "context": _context(alias),
            "start_timestamp": now(), "web_url": "https://st2.example.com/#/history/..."}
        started = acknowledgement(alias, execution)
        _show_reply("ack", ack_of({**started, "execution": execution, "actionalias": alias}))
        execution.update(status=args.status, result=args.result, end_timestamp=now(),
                         elapsed_seconds=1.0)
        _show_reply("reply", result_of(execution, alias))

    def _parameters(self, alias: Alias, values: Values, is_known: bool) -> Values:
        """Return the action's parameters; raise CommandRejected if StackStorm refuses them."""
        try:
            definition = self._actions.definition(alias["action_ref"]) if is_known else {}
            given = typed(definition.get("parameters") or {}, values)
            fixed = alias.get("immutable_parameters") or {}
            overridden = sorted(set(fixed).intersection(given))
            if overridden:
                raise Invalid(f"Immutable arguments cannot be overriden: {', '.join(overridden)}")
            given.update(templates.render_values(fixed, dict(_context(alias),
                                                             st2kv=Unknown("st2kv"))))
            if is_known:
                _, checked_values = self._actions.prepare(
                    alias["action_ref"], given, st2kv=Unknown("st2kv"),
                    action_context=_context(alias))
                return {name: checked_values[name] for name in given}
            return given
        except Invalid as error:
            raise CommandRejected(f"StackStorm refuses it: {error}")
        except Exception as error:  # a template can raise any error
            raise Invalid(f"StackStorm cannot render immutable_parameters: {error}")


def _pack_of(file: Path) -> str:
    """Return an alias file's pack as StackStorm finds it: PACK/aliases/FILE."""
    folder = file.resolve().parent
    return folder.parent.name if folder.name == "aliases" else "default"


def _context(alias: Alias) -> Dict[str, Any]:
    """Return an execution's context; the sandbox does not know the person's account."""
    return {"action_alias_ref": {"id": alias["id"], "name": alias["name"]},
            "user": Unknown("execution.context.user"),
            "api_user": Unknown("execution.context.api_user"), "source_channel": "1001"}


def _action(ref: str) -> Dict[str, str]:
    action_pack, _, name = ref.partition(".")
    return {"ref": ref, "pack": action_pack, "name": name}


def _show_reply(kind: str, reply: Any) -> None:
    if reply is None:
        _row(kind, "none")
        return
    style = {key: value for key, value in reply._asdict().items()
             if key not in ("text", "code", "web_url") and value != Reply("")._asdict()[key]}
    _row(kind, reply.text.replace("\n", "\n" + " " * 11))
    if reply.code:
        _row("", reply.code.replace("\n", "\n" + " " * 11))
    if style:
        _row("", ", ".join(f"{key} {json.dumps(value)}" for key, value in style.items()))


def _row(what: str, text: str) -> None:
    print(f"{what:<10} {text}".replace(BREAK, "\\u200b"))
