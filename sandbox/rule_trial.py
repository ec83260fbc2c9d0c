"""Tries one rule on events as StackStorm would, without sensor, broker and database."""

import json
import logging
from datetime import datetime
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional

from sandbox.removed_characters import removers_in
from sandbox.stackstorm import REPOSITORY, core_triggers, criteria, pack, parameters, plugins
from sandbox.stackstorm import templates
from sandbox.stackstorm.actions import Actions
from sandbox.stackstorm.errors import Invalid
from sandbox.stackstorm.rules import Rules
from sandbox.stackstorm.triggers import Triggers, TriggerType
from sandbox.stackstorm.unknown import Unknown

plugins.add_to_path(REPOSITORY / "sensors")
from hipchat.api.room_directory import RoomDirectory  # noqa: E402
from hipchat.config.sensor_settings import SensorSettings  # noqa: E402
from hipchat.events import HIPCHAT_EVENTS, Event, payload, room_id, room_name  # noqa: E402
from hipchat.events import text_of  # noqa: E402
from hipchat.text.template_guard import BREAK  # noqa: E402
from hipchat.webhook.webhook_url import Address  # noqa: E402
from listening.subscription import Subscription  # noqa: E402
from listening.subscriptions import Subscriptions  # noqa: E402

Json = Dict[str, Any]


class DoesNotFire(Exception):
    """The rule does not fire for an event; the text is the reason."""


class Criterion(NamedTuple):
    """The result of one criterion.

    Attributes:
        words: the criterion itself.
        value: what the payload has under its key.
        holds: None if it depends on the datastore, which only StackStorm has.
    """

    words: str
    value: Any
    holds: Optional[bool]


class Call(NamedTuple):
    """The action that the rule would run.

    Attributes:
        ref: the action's ref.
        is_checked: False for an action of another pack, whose parameters are unknown here.
        values: the rendered parameters of the rule.
        removers: by parameter, the filters and methods in it that remove characters of chat text.
    """

    ref: str
    is_checked: bool
    values: Json
    removers: Dict[str, List[str]]


