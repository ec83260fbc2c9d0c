"""The platform's database, as far as a sensor asks it."""

import types
from typing import Any, Dict, Iterable, List, Optional

from sandbox.stackstorm.broker import Broker
from sandbox.stackstorm.datastore import Datastore
from sandbox.stackstorm.pack import Pack
from sandbox.stackstorm.rules import Rule
from sandbox.stackstorm.triggers import Trigger, Triggers


class NotFound(Exception):
    """The platform's StackStormDBObjectNotFoundError."""


class Database:
    """What the platform's persistence classes find; it fails as the broker's fault says."""

    def __init__(self, triggers: Triggers, broker: Broker, rules: Iterable[Rule] = (),
                 pack: Optional[Pack] = None):
        self._triggers, self._broker, self._rules, self._pack = triggers, broker, rules, pack
        self.datastore = pack.datastore if pack else Datastore()

    def triggers(self, **wanted: Any) -> List[Trigger]:
        """Trigger.query: by type or type__in."""
        self._check()
        return self._triggers.query(**wanted)

    def instances(self, id: str) -> Any:
        """TriggerInstance.query for an id that nobody has: something to update."""
        return types.SimpleNamespace(update=self._write)

    def rules(self, trigger: str, enabled: bool) -> List[Rule]:
        """Rule.query: those on a trigger."""
        self._check()
        return [rule for rule in self._rules
                if rule.trigger.ref == trigger and rule.enabled == enabled]

    def config(self, pack: str) -> Any:
        """Config.get_by_pack: what was registered, in `values`; NotFound."""
        self._check()
        if self._pack is None or self._pack.registered is None:
            raise NotFound("Unable to find the ConfigDB instance.")
        return types.SimpleNamespace(values=self._pack.registered)

    def resolved_config(self) -> Dict[str, Any]:
        """ContentPackConfigLoader.get_config: with its defaults, empty without a pack."""
        self._check()
        return self._pack.config if self._pack else {}

    def _write(self, **changes: Any) -> int:
        self._check()
        if self._broker.fault == "read_only_database":
            raise PermissionError("the sandbox's database takes no writes")
        return 0

    def _check(self) -> None:
        if self._broker.fault == "no_database":
            raise ConnectionError("the sandbox's database is away")
