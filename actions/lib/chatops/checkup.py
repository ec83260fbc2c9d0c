"""What an operator needs to know of ChatOps, and what is to be done where something is not well."""
import os
from functools import partial
from typing import Any, Callable, Dict, Iterator, List, Optional

from chatops.accounts import Accounts, Platform
from chatops.aliases import name_of, problems_of
from chatops.errors import StackStormError
from chatops.permissions import Permissions
from chatops.settings import ChatOpsSettings
from chatops.stackstorm import StackStorm
from hipchat.check.finding import Finding, Findings
from hipchat.api.client import Client
from hipchat.errors import ConfigError, HipChatError, NotFound
from hipchat.api.people import People
from hipchat.api.room_directory import RoomDirectory

__all__ = ["chatops_checkup"]

MOST_PEOPLE = 20  # each is a call, of which HipChat allows a token 100 in 5 minutes
API_REMEDY = " Check the service st2api and chatops.api_url."
REMEDIES: Dict[Optional[int], str] = {
    401: " Make a key with `st2 apikey create`.",
    403: " Its user needs a role with the permissions that docs/chatops.md lists."}


def chatops_checkup(config: Optional[Dict[str, Any]], client: Client, people: People) -> Findings:
    """Look at ChatOps, if the config has it: accounts, rights, rooms and people."""
    if not ChatOpsSettings.are_in(config):
        return
    try:
        settings = ChatOpsSettings.from_config(config)
    except ConfigError as error:
        yield from (Finding(False, "config: " + problem) for problem in error.problems)
        return
    yield from _stackstorm(settings)
    yield from _rooms(client, settings)
    yield from _people(client, settings)
    yield from _own(people, settings)


def _stackstorm(settings: ChatOpsSettings) -> Findings:
    """Look at the accounts, from the action that asks: the sensor has the same system user."""
    url = settings.api_url or os.environ.get("ST2_ACTION_API_URL", "")
    token = os.environ.get("ST2_ACTION_AUTH_TOKEN")
    try:
        has_authentication = _asks_who_calls(url)
        accounts = Accounts(settings, Platform(
            api_url=url, headers=lambda: {"X-Auth-Token": token} if token else {}, username="",
            has_authentication=has_authentication))
        if not has_authentication:
            yield Finding(True, "chatops: StackStorm has no authentication, so that every command "
                          "runs as its system user")
        aliases = list(accounts.pack().aliases())
    except StackStormError as error:
        yield Finding(False, f"chatops: {error}.{REMEDIES.get(error.status, API_REMEDY)}")
        return
    if has_authentication:
        yield from _accounts(accounts, settings, _of_packs(settings, aliases))
    yield from (Finding(False, "chatops: " + problem) for problem in problems_of(aliases))


def _asks_who_calls(url: str) -> bool:
    """Return whether StackStorm has authentication, from its answer to a call without any.

    (Without it, GET /v1/user fails with 500 and a traceback in StackStorm's log.)
    """
    try:
        next(StackStorm(url, dict).aliases(), None)
    except StackStormError as error:
        if error.status == 401:
            return True
        raise
    return False


def _of_packs(settings: ChatOpsSettings, aliases: List[Dict[str, Any]]) -> Dict[str, str]:
    """Return an action of each pack whose actions the config allows to run, by the pack."""
    permissions = Permissions(settings)
    return {alias["action_ref"].partition(".")[0]: alias["action_ref"] for alias in aliases
            if permissions.anybody_may(name_of(alias))}


def _accounts(accounts: Accounts, settings: ChatOpsSettings,
              actions: Dict[str, str]) -> Findings:
    runs = not settings.api_keys
    use = "reads results and runs commands" if runs else "reads results"
    if settings.api_key:
        yield from _account("chatops.api_key", accounts.pack(), dict(
            _reading(accounts.pack(), actions),
            **(_running(accounts.pack(), actions) if runs else {})), use)
    else:
        yield from _system_user(accounts.pack(), use)
    for person in settings.api_keys:
        stackstorm = accounts.of(person)
        yield from _account(f"chatops.api_keys.{person}", stackstorm,
                            _running(stackstorm, actions), "runs commands")


def _system_user(stackstorm: StackStorm, use: str) -> Findings:
    """Look at the sensor's own account; the token of this action may be another user's."""
    try:
        has_rbac = stackstorm.user()["rbac"]["enabled"]
    except StackStormError as error:
        yield Finding(False, f"chatops: {error}.{REMEDIES.get(error.status, API_REMEDY)}")
        return
    rights = ("has no rights unless roles are assigned to it. Set chatops.api_key." if has_rbac
              else "may do everything")
    yield Finding(not has_rbac, "chatops: without chatops.api_key, StackStorm's system user "
                  f"{use}; it {rights}")


def _account(key: str, stackstorm: StackStorm, rights: Dict[str, Callable[[], Any]],
             use: str) -> Findings:
    """Try each right, by what StackStorm calls it, with a call that needs it."""
    missing = []
    try:
        user = stackstorm.user()["username"]
        for right, call in rights.items():
            try:
                call()
            except StackStormError as error:
                if error.status != 403:
                    raise
                missing.append(right)
    except StackStormError as error:
        yield Finding(False, f"{key}: {error}.{REMEDIES.get(error.status, '')}")
        return
    if missing:
        yield Finding(False, f"{key}: {user} {use}, and lacks {', '.join(missing)}. Assign a role "
                      "with them: see docs/chatops.md.")
    else:
        yield Finding(True, f"{key}: {user} {use}")


def _reading(stackstorm: StackStorm, actions: Dict[str, str]) -> Dict[str, Callable[[], Any]]:
    return {"action_alias_view on pack:hipchat": lambda: stackstorm.alias("hipchat.rooms"),
            "execution_list": lambda: next(stackstorm.executions_since(
                "core.noop", "2000-01-01T00:00:00.000000Z"), None),
            **{f"action_view on pack:{pack}": partial(stackstorm.action, action)
               for pack, action in actions.items()}}


def _running(stackstorm: StackStorm, actions: Dict[str, str]) -> Dict[str, Callable[[], Any]]:
    # action_execute contains action_view; to try it itself would run something.
    return {f"action_execute on pack:{pack}": partial(stackstorm.action, action)
            for pack, action in actions.items()}


def _rooms(client: Client, settings: ChatOpsSettings) -> Findings:
    for id in sorted(settings.rooms):
        directory = RoomDirectory()
        try:
            directory.replace([client.call("GET", "room", id)])
        except HipChatError as error:
            yield Finding(False, f"chatops.rooms: {id}: {error}")
        else:
            yield Finding(True, f"chatops.rooms: commands that begin with {settings.prefix} are "
                          f"taken in {id}, {directory.name_of(id)}")


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
