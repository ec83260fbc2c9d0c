"""The config of ChatOps as a typed object, checked when read."""
from typing import Any, Dict, FrozenSet, List, NamedTuple, Optional

from hipchat.errors import ConfigError

__all__ = ["ALL", "ChatOpsSettings", "Grant"]

ALL = "*"
LONGEST_PREFIX = 10
# The template guard breaks these apart, and a blank ends a word.
NO_PREFIX = frozenset("{}<>%#")
KEYS = {"prefix", "rooms", "allow", "api_key", "api_keys", "extra_parameters"}


class Grant(NamedTuple):
    """Who may run which commands where.

    commands are globs over pack.alias; None stands for all people, or for all rooms.
    """

    commands: List[str]
    people: Optional[FrozenSet[int]]
    rooms: Optional[FrozenSet[int]]


class ChatOpsSettings(NamedTuple):
    """The config's `chatops`: rooms and people are HipChat's ids, keys are StackStorm's.

    api_keys: whose commands run under which key; where there are any, who has none is refused.
    """

    prefix: str
    rooms: FrozenSet[int]
    allow: List[Grant]
    api_key: Optional[str]
    api_keys: Dict[int, str]
    extra_parameters: bool

    @classmethod
    def from_config(cls, config: Optional[Dict[str, Any]]) -> "ChatOpsSettings":
        """Read the config; ConfigError names every wrong value with its remedy."""
        config = config or {}
        reader = _Reader(config.get("chatops"))
        settings = cls(
            prefix=reader.prefix(), rooms=reader.rooms(), allow=reader.allow(),
            api_key=reader.key("chatops.api_key", reader.found.get("api_key")),
            api_keys=reader.keys(), extra_parameters=reader.extra_parameters())
        if config.get("template_guard") is False:
            reader.wrong("template_guard", "commands need it: with false, whoever writes in a room "
                         "could read secrets; set it to true, or take out chatops")
        if reader.problems:
            raise ConfigError(reader.problems)
        return settings

    @staticmethod
    def are_in(config: Optional[Dict[str, Any]]) -> bool:
        """Whether the config has ChatOps at all; StackStorm fills in the defaults without it."""
        found = (config or {}).get("chatops")
        return bool(found) and (not isinstance(found, dict) or any(
            found.get(key) for key in ("rooms", "allow", "api_key", "api_keys")))


class _Reader:
    """Takes values from `chatops` and remembers what is wrong with them."""

    def __init__(self, found: Any):
        self.problems: List[str] = []
        self.found: Dict[str, Any] = found if isinstance(found, dict) else {}
        if found is not None and not isinstance(found, dict):
            self.wrong("chatops", "it must be an object", found)
        for key in sorted(set(map(str, self.found)) - KEYS):
            self.wrong("chatops." + key, "there is no such key; there are " +
                       ", ".join(sorted(KEYS)))

    def wrong(self, key: str, remedy: str, value: Any = None) -> None:
        shown = "" if value is None else " is {!r}".format(value)
        self.problems.append("{}{}: {}.".format(key, shown, remedy))

    def prefix(self) -> str:
        value = self.found.get("prefix")
        if value is None:
            return "!"
        if (not isinstance(value, str) or not 1 <= len(value) <= LONGEST_PREFIX or
                not value.isprintable() or " " in value or NO_PREFIX.intersection(value)):
            self.wrong("chatops.prefix", "it must be 1 to {} characters without blanks and without "
                       "any of {}".format(LONGEST_PREFIX, " ".join(sorted(NO_PREFIX))), value)
            return "!"
        return value

    def rooms(self) -> FrozenSet[int]:
        rooms = self._ids("chatops.rooms", self.found.get("rooms"), "room")
        if not rooms:
            self.wrong("chatops.rooms", "name the ids of the rooms in which commands are taken "
                       "(hipchat.list_rooms tells them)")
        return rooms

    def allow(self) -> List[Grant]:
        grants = self.found.get("allow") or []
        if not isinstance(grants, list):
            self.wrong("chatops.allow", "it must be a list", grants)
            return []
        return [self._grant("chatops.allow[{}]".format(place), grant)
                for place, grant in enumerate(grants)]

    def _grant(self, key: str, grant: Any) -> Grant:
        if not isinstance(grant, dict) or set(grant) - {"commands", "people", "rooms"}:
            self.wrong(key, "it must be an object with commands, people and rooms", grant)
            return Grant([], frozenset(), frozenset())
        commands = grant.get("commands")
        if not isinstance(commands, list) or not commands or not all(
                isinstance(each, str) and each for each in commands):
            self.wrong(key + ".commands", "it must be a list of patterns such as hipchat.* or "
                       "deploy.run, each a pack and an alias", commands)
            commands = []
        return Grant(commands, self._ids_or_all(key + ".people", grant.get("people"), "person"),
                     self._ids_or_all(key + ".rooms", grant.get("rooms", ALL), "room"))

    def _ids_or_all(self, key: str, values: Any, kind: str) -> Optional[FrozenSet[int]]:
        if values in (ALL, [ALL]):
            return None
        if not values:
            self.wrong(key, "name their ids, or \"*\" for all")
        return self._ids(key, values, kind)

    def _ids(self, key: str, values: Any, kind: str) -> FrozenSet[int]:
        if values is not None and not isinstance(values, list):
            self.wrong(key, "it must be a list of ids", values)
            return frozenset()
        return frozenset(self._id(key, value, kind) for value in values or [])

    def _id(self, key: str, value: Any, kind: str) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
        if isinstance(value, str) and value.isdecimal() and value.isascii() and int(value):
            return int(value)
        self.wrong(key, "{!r} is no id of a {}; names can be changed by others, ids cannot ({} "
                   "tells them)".format(value, kind, "hipchat.get_user" if kind == "person" else
                                        "hipchat.list_rooms"))
        return 0

    def keys(self) -> Dict[int, str]:
        found = self.found.get("api_keys") or {}
        if not isinstance(found, dict):
            self.wrong("chatops.api_keys", "it must be an object of HipChat ids and API keys")
            return {}
        return {self._id("chatops.api_keys", person, "person"):
                self.key("chatops.api_keys.{}".format(person), value) or ""
                for person, value in found.items()}

    def key(self, key: str, value: Any) -> Optional[str]:
        if value in (None, ""):
            return None
        # Its value is a secret: it is not shown.
        if not isinstance(value, str) or not all(33 <= ord(each) < 127 for each in value):
            self.wrong(key, "it is no API key of StackStorm's; make one with `st2 apikey create`")
            return None
        return value

    def extra_parameters(self) -> bool:
        value = self.found.get("extra_parameters", False)
        if not isinstance(value, bool):
            self.wrong("chatops.extra_parameters", "it must be true or false", value)
        return value is True
