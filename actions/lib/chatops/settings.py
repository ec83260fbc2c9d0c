"""Reads and checks the section `chatops` of the pack's config."""
import re
from typing import Any, Callable, Dict, FrozenSet, List, NamedTuple, Optional

from hipchat.config import validators as must_be
from hipchat.config.keys import Key
from hipchat.config.reader import ConfigReader
from hipchat.config.validators import ListOf, WrongValue
from hipchat.values import positive_id

__all__ = ["ALL", "ChatOpsSettings", "Grant"]

ALL = "*"  # in `allow`: all people, or all rooms
LONGEST_PREFIX = 10  # characters
# The template guard inserts characters between these; a prefix with them would not be recognized.
NO_PREFIX = frozenset("{}<>%#")


class Grant(NamedTuple):
    """An entry of chatops.allow: who is allowed to run which commands in which rooms.

    Attributes:
        commands: patterns that the full names of aliases (pack.alias) match, such as hipchat.*.
        people, rooms: HipChat's IDs; None for all.
    """

    commands: List[str]
    people: Optional[FrozenSet[int]]
    rooms: Optional[FrozenSet[int]]


class ChatOpsSettings(NamedTuple):
    """The settings in the section `chatops` of the pack's config.

    Attributes:
        rooms: HipChat's IDs of the rooms in which commands are accepted.
        allow: who is allowed to run which commands; without a matching entry, no one.
        api_key: the StackStorm API key of the pack's account; None for the sensor's own account.
        api_keys: by HipChat's ID of a person, the StackStorm API key of the account that runs the
            person's commands. If there is any key, people without one cannot run commands.
        extra_parameters: whether a command may set parameters that are not in the alias's format.
        api_url, stream_url: the URLs of StackStorm's API and event stream; "" for the URLs in
            StackStorm's own config.
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
        """Read the settings; raise ConfigError, with the remedy for every wrong value."""
        reader = ConfigReader(config)
        values = {key.name.partition(".")[2]: reader.read(key) for key in KEYS}
        values["rooms"] = frozenset(values["rooms"])
        if not values["rooms"]:
            reader.wrong("chatops.rooms", "list the ids of the rooms in which commands are "
                         "accepted (hipchat.list_rooms shows ids)")
        for name in sorted(set(map(str, reader.section("chatops"))) - set(cls._fields)):
            reader.wrong(f"chatops.{name}", "there is no such key; there are " +
                         ", ".join(cls._fields))
        reader.finish()
        return cls(**values)

    @property
    def opening(self) -> str:
        """The beginning of a command: the prefix, and a blank if it ends in a letter or digit."""
        return self.prefix + (" " if self.prefix[-1].isalnum() else "")

    @staticmethod
    def are_in(config: Optional[Dict[str, Any]]) -> bool:
        """Return whether the config uses ChatOps, by setting rooms, allow, api_key or api_keys.

        (The section's presence means nothing, because StackStorm adds it with the defaults.)
        """
        section = (config or {}).get("chatops")
        return bool(section) and (not isinstance(section, dict) or any(
            section.get(key) for key in ("rooms", "allow", "api_key", "api_keys")))


def _prefix(value: Any) -> str:
    if (isinstance(value, str) and len(value) <= LONGEST_PREFIX and value.isprintable() and
            " " not in value and not NO_PREFIX.intersection(value)):
        return value
    raise WrongValue(f"it must be 1 to {LONGEST_PREFIX} characters without blanks and without any "
                     f"of {' '.join(sorted(NO_PREFIX))}", value)


def _id_of(kind: str, action: str) -> Callable[[Any], int]:
    """Return a validator for the ID of a room or a person, which `action` shows."""
    def check(value: Any) -> int:
        checked = positive_id(value)
        if checked is None:
            raise WrongValue(f"it must be the id of a {kind} ({action} shows it), since names can "
                             "change", value)
        return checked
    return check


_room, _person = _id_of("room", "hipchat.list_rooms"), _id_of("person", "hipchat.get_user")


def _grant(value: Any) -> Grant:
    if not isinstance(value, dict) or set(value) - set(Grant._fields):
        raise WrongValue("it must be an object with commands, people and rooms", value)
    commands = value.get("commands")
    if not isinstance(commands, list) or not commands or not all(
            isinstance(pattern, str) and pattern for pattern in commands):
        raise WrongValue("it must be a list of patterns such as hipchat.* or deploy.run, each a "
                         "pack and an alias", commands, ".commands")
    return Grant(commands, _ids_or_all(".people", value.get("people"), _person),
                 _ids_or_all(".rooms", value.get("rooms", ALL), _room))


def _ids_or_all(place: str, values: Any,
                check: Callable[[Any], int]) -> Optional[FrozenSet[int]]:
    """Return the IDs in .people or .rooms (the place) of an `allow` entry; None for "*", all."""
    if values in (ALL, [ALL]):
        return None
    if not isinstance(values, list) or not values:
        raise WrongValue("it must be a list of ids, or \"*\" for all", values, place)
    try:
        return frozenset(map(check, values))
    except WrongValue as error:
        raise WrongValue(str(error), error.value, place) from None


def _api_keys(value: Any) -> Dict[int, str]:
    if not isinstance(value, dict):
        raise WrongValue("it must be an object of HipChat ids and API keys")
    return {_person(person): _api_key(key, f".{person}") for person, key in value.items()}


def _api_key(value: Any, place: str = "") -> str:
    if not isinstance(value, str) or not re.fullmatch("[!-~]+", value):
        raise WrongValue("it is no API key of StackStorm's; make one with `st2 apikey create`",
                         place=place)  # without the value, which may be secret
    return value


def _service_url(ending: str) -> Callable[[Any], str]:
    """Return a validator for a StackStorm service's URL, which adds a missing ending."""
    def check(value: Any) -> str:
        checked = must_be.url("https://st2.example.com/api")(value)
        return checked if checked.endswith(ending) else checked + ending
    return check


KEYS = (
    Key("chatops.prefix", _prefix, "!"),
    Key("chatops.rooms", ListOf(_room), []),
    Key("chatops.allow", ListOf(_grant), []),
    Key("chatops.api_key", _api_key),
    Key("chatops.api_keys", _api_keys, {}),
    Key("chatops.extra_parameters", must_be.boolean, False),
    Key("chatops.api_url", _service_url("/v1"), ""),
    Key("chatops.stream_url", _service_url("/v1/stream"), ""),
)
