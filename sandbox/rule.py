"""Tells whether a rule would fire, why not, and what it would send, without any server."""

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional

from sandbox.hipchat_server.deliveries import Delivery
from sandbox.hipchat_server.errors import ApiError
from sandbox.hipchat_server.events import Events
from sandbox.hipchat_server.group import Group
from sandbox.hipchat_server.models import Webhook
from sandbox.hipchat_server.shapes import Shapes
from sandbox.hipchat_server.event_trace import in_words, listed
from sandbox.removed_characters import removers_in
from sandbox.stackstorm import REPOSITORY, criteria, pack, parameters, plugins
from sandbox.stackstorm.actions import Actions
from sandbox.stackstorm.errors import Invalid
from sandbox.stackstorm.rules import Rule, Rules
from sandbox.stackstorm.triggers import Triggers, TriggerType

plugins.add_to_path(REPOSITORY / "sensors")
from hipchat.errors import HipChatError  # noqa: E402
from hipchat.events import EVENTS, payload, read_body, room_id, room_name, text_of  # noqa: E402
from hipchat.text.template_guard import BREAK  # noqa: E402
from hipchat.api.room_directory import RoomDirectory  # noqa: E402
from hipchat.webhook.webhook_url import Address  # noqa: E402
from listening.dispatch.subscriptions import Subscription, Subscriptions  # noqa: E402
from hipchat.config.sensor_settings import SensorSettings  # noqa: E402

URL = "http://127.0.0.1:8090/v2"
# They come first, so that each has the same id in every run.
PEOPLE = ("Ann", "Bob", "Carol")

FIRES, DOES_NOT_FIRE, WRONG = 0, 1, 2


class Unmoved(Exception):
    """The rule does not fire; the text says why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `python -m sandbox rule`."""
    add = parser.add_argument
    add("file", type=Path, metavar="FILE", help="the rule's YAML file")
    add("--say", metavar="TEXT", help="the text of a message, a notification or a topic")
    add("--event", choices=list(EVENTS),
        help="what happens (default: the rule's own event, or a message if something is said)")
    add("--user", default=PEOPLE[0], metavar="NAME", help="who does it (default: %(default)s)")
    add("--user-id", type=int, metavar="ID", help="that person's id in HipChat")
    add("--room", default="Factor", metavar="NAME", help="where (default: %(default)s)")
    add("--config", type=Path, default=REPOSITORY / "hipchat.yaml.example", metavar="FILE",
        help="the pack's config file (default: the example, with the room Factor)")


def main(args: argparse.Namespace) -> int:
    """Print what would happen; returns 0 if the rule fires, 1 if not, 2 if it is wrong."""
    try:
        Trial(args).run(args)
    except Unmoved as reason:
        print(f"\nIt does not fire: {reason}.")
        return DOES_NOT_FIRE
    except (Invalid, HipChatError, ApiError) as error:
        print(f"\nThis is wrong: {error}", file=sys.stderr)
        return WRONG
    print("\nIt fires.")
    return FIRES


