"""The config of ChatOps as a typed object, checked when read."""
import re
from typing import Any, Dict, FrozenSet, List, NamedTuple, Optional

from hipchat.config.reader import ConfigReader

__all__ = ["ALL", "ChatOpsSettings", "Grant"]

ALL = "*"
LONGEST_PREFIX = 10
# The template guard breaks these apart, and a blank ends a word.
NO_PREFIX = frozenset("{}<>%#")


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
    api_url, stream_url: of StackStorm's API and event stream, "" for those of the machine.
    """

    prefix: str
    rooms: FrozenSet[int]
    allow: List[Grant]
    api_key: Optional[str]
    api_keys: Dict[int, str]
    extra_parameters: bool
    api_url: str = ""
    stream_url: str = ""

    @classmethod
    def from_config(cls, config: Optional[Dict[str, Any]]) -> "ChatOpsSettings":
        """Read the config; ConfigError names every wrong value with its remedy."""
        reader = _Reader(config)
        settings = cls(
            prefix=reader.prefix("chatops.prefix"), rooms=reader.room_ids("chatops.rooms"),
            allow=reader.grants("chatops.allow"), api_key=reader.key("chatops.api_key"),
            api_keys=reader.keys("chatops.api_keys"),
            extra_parameters=reader.boolean("chatops.extra_parameters", False),
            api_url=reader.stackstorm_url("chatops.api_url", "/v1"),
            stream_url=reader.stackstorm_url("chatops.stream_url", "/v1/stream"))
        reader.refuse_other_keys("chatops")
        reader.finish()
        return settings

    @property
    def opening(self) -> str:
        """What stands before a command: the prefix, and a blank where it ends in a word."""
        return self.prefix + (" " if self.prefix[-1].isalnum() else "")

    @staticmethod
    def are_in(config: Optional[Dict[str, Any]]) -> bool:
        """Whether the config has ChatOps at all; StackStorm fills in the defaults without it."""
        found = (config or {}).get("chatops")
        return bool(found) and (not isinstance(found, dict) or any(
            found.get(key) for key in ("rooms", "allow", "api_key", "api_keys")))


class _Reader(ConfigReader):
    """Takes what only `chatops` has."""

    def refuse_other_keys(self, section: str) -> None:
        for key in sorted(set(map(str, self._section(section))) - set(ChatOpsSettings._fields)):
            self._wrong(f"{section}.{key}", "there is no such key; there are " +
                        ", ".join(ChatOpsSettings._fields))

    def stackstorm_url(self, key: str, ending: str) -> str:
        """Read the address of one of StackStorm's services, which ends in `ending`; "" for none."""
        if self._get(key) in (None, ""):
            return ""
        url = "".join(self._url(key, "https://st2.example.com/api"))
        return url if url.endswith(ending) else url + ending

    def prefix(self, key: str) -> str:
        value = self._get(key)
        if value is None:
            return "!"
        if (not isinstance(value, str) or not 1 <= len(value) <= LONGEST_PREFIX or
                not value.isprintable() or " " in value or NO_PREFIX.intersection(value)):
            self._wrong(key, "it must be 1 to {} characters without blanks and without any of {}"
                        .format(LONGEST_PREFIX, " ".join(sorted(NO_PREFIX))), value)
            return "!"
        return value

    def room_ids(self, key: str) -> FrozenSet[int]:
        rooms = self._ids(key, self._list(key, []), "room")
        if not rooms:
            self._wrong(key, "name the ids of the rooms in which commands are taken "
                        "(hipchat.list_rooms tells them)")
        return rooms

    def grants(self, key: str) -> List[Grant]:
        return [self._grant(f"{key}[{place}]", grant)
                for place, grant in enumerate(self._list(key, []))]

    def _grant(self, key: str, grant: Any) -> Grant:
        if not isinstance(grant, dict) or set(grant) - set(Grant._fields):
            self._wrong(key, "it must be an object with commands, people and rooms", grant)
            return Grant([], frozenset(), frozenset())
        commands = grant.get("commands")
        if not isinstance(commands, list) or not commands or not all(
                isinstance(each, str) and each for each in commands):
            self._wrong(key + ".commands", "it must be a list of patterns such as hipchat.* or "
                        "deploy.run, each a pack and an alias", commands)
            commands = []
        return Grant(commands, self._ids_or_all(key + ".people", grant.get("people"), "person"),
                     self._ids_or_all(key + ".rooms", grant.get("rooms", ALL), "room"))

    def _ids_or_all(self, key: str, values: Any, kind: str) -> Optional[FrozenSet[int]]:
        if values in (ALL, [ALL]):
            return None
        if not isinstance(values, list) or not values:
            self._wrong(key, "it must be a list of ids, or \"*\" for all", values)
            return frozenset()
        return self._ids(key, values, kind)

    def _ids(self, key: str, values: List[Any], kind: str) -> FrozenSet[int]:
        return frozenset(self._id(key, value, kind) for value in values)

    def _id(self, key: str, value: Any, kind: str) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
        if isinstance(value, str) and value.isdecimal() and value.isascii() and int(value):
            return int(value)
        self._wrong(key, "{!r} is no id of a {}; names can be changed by others, ids cannot ({} "
                    "tells them)".format(value, kind, "hipchat.get_user" if kind == "person" else
                                         "hipchat.list_rooms"))
        return 0

    def keys(self, key: str) -> Dict[int, str]:
        found = self._get(key) or {}
        if not isinstance(found, dict):
            self._wrong(key, "it must be an object of HipChat ids and API keys")
            return {}
        return {self._id(key, person, "person"):
                self._checked_key(f"{key}.{person}", value)
                for person, value in found.items()}

    def key(self, key: str) -> Optional[str]:
        value = self._get(key)
        return None if value in (None, "") else self._checked_key(key, value)

    def _checked_key(self, key: str, value: Any) -> str:
        # Its value is a secret: it is not shown.
        if not isinstance(value, str) or not re.fullmatch("[!-~]+", value):
            self._wrong(key, "it is no API key of StackStorm's; make one with `st2 apikey create`")
            return ""
        return value
