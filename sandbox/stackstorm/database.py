"""The part of StackStorm's database that sensors query."""

import types
from typing import Any, Dict, Iterable, List, Optional

from sandbox.stackstorm.broker import Broker
from sandbox.stackstorm.datastore import Datastore, Pairs
from sandbox.stackstorm.errors import NotFound
from sandbox.stackstorm.pack import Pack
from sandbox.stackstorm.rules import Rule
from sandbox.stackstorm.triggers import Trigger, Triggers


class Database:
    """Answers the queries of StackStorm's persistence classes; fails with the broker."""

    def __init__(self, triggers: Triggers, broker: Broker, rules: Iterable[Rule] = (),
                 pack: Optional[Pack] = None):
        self._triggers, self._broker, self._rules, self._pack = triggers, broker, rules, pack
        self.datastore = pack.datastore if pack else Datastore()

    def pairs(self, scope: str, name: str = "", name__in: Iterable[str] = (),
              name__startswith: str = "") -> Pairs:
        """Find pairs by one of these arguments (KeyValuePair.query)."""
        self._check()
        if name__startswith:
            name__in = [each for each in self.datastore.values if each.startswith(name__startswith)]
        return Pairs(self.datastore, [name] if name else name__in)

    def triggers(self, **wanted: Any) -> List[Trigger]:
        """Return triggers, by type or type__in (Trigger.query)."""
        self._check()
        return self._triggers.query(**wanted)

    def instances(self, id: str) -> Any:
        """Return a query for an unknown ID, which can be updated (TriggerInstance.query)."""
        return types.SimpleNamespace(update=self._write)

    def rules(self, enabled: bool, trigger: Optional[str] = None,
              trigger__in: Iterable[str] = ()) -> Any:
        """Return the rules on a trigger, or on one of several (Rule.query)."""
        self._check()
        refs = [trigger] if trigger else list(trigger__in)
        return [types.SimpleNamespace(ref=rule.ref, trigger=rule.trigger.ref)
                for rule in self._rules if rule.trigger.ref in refs and rule.enabled == enabled]

    def config(self, pack: str) -> Any:
        """Return an object with the registered config in `values`, or raise NotFound
        (Config.get_by_pack).
        """
        self._check()
        if self._pack is None or self._pack.registered is None:
            raise NotFound("Unable to find the ConfigDB instance.")
        return types.SimpleNamespace(values=self._pack.registered)

    def resolved_config(self) -> Dict[str, Any]:
        """Return the config with its defaults (ContentPackConfigLoader.get_config)."""
        self._check()
        return self._pack.config if self._pack else {}

    def _write(self, **changes: Any) -> int:
        self._check()
        if self._broker.fault == "read_only_database":
            raise PermissionError("the sandbox's database is read-only")
        return 0

    def _check(self) -> None:
        if self._broker.fault == "no_database":
            raise ConnectionError("the sandbox's database is down")
