"""What an operator needs to know of ChatOps, and what is to be done where something is not well."""
from typing import Any, Dict, Iterator, List, Optional

from chatops.accounts import Accounts
from chatops.aliases import problems_of
from chatops.errors import StackStormError
from chatops.rules import HEARING, RULES, hears
from chatops.settings import ChatOpsSettings
from chatops.stackstorm import StackStorm
from hipchat.check.finding import Finding, Findings
from hipchat.api.client import Client
from hipchat.errors import ConfigError, HipChatError, NotFound
from hipchat.api.people import People
from hipchat.api.room_directory import RoomDirectory
from hipchat.config.sensor_settings import EVERYWHERE, SensorSettings

__all__ = ["chatops_checkup"]

MOST_PEOPLE = 20  # each is a call, of which HipChat allows a token 100 in 5 minutes
ENABLE = "Run hipchat.enable_chatops"


def chatops_checkup(config: Optional[Dict[str, Any]], client: Client, people: People) -> Findings:
    """Look at ChatOps, if the config has it: rules, accounts, rooms and people."""
    if not ChatOpsSettings.are_in(config):
        yield from _left_on()
        return
    try:
        settings = ChatOpsSettings.from_config(config)
        accounts = Accounts(settings)
    except ConfigError as error:
        yield from (Finding(False, "config: " + problem) for problem in error.problems)
        return
    yield from _rules(accounts.own(), settings)
    yield from _accounts(accounts, settings)
    yield from _aliases(accounts.pack())
    yield from _rooms(client, settings, _heard(config))
    yield from _people(client, settings)
    yield from _own(people, settings)


def _left_on() -> Findings:
    """The rules, where the config has no ChatOps."""
    try:
        stackstorm = Accounts().own()
        enabled = [ref for ref in RULES if stackstorm.rule(ref)["enabled"]]
    except (ConfigError, StackStormError):  # then no command is run either
        return
    if enabled:
        yield Finding(False, "chatops: the config has none, but {} enabled. {} with enabled=false."
                      .format(_are(enabled), ENABLE))


def _are(refs: List[str]) -> str:
    return " and ".join(refs) + (" is" if len(refs) == 1 else " are")


def _rules(stackstorm: StackStorm, settings: ChatOpsSettings) -> Findings:
    try:
        rules = [stackstorm.rule(ref) for ref in RULES]
    except StackStormError as error:
        yield Finding(False, f"chatops: its rules cannot be seen. {error}.")
        return
    disabled = [rule["ref"] for rule in rules if not rule["enabled"]]
    if disabled:
        yield Finding(False, "chatops: {} disabled (an update of the pack does that). {}.".format(
            _are(disabled), ENABLE))
    elif not all(hears(rule, settings.prefix) for rule in rules if rule["ref"] == HEARING):
        yield Finding(False, "chatops: {} does not listen to the prefix {}. {}.".format(
            HEARING, settings.prefix, ENABLE))
    else:
        yield Finding(True, "chatops: its rules are enabled, commands begin with " +
                      settings.prefix)


def _accounts(accounts: Accounts, settings: ChatOpsSettings) -> Findings:
    if settings.api_key:
        yield from _account("chatops.api_key", accounts.pack())
    elif not settings.api_keys:
        yield from _system_user(accounts.own())
    for person in settings.api_keys:
        yield from _account(f"chatops.api_keys.{person}", accounts.of(person), False)


def _system_user(stackstorm: StackStorm) -> Findings:
    try:
        with_rbac = stackstorm.user()["rbac"]["enabled"]
    except StackStormError as error:
        # StackStorm itself fails on this where it asks nobody who they are, and so has no RBAC.
        yield Finding(error.status == 500, "chatops: without chatops.api_key, commands run as "
                      "StackStorm's system user; StackStorm does not tell whether it has RBAC. "
                      "{}.".format(error))
        return
    yield Finding(not with_rbac, "chatops: without chatops.api_key, commands run as StackStorm's "
                  "system user, " + ("who has no rights unless roles are assigned to it. Set "
                                     "chatops.api_key." if with_rbac else
                                     "who may do everything"))


def _account(key: str, stackstorm: StackStorm, reads: bool = True) -> Findings:
    try:
        user = stackstorm.user()
        if reads:
            next(stackstorm.aliases(), None)
            next(stackstorm.executions_since(HEARING, "2000-01-01T00:00:00.000000Z"), None)
    except StackStormError as error:
        yield Finding(False, "{}: {}.{}".format(key, error, {
            401: " Make a key with `st2 apikey create`.",
            403: " Its user needs a role with the permissions that docs/chatops.md lists."}.get(
                error.status, "")))
    else:
        yield Finding(True, f"{key}: commands run as {user['username']}")


def _aliases(stackstorm: StackStorm) -> Findings:
    try:
        problems = problems_of(list(stackstorm.aliases()))
    except StackStormError:  # which is told of the account
        return
    for problem in problems:
        yield Finding(False, "chatops: " + problem)


def _heard(config: Optional[Dict[str, Any]]) -> List[str]:
    """The rooms that are listened to where a rule names none."""
    try:
        return SensorSettings.from_config(config).rooms
    except ConfigError:  # which is told of the config
        return [EVERYWHERE]


def _rooms(client: Client, settings: ChatOpsSettings, heard: List[str]) -> Findings:
    for id in sorted(settings.rooms):
        directory = RoomDirectory()
        try:
            directory.take([client.call("GET", "room", id)])
        except HipChatError as error:
            yield Finding(False, f"chatops.rooms: {id}: {error}")
            continue
        name = directory.name_of(id)
        if EVERYWHERE in heard or id in map(directory.id_of, heard):
            yield Finding(True, f"chatops.rooms: {id} is {name}")
        else:
            yield Finding(False, "chatops.rooms: {} is {}, whose messages are not listened for. "
                          "Name it in rooms, too.".format(id, name))


def _people(client: Client, settings: ChatOpsSettings) -> Findings:
    people = _named(settings)
    if not settings.allow:
        yield Finding(False, "chatops.allow: it allows nothing, so that nobody can run a command")
        return
    try:
        unknown = list(_unknown(client, people[:MOST_PEOPLE]))
    except HipChatError as error:
        yield Finding(False, f"chatops.allow: whom it names cannot be looked up: {error}")
        return
    if unknown:
        yield Finding(False, "chatops.allow: HipChat knows nobody with the id {}. hipchat.get_user "
                      "tells ids.".format(" or ".join(map(str, unknown))))
    else:
        yield Finding(True, "chatops.allow: HipChat knows all whom it names" + (
            "" if len(people) <= MOST_PEOPLE else " (of {}, {} were looked up)".format(
                len(people), MOST_PEOPLE)))


def _named(settings: ChatOpsSettings) -> List[int]:
    """The people whom the config names."""
    return sorted(set(settings.api_keys).union(*(grant.people or () for grant in settings.allow)))


def _unknown(client: Client, people: List[int]) -> Iterator[int]:
    for person in people:
        try:
            client.call("GET", "user", person)
        except NotFound:
            yield person


def _own(people: People, settings: ChatOpsSettings) -> Findings:
    """Whether it can be told what the pack itself said, which is no command."""
    try:
        owner = people.owner()
    except HipChatError as error:
        yield Finding(False, "chatops: whose token the pack has cannot be told, so that no command "
                      "is run. {}".format(error))
        return
    if owner in _named(settings):
        yield Finding(False, "chatops: {} is the owner of api_key, whose words are taken for the "
                      "pack's own and ignored. Make the token with an account of its own.".format(
                          owner))
