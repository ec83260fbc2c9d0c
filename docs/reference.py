"""Writes the tables and examples in docs/ that come from YAML files and code.

With --check it writes nothing, and exits with an error if a page is outdated.
"""
import ast
import json
import sys
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "actions/lib"))

from hipchat.events import EVENTS, payload

ANN = {"id": 2002, "name": "Ann", "mention_name": "Ann"}
ROOM = {"room": {"id": 1001, "name": "Factor"}}
MESSAGE = {"id": "6f1c2a9e-3b58-4d07-9c41-0a7be2d9f310", "date": "2018-05-04T09:30:12.345678+00:00"}
ITEMS = {
    "message": {"message": dict(MESSAGE, type="message", message="ping hello", mentions=[],
                                **{"from": ANN})},
    "notification": {"message": dict(MESSAGE, type="notification", message="Build 43 passed",
                                     message_format="text", color="green", **{"from": "CI"})},
    "enter": {"sender": ANN},
    "exit": {"sender": ANN},
    "topic_change": {"sender": ANN, "topic": "Lunch"},
    "file_upload": {"sender": ANN, "file": {"name": "plan.pdf", "size": 48213}},
}


def triggers():
    """Return a Markdown table of the trigger types, from the sensor's YAML file."""
    sensor = _load(REPOSITORY / "sensors/webhook_sensor.yaml")
    rows = [(f"`hipchat.{trigger['name']}`", trigger["description"].split(";")[0] + ".",
             "yes" if "`filter`" in trigger["description"] else "")
            for trigger in sensor["trigger_types"]]
    return _table(("trigger", "when", "takes a filter"), rows)


def payloads():
    """Return an example of each trigger's payload, as JSON in Markdown, made by the pack's code."""
    parts = []
    for name, event in EVENTS.items():
        body = {"webhook_id": 66824, "item": dict(ITEMS.get(name, {}), **ROOM)}
        example = payload(event, body, "5b5f3c1ed4a7d2a5b0e6f9c1",
                          ["hello"] if name == "message" else [])
        parts.append(f"<details><summary>hipchat.{name}</summary>\n\n```json\n"
                     f"{json.dumps(example, indent=2)}\n```\n\n</details>")
    return "\n".join(parts)


def actions():
    """Return a Markdown table of the actions, with links to the sections of parameters()."""
    return _table(("action", "what it does"), [
        (f"[`hipchat.{action['name']}`](#{action['name']})", action["description"])
        for _, action in _actions()])


def parameters():
    """Return a Markdown section for each action.

    Each says what the action does, which call of HipChat's API it makes with which scope, and which
    parameters the action has.
    """
    parts = []
    for file, action in _actions():
        rows = [(f"`{name}`", _default(parameter), parameter["description"])
                for name, parameter in action.get("parameters", {}).items()
                if "description" in parameter]
        parts += [f"### {action['name']}", _call(file) or "An orquesta workflow."]
        parts += [_table(("parameter", "default", "meaning"), rows)] if rows else []
    return "\n\n".join(parts)


def _actions():
    return [(file, _load(file)) for file in sorted((REPOSITORY / "actions").glob("*.yaml"))]


def _call(file):
    """Return the docstring of an action's Python file: what the action does, calls and needs.

    Args:
        file: the action's YAML file. The Python file beside it has the same name.

    Returns:
        The docstring; None for a workflow, which has no Python file.
    """
    source = file.with_suffix(".py")
    return ast.get_docstring(ast.parse(source.read_text())) if source.exists() else None


def config():
    """Return a Markdown table of the config keys. The names of nested keys contain dots."""
    return _table(("key", "default", "meaning"),
                  _config_rows("", _load(REPOSITORY / "config.schema.yaml")))


def _config_rows(prefix, schema):
    for name, each in schema.items():
        if "properties" in each:
            yield from _config_rows(prefix + name + ".", each["properties"])
        else:
            yield f"`{prefix}{name}`", _default(each), each["description"]


def _default(schema):
    """Return what a table says about a key's default.

    Args:
        schema: the schema of an action's parameter or of a config key.

    Returns:
        The default in YAML's form; "required" if a value must be set; "" if there is no default.
    """
    if schema.get("required"):
        return "required"
    value = schema.get("default")
    if value in (None, ""):
        return ""
    text = value if isinstance(value, str) else json.dumps(value).replace('"', "")
    return f"`{text}`"


def _table(heads, rows):
    lines = [[str(cell).replace("|", "\\|") for cell in line]
             for line in (heads, ("---",) * len(heads), *rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _load(path):
    return yaml.safe_load(path.read_text())


PAGES = {"triggers.md": (triggers, payloads), "actions.md": (actions, parameters),
         "config.md": (config,)}


def updated(text, makers):
    """Return a page's text with its generated parts made again.

    Args:
        text: the page as it is. A generated part begins after the comment `<!-- NAME -->` and ends
            before `<!-- end -->`. NAME is the name of the function that makes the part.
        makers: these functions.
    """
    for make in makers:
        start = f"<!-- {make.__name__} -->\n"
        before, rest = text.split(start)
        text = before + start + make() + "\n<!-- end -->" + rest.split("<!-- end -->", 1)[1]
    return text


def main(arguments):
    """Write the pages, or compare them with what would be written.

    Args:
        arguments: those of the command line: ["--check"] to compare only.

    Returns:
        The argument for sys.exit: 0, or a message that names the first outdated page.
    """
    for name, makers in PAGES.items():
        page = REPOSITORY / "docs" / name
        text = page.read_text("utf-8")
        if "--check" not in arguments:
            page.write_text(updated(text, makers), "utf-8")
        elif updated(text, makers) != text:
            return f"docs/{name} is outdated. Run `make reference`."
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
