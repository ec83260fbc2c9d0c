"""Writes the parts of README.md that come from the pack itself; --check only compares."""
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
README = REPOSITORY / "README.md"


def triggers():
    """A line per trigger type."""
    sensor = _load(REPOSITORY / "sensors/webhook_sensor.yaml")
    rows = [("`hipchat.{name}`".format(**trigger), trigger["description"].split(" Parameters")[0],
             "yes" if "`filter`" in trigger["description"] else "")
            for trigger in sensor["trigger_types"]]
    return _table(("trigger", "when", "takes a filter"), rows)


def payloads():
    """An example of each trigger's payload."""
    parts = []
    for name, event in EVENTS.items():
        body = {"webhook_id": 66824, "item": dict(ITEMS.get(name, {}), **ROOM)}
        example = payload(event, body, "5b5f3c1ed4a7d2a5b0e6f9c1",
                          ["hello"] if name == "message" else [])
        parts.append("<details><summary>hipchat.{}</summary>\n\n```json\n{}\n```\n\n</details>"
                     .format(name, json.dumps(example, indent=2)))
    return "\n".join(parts)


def actions():
    """A line per action."""
    rows = [("`hipchat.{name}`".format(**action), action["description"], ", ".join(
        "**`{}`**".format(name) if parameter.get("required") else "`{}`".format(name)
        for name, parameter in action.get("parameters", {}).items()
        if not parameter.get("immutable")))
        for action in map(_load, sorted((REPOSITORY / "actions").glob("*.yaml")))]
    return _table(("action", "what it does", "parameters (**required**)"), rows)


def config():
    """A line per key, nested ones with dots."""
    return _table(("key", "default", "meaning"),
                  _config_rows("", _load(REPOSITORY / "config.schema.yaml")))


def _config_rows(prefix, schema):
    for name, each in schema.items():
        if "properties" in each:
            yield from _config_rows(prefix + name + ".", each["properties"])
        else:
            default = "`{}`".format(_plain(each["default"])) if "default" in each else ""
            yield "`{}{}`".format(prefix, name), default, each["description"]


def _plain(value):
    if isinstance(value, bool):
        return str(value).lower()
    return "[{}]".format(", ".join(value)) if isinstance(value, list) else value


def _table(heads, rows):
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join("| {} |".format(" | ".join(str(cell).replace("|", "\\|") for cell in line))
                     for line in lines)


def _load(path):
    return yaml.safe_load(path.read_text())


def updated(text):
    """The README with its tables made anew."""
    for name, make in (("triggers", triggers), ("payloads", payloads), ("actions", actions),
                       ("config", config)):
        start = "<!-- {} -->\n".format(name)
        before, rest = text.split(start)
        text = before + start + make() + "\n<!-- end -->" + rest.split("<!-- end -->", 1)[1]
    return text


def main(arguments):
    """Returns the exit status."""
    text = README.read_text()
    if "--check" in arguments:
        return 0 if updated(text) == text else "README.md is not what `make readme` makes of it."
    README.write_text(updated(text))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