class Trial:
    """A StackStorm that has the pack and one rule, and neither sensor nor broker."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._pack = pack.load(REPOSITORY, args.config)
        self._settings = SensorSettings.from_config(self._pack.config)
        self._triggers = Triggers(publish=lambda event, trigger: None)
        for sensor in self._pack.sensors:
            for definition in sensor["trigger_types"]:
                self._triggers.add_type(TriggerType(self._pack.ref, definition))
        self._actions = Actions(self._pack)
        self._rule = Rules(self._triggers, self._actions).put(pack.read(args.file))

    def run(self, args: argparse.Namespace) -> None:
        """Take an event to the action; raises Unmoved, or what is wrong with the rule."""
        own = self._rule.trigger.type.partition(".")[2]
        event = EVENTS[args.event or ("message" if args.say is not None else own)]
        if event.text and args.say is None:
            raise Invalid(f"the event {event.name} needs --say TEXT.")
        body = delivery(event.name, args.room, args.user, args.user_id, args.say or "")
        _row("rule", self._rule.ref + ("" if self._rule.enabled else " (disabled)"))
        _row("event", in_words(event.name, args.user, args.room, args.say))
        heard = self._hear(event, body)
        if heard["matches"]:
            _row("", "captures matches " + _json(heard["matches"]))
        self._compare(heard)
        self._act(heard)

    def _hear(self, event: Any, body: Dict[str, Any]) -> Dict[str, Any]:
        """The payload that the trigger gets."""
        trigger = self._rule.trigger.to_dict()
        _row("trigger", trigger["type"] + listed(trigger["parameters"]))
        listener = Subscription.of_trigger(trigger)
        if listener.event != event:
            raise Unmoved("the event is {}, and the rule is for {}; see --event".format(
                event.name, listener.event.name))
        directory = RoomDirectory()
        directory.take([body["item"]["room"]])
        subscriptions = Subscriptions(self._settings.rooms, self._settings.events, directory,
                              logging.getLogger("sandbox.rule"), lambda: None)
        subscriptions.add(trigger)
        if not subscriptions.hearing(Address(event.hipchat, room_id(body))):
            raise Unmoved(self._deaf(listener, body))
        text = text_of(event, body["item"])
        matches = listener.filter.groups(text) if listener.filter else []
        if matches is None:
            raise Unmoved("the filter {} is not found in {}".format(
                _json(trigger["parameters"]["filter"]), _json(text)))
        heard = payload(event, body, listener.trigger_id, matches, self._settings.template_guard)
        self._triggers.type_of(listener.ref).check_payload(heard)
        return heard

    def _deaf(self, listener: Subscription, body: Dict[str, Any]) -> str:
        room = _json(room_name(body))
        if listener.room is not None:
            return f"the room is {room}, and the rule hears {_json(listener.room)}"
        if listener.event.name not in self._settings.events:
            return "{} is not among the config's events, {}".format(
                listener.event.name, ", ".join(self._settings.events))
        return f"the room {room} is not among the config's rooms, {_json(self._settings.rooms)}"

    def _compare(self, heard: Dict[str, Any]) -> None:
        failing: List[str] = []
        for key, criterion in self._rule.definition["criteria"].items():
            words = f"{key} {criterion['type']} {_json(criterion['pattern'])}"
            value = criteria.look_up(key, {"trigger": heard})
            try:
                holds = criteria.match({key: criterion}, heard)
            except Exception as error:
                raise Invalid(f"the criterion {words} fails on {_json(value)}: {error}")
            _row("criterion", f"{words}: {'yes' if holds else 'no'}, it is {_json(value)}")
            if not holds:
                failing.append(f"{words} does not hold, it is {_json(value)}")
        if failing:
            raise Unmoved("; ".join(failing))

    def _act(self, heard: Dict[str, Any]) -> None:
        ref, given = _action(self._rule)
        if ref.startswith(self._pack.ref + "."):
            _, values = self._actions.prepare(ref, given, trigger=heard)
            note = ""
        else:
            values = parameters.prepare(given, {name: {} for name in given}, {"trigger": heard})
            note = " (another pack's: its parameters are not checked)"
        _row("action", ref + note)
        for name in given:
            _row("", f"{name}: {_json(values[name])}")
        for name in given:
            removers = removers_in(given[name])
            if removers:
                _row("warning", "{} in {}: what takes characters out of chat text can make a "
                     "template of it; see docs/rules.md, Chat text in workflows".format(
                         ", ".join(removers), name))


def delivery(event: str, room_name: str, user_name: str, user_id: Optional[int],
             text: str) -> Dict[str, Any]:
    """What HipChat posts when somebody does this; raises ApiError if HipChat refuses it."""
    group = Group(URL)
    posted: List[Delivery] = []
    for name in PEOPLE:
        group.person(name)
    user, room = group.person(user_name), group.add_room(room_name)
    user.id = user_id or user.id
    group.add_personal_token("token")
    hook = Webhook(next(group.webhook_ids), "", "room_" + event, group.tokens["token"])
    room.webhooks[hook.id] = hook
    events = Events(group, Shapes(URL), deliver=posted.append)
    events.happen(event, room, user, {"message": text, "message_format": "text", "topic": text})
    return read_body(posted[0].body.encode())


def _action(rule: Rule) -> Any:
    return rule.definition["action"]["ref"], rule.definition["action"]["parameters"]


def _row(what: str, text: str) -> None:
    print(f"{what:<10} {text}")


def _json(value: Any) -> str:
    # What makes chat text inert is to be seen here.
    return json.dumps(value, ensure_ascii=False).replace(BREAK, "\\u200b")
