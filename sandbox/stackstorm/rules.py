"""Rules: each starts an action for the trigger instances that match its criteria."""

import copy
import json
import logging
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Deque, Dict, Iterator, List

from sandbox.stackstorm import criteria, templates
from sandbox.stackstorm.actions import Actions
from sandbox.stackstorm.broker import TriggerInstance
from sandbox.stackstorm.errors import Invalid, Unsupported
from sandbox.stackstorm.ids import new_id, now
from sandbox.stackstorm.schemas import Schema
from sandbox.stackstorm.triggers import Trigger, Triggers

LOG = logging.getLogger("sandbox.rules")
HISTORY = 1000

_OBJECT = {"type": "object"}
_TEXT = {"type": "string"}
_SCHEMA = Schema({
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "id": _TEXT, "ref": _TEXT, "uid": _TEXT, "description": _TEXT, "metadata_file": _TEXT,
        "name": {"type": "string", "required": True},
        "pack": {"type": "string", "default": "default"},
        "type": {"type": "object", "default": {"ref": "standard", "parameters": {}}},
        "trigger": {"type": "object", "required": True, "properties": {
            "type": {"type": "string", "required": True},
            "parameters": {"type": "object", "default": {}}}},
        "criteria": {"type": "object", "default": {}, "additionalProperties": _OBJECT},
        "action": {"type": "object", "required": True, "additionalProperties": False,
                   "properties": {"ref": {"type": "string", "required": True},
                                  "description": _TEXT,
                                  "parameters": {"type": "object", "default": {}}}},
        "enabled": {"type": "boolean", "default": False},
        "context": _OBJECT,
        "tags": {"type": "array", "items": _OBJECT},
    },
})


@dataclass
class Rule:
    """A rule: its complete definition, and its trigger, which other rules may share."""

    definition: Dict[str, Any]
    trigger: Trigger
    id: str = field(default_factory=new_id)

    @property
    def ref(self) -> str:
        """The rule's ref, such as hipchat.ping_pong."""
        return _ref(self.definition)

    @property
    def enabled(self) -> bool:
        """Whether the rule may start its action."""
        return self.definition["enabled"]

    def to_dict(self) -> Dict[str, Any]:
        """Return the rule as StackStorm's API shows it."""
        trigger = {"type": self.trigger.type, "parameters": self.trigger.parameters,
                   "ref": self.trigger.ref}
        return {**self.definition, "id": self.id, "ref": self.ref, "trigger": trigger,
                "uid": "rule:{pack}:{name}".format_map(self.definition)}


class Rules:
    """All rules, by ref."""

    def __init__(self, triggers: Triggers, actions: Actions):
        self._triggers, self._actions = triggers, actions
        self._rules: Dict[str, Rule] = {}
        self._enforcements: Deque[Dict[str, Any]] = deque(maxlen=HISTORY)

    def __iter__(self) -> Iterator[Rule]:
        return iter(list(self._rules.values()))

    def __contains__(self, ref: str) -> bool:
        return ref in self._rules

    def __getitem__(self, ref: str) -> Rule:
        return self._rules[ref]

    def enforcements(self) -> List[Dict[str, Any]]:
        """Return the last 1000 enforcements, also failed ones, newest first."""
        return list(reversed(self._enforcements))

    def put(self, definition: Dict[str, Any]) -> Rule:
        """Create a rule, or replace the rule with the same ref; raise Invalid."""
        try:
            rule = self._make(definition)
        except Invalid as error:
            raise type(error)(f"rule {definition.get('name')!r}: {error}")
        # Acquire the new trigger before releasing the old one: if they are the same, it must stay.
        old = self._rules.get(rule.ref)
        if old:
            rule.id = old.id
            self._triggers.release(old.trigger)
        self._rules[rule.ref] = rule
        return rule

    def enable(self, ref: str) -> None:
        """Enable a rule; raise Invalid if it does not exist."""
        if ref not in self._rules:
            raise Invalid(f"there is no rule {ref!r}; there are {', '.join(sorted(self._rules))}")
        self.put(dict(self._rules[ref].to_dict(), enabled=True))

    def delete(self, ref: str) -> None:
        """Delete a rule, and its trigger if no other rule uses it."""
        self._triggers.release(self._rules.pop(ref).trigger)

    def handle(self, instance: TriggerInstance) -> None:
        """Start the action of each enabled rule that matches; log failures."""
        instance.status = "processing"
        payload = json.loads(instance.payload)
        for rule in self:
            if rule.enabled and rule.trigger.ref == instance.trigger:
                self._apply(rule, instance, payload)
        instance.status = "processed"

    def _make(self, definition: Dict[str, Any]) -> Rule:
        definition = _checked(definition)
        wanted = definition["trigger"]
        return Rule(definition, self._triggers.acquire(wanted["type"], wanted["parameters"]))

    def _apply(self, rule: Rule, instance: TriggerInstance, payload: Any) -> None:
        try:
            if not criteria.match(rule.definition["criteria"], payload):
                LOG.debug("%s does not match %s", rule.ref, instance.id)
                return
            action = rule.definition["action"]
            execution = self._actions.request(
                action["ref"], action["parameters"], _origin(rule, instance),
                trigger=copy.deepcopy(payload))
        except Exception as error:
            LOG.error("%s fails on %s: %s: %s", rule.ref, instance.id, type(error).__name__, error)
            self._remember(rule, instance, status="failed",
                           failure_reason=f"{type(error).__name__}: {error}")
            return
        LOG.info("%s matches %s and starts %s with %s", rule.ref, instance.id,
                 action["ref"], execution["parameters"])
        self._remember(rule, instance, status="succeeded", execution_id=execution["id"])

    def _remember(self, rule: Rule, instance: TriggerInstance, **outcome: str) -> None:
        self._enforcements.append({
            "id": new_id(), "trigger_instance_id": instance.id, "enforced_at": now(),
            "rule": {"ref": rule.ref, "id": rule.id, "uid": rule.to_dict()["uid"]}, **outcome})


def _ref(definition: Dict[str, Any]) -> str:
    return "{pack}.{name}".format_map(definition)


def _origin(rule: Rule, instance: TriggerInstance) -> Dict[str, Any]:
    return {"rule": {"ref": rule.ref, "id": rule.id},
            "trigger_instance": {"id": instance.id, "trigger": instance.trigger}}


def _checked(definition: Dict[str, Any]) -> Dict[str, Any]:
    definition = _SCHEMA.clean(definition)
    if definition["type"].get("ref") != "standard":
        raise Unsupported(f"the sandbox does not support rules of type {definition['type']!r}")
    criteria.check(definition["criteria"])
    templates.check(definition["action"]["parameters"])
    return definition