class RuleTrial:
    """A StackStorm that has this pack and one rule.

    Args:
        rule_file: the rule's YAML file.
        config_file: the pack's config.

    Raises:
        Invalid, HipChatError: the rule or the config is wrong.
    """

    def __init__(self, rule_file: Path, config_file: Path) -> None:
        self._pack = pack.load(REPOSITORY, config_file)
        self._settings = SensorSettings.from_config(self._pack.config)
        self._triggers = Triggers(publish=lambda event, trigger: None)
        for sensor in self._pack.sensors:
            for definition in sensor["trigger_types"]:
                self._triggers.add_type(TriggerType(self._pack.ref, definition))
        for trigger_type in core_triggers.trigger_types():
            self._triggers.add_type(trigger_type)
        definition = pack.read(rule_file)
        self._add_foreign_type(definition)
        self._actions = Actions(self._pack)
        self.rule = Rules(self._triggers, self._actions).put(definition)
        self.trigger = self.rule.trigger.to_dict()

    def _add_foreign_type(self, definition: Json) -> None:
        """Add the trigger type of another pack, without its schemas."""
        trigger = definition.get("trigger")
        type_ref = str(trigger.get("type")) if isinstance(trigger, dict) else ""
        type_pack, _, name = type_ref.partition(".")
        if name and type_pack not in (self._pack.ref, core_triggers.PACK):
            self._triggers.add_type(TriggerType(type_pack, {"name": name}))

    @property
    def event_name(self) -> Optional[str]:
        """The rule's HipChat event, such as "message"; None for another trigger."""
        type_pack, _, name = self.trigger["type"].partition(".")
        return name if type_pack == self._pack.ref else None

    @property
    def room(self) -> Optional[str]:
        """The room in the parameters of the rule's trigger, or None."""
        return Subscription.of_trigger(self.trigger).room

    def payload_of(self, body: Json) -> Json:
        """Return the payload that the rule's trigger gets for a webhook body.

        Raises:
            DoesNotFire: the trigger does not receive this event.
        """
        event = HIPCHAT_EVENTS[body["event"]]
        subscription = Subscription.of_trigger(self.trigger)
        if subscription.event != event:
            raise DoesNotFire(f"the event is {event.name}, and the rule is for "
                              f"{subscription.event.name}")
        self._check_room(subscription, event, body)
        text = text_of(event, body["item"])
        matches = subscription.filter.groups(text) if subscription.filter else []
        if matches is None:
            pattern = self.trigger["parameters"]["filter"]
            raise DoesNotFire(f"the filter {as_json(pattern)} is not found in {as_json(text)}")
        return payload(event, body, subscription.trigger_id, matches,
                       self._settings.template_guard)

    def _check_room(self, subscription: Subscription, event: Event, body: Json) -> None:
        directory = RoomDirectory()
        directory.replace([body["item"]["room"]])
        subscriptions = Subscriptions(
            self._settings.rooms, self._settings.events, directory,
            logging.getLogger("sandbox.rule"), subscriptions_changed=lambda: None)
        subscriptions.replace([self.trigger])
        address = room_id(body)
        if address is None or not subscriptions.at(Address(event.hipchat, address)):
            raise DoesNotFire(self._not_received(subscription, body))

    def _not_received(self, subscription: Subscription, body: Json) -> str:
        room = as_json(room_name(body))
        if subscription.room is not None:
            return f"the room is {room}, and the rule is for {as_json(subscription.room)}"
        if subscription.event.name not in self._settings.events:
            return (f"{subscription.event.name} is not among the config's events, "
                    f"{', '.join(self._settings.events)}")
        return f"the room {room} is not among the config's rooms, {as_json(self._settings.rooms)}"

    def check_payload(self, given: Any) -> None:
        """Raise Invalid if StackStorm would drop a payload of the rule's trigger."""
        try:
            self._triggers.type_of(self.trigger["ref"]).check_payload(given)
        except Invalid as error:
            raise Invalid(f"StackStorm drops this payload of {self.trigger['type']}: {error}")

    def criteria(self, given: Any, now: Optional[datetime] = None) -> Iterator[Criterion]:
        """Evaluate each criterion on a payload.

        Args:
            given: the trigger's payload.
            now: the current time for criteria on dates; by default the real one.

        Raises:
            Invalid: a criterion fails on its value, so that StackStorm records a failure.
        """
        for key, criterion in self.rule.definition["criteria"].items():
            words = f"{key} {criterion['type']} {as_json(criterion['pattern'])}"
            value = criteria.look_up(key, {"trigger": given})
            if "st2kv" in (templates.variables(criterion["pattern"]) or ()):
                yield Criterion(words, value, None)
                continue
            try:
                yield Criterion(words, value, criteria.match({key: criterion}, given, now))
            except Exception as error:
                raise Invalid(f"the criterion {words} fails on {as_json(value)}: {error}")

    def call(self, given: Any) -> Call:
        """Return the action with its parameters; raise Invalid if StackStorm would not run it."""
        action = self.rule.definition["action"]
        ref, wanted = action["ref"], action["parameters"]
        context = {"trigger": given, "st2kv": Unknown("st2kv")}
        is_checked = ref.startswith(self._pack.ref + ".")
        if is_checked:
            _, values = self._actions.prepare(ref, wanted, **context)
        else:
            context["config_context"] = Unknown("config_context")
            context["action_context"] = Unknown("action_context")
            values = parameters.prepare(wanted, {name: {} for name in wanted}, context)
        removers = {name: removers_in(value) for name, value in wanted.items()}
        return Call(ref, is_checked, {name: values[name] for name in wanted},
                    {name: found for name, found in removers.items() if found})


def as_json(value: Any) -> str:
    """Return a value as JSON, in which the breaks of the template guard are visible."""
    return json.dumps(value, ensure_ascii=False).replace(BREAK, "\\u200b")
