"""Trigger types and triggers; rules with the same type and parameters share a trigger."""

import hashlib
import json
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Optional, Sequence

from sandbox.stackstorm.errors import Invalid
from sandbox.stackstorm.ids import new_id
from sandbox.stackstorm.schemas import Schema


@dataclass(frozen=True)
class Trigger:
    """A type with one set of parameters; without parameters, it is the type's shadow trigger."""

    name: str
    pack: str
    type: str
    parameters: Dict[str, Any]
    id: str = field(default_factory=new_id)

    @property
    def ref(self) -> str:
        """The name that a sensor dispatches to."""
        return f"{self.pack}.{self.name}"

    def to_dict(self) -> Dict[str, Any]:
        """Return the trigger as StackStorm gives it to a sensor."""
        digest = hashlib.md5(json.dumps(self.parameters, sort_keys=True).encode()).hexdigest()
        return {"uid": f"trigger:{self.pack}:{self.name}:{digest}", "ref": self.ref,
                "name": self.name, "pack": self.pack, "type": self.type,
                "parameters": dict(self.parameters), "id": self.id}


class TriggerType:
    """A trigger type, from a sensor's YAML file."""

    def __init__(self, pack: str, definition: Dict[str, Any]):
        self.pack, self.name = pack, definition["name"]
        self.ref = f"{pack}.{self.name}"
        self._parameters = _schema(definition.get("parameters_schema"))
        self._payload = _schema(definition.get("payload_schema"))

    @property
    def takes_parameters(self) -> bool:
        """Whether rules must give parameters; such a type has no shadow trigger."""
        return self._parameters is not None

    def check_parameters(self, parameters: Dict[str, Any]) -> None:
        """Raise Invalid if the parameters break the type's schema."""
        if self._parameters:
            self._parameters.clean(parameters)

    def check_payload(self, payload: Any) -> None:
        """Raise Invalid if the payload breaks the type's schema."""
        if self._payload:
            self._payload.clean(payload)


class Triggers:
    """All triggers.

    Args:
        publish: called with "create", "update" or "delete" and a trigger with parameters.
    """

    def __init__(self, publish: Callable[[str, Trigger], None]):
        self._publish = publish
        self._types: Dict[str, TriggerType] = {}
        self._triggers: Dict[str, Trigger] = {}
        self._rules: Dict[str, int] = Counter()

    def add_type(self, trigger_type: TriggerType) -> None:
        """Register a type, and its shadow trigger if its rules need no parameters."""
        self._types[trigger_type.ref] = trigger_type
        if not trigger_type.takes_parameters:
            self._add(Trigger(trigger_type.name, trigger_type.pack, trigger_type.ref, {}))

    def type_of(self, ref: str) -> TriggerType:
        """Return the trigger type with this ref, or the type of the trigger; raise Invalid."""
        type_ref = self._triggers[ref].type if ref in self._triggers else ref
        if type_ref not in self._types:
            raise Invalid(f"there is no trigger and no trigger type {ref!r}")
        return self._types[type_ref]

    def acquire(self, type_ref: str, parameters: Dict[str, Any]) -> Trigger:
        """Return the trigger for a rule; create it if it does not exist.

        Raises:
            Invalid: there is no such type, or it does not accept these parameters.
        """
        trigger_type = self.type_of(type_ref)
        trigger_type.check_parameters(parameters)
        trigger = self._find(type_ref, parameters)
        if trigger is None:
            if not parameters:
                raise Invalid(f"trigger type {type_ref!r} needs parameters")
            trigger = Trigger(str(uuid.uuid4()), trigger_type.pack, type_ref, parameters)
            self._add(trigger)
            self._publish("create", trigger)
        # StackStorm counts the rules of triggers with parameters only, and never deletes others.
        if parameters:
            self._rules[trigger.ref] += 1
            self._publish("update", trigger)
        return trigger

    def release(self, trigger: Trigger) -> None:
        """Release a rule's trigger, and delete it after its last rule."""
        if not trigger.parameters:
            return
        self._rules[trigger.ref] -= 1
        self._publish("update", trigger)
        if not self._rules[trigger.ref]:
            del self._triggers[trigger.ref]
            self._publish("delete", trigger)

    def query(self, type: Optional[str] = None,
              type__in: Optional[Sequence[str]] = None) -> List[Trigger]:
        """Return the triggers of one type, of several types, or all."""
        types = type__in if type is None else [type]
        return [each for each in self._triggers.values() if types is None or each.type in types]

    def _find(self, type_ref: str, parameters: Dict[str, Any]) -> Optional[Trigger]:
        return next((each for each in self._triggers.values()
                     if each.type == type_ref and each.parameters == parameters), None)

    def _add(self, trigger: Trigger) -> None:
        self._triggers[trigger.ref] = trigger


def _schema(definition: Optional[Dict[str, Any]]) -> Optional[Schema]:
    return Schema(definition) if definition else None
