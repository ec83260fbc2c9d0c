"""Checks ChatOps for the action hipchat.check: accounts, rights, aliases, rooms and people."""
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

MOST_PEOPLE = 20  # each costs a call, and HipChat allows a token 100 calls in 5 minutes
API_REMEDY = " Check the service st2api and chatops.api_url."
REMEDIES: Dict[Optional[int], str] = {
    401: " Make a key with `st2 apikey create`.",
    403: " Its user needs a role with the permissions that docs/chatops.md lists."}


def chatops_checkup(config: Optional[Dict[str, Any]], client: Client, people: People) -> Findings:
    """Yield the findings on ChatOps; none if the config does not use ChatOps.

    The `client` and `people` call HipChat with the pack's token.
    """
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
    yield from _owner(people, settings)


def _stackstorm(settings: ChatOpsSettings) -> Findings:
    """Check that StackStorm answers; then check the config's accounts, and the aliases."""
    url = settings.api_url or os.environ.get("ST2_ACTION_API_URL", "")
    token = os.environ.get("ST2_ACTION_AUTH_TOKEN")
    try:
        has_authentication = _has_authentication(url)
        accounts = Accounts(settings, Platform(
            api_url=url, headers=lambda: {"X-Auth-Token": token} if token else {}, username="",
            has_authentication=has_authentication))
        if not has_authentication:
            yield Finding(True, "chatops: StackStorm has no authentication, so every command runs "
                          "as its system user")
        aliases = list(accounts.pack().aliases())
    except StackStormError as error:
        yield Finding(False, f"chatops: {error}.{REMEDIES.get(error.status, API_REMEDY)}")
        return
    if has_authentication:
        yield from _accounts(accounts, settings, _of_packs(settings, aliases))
    yield from (Finding(False, "chatops: " + problem) for problem in problems_of(aliases))


def _has_authentication(url: str) -> bool:
    """Return whether StackStorm requires authentication, and so rejects a call without credentials.

    The call reads the aliases. (GET /v1/user does not help: a StackStorm without authentication
    answers 500 and logs a traceback.)
    """
    try:
        next(StackStorm(url, dict).aliases(), None)
    except StackStormError as error:
        if error.status == 401:
            return True
        raise
    return False


def _of_packs(settings: ChatOpsSettings, aliases: List[Dict[str, Any]]) -> Dict[str, str]:
    """Return, by pack, one action of each pack whose commands the config allows.

    With these actions the rights of an account are checked.
    """
    permissions = Permissions(settings)
    return {alias["action_ref"].partition(".")[0]: alias["action_ref"] for alias in aliases
            if permissions.is_granted(name_of(alias))}


def _accounts(accounts: Accounts, settings: ChatOpsSettings,
              actions: Dict[str, str]) -> Findings:
    """Check that every account in the config has the rights that the pack needs.

    The `actions`, from _of_packs(), are those on which the rights are checked.
    """
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
    """Check the account that the sensor uses without chatops.api_key: StackStorm's system user.

    hipchat.check itself runs with a token of the user who started it. The rights of this token are
    not the sensor's, so only the use of RBAC is checked.

    Args:
        use: what the pack does with the account, such as "runs commands".
    """
    try:
        has_rbac = stackstorm.user()["rbac"]["enabled"]
    except StackStormError as error:
        yield Finding(False, f"chatops: {error}.{REMEDIES.get(error.status, API_REMEDY)}")
        return
    rights = ("has no rights without an assigned role. Set chatops.api_key." if has_rbac
              else "may do everything")
    yield Finding(not has_rbac, "chatops: without chatops.api_key, StackStorm's system user "
                  f"{use}; it {rights}")


def _account(key: str, stackstorm: StackStorm, rights: Dict[str, Callable[[], Any]],
             use: str) -> Findings:
    """Check that an account has the rights that the pack needs.

    Args:
        key: the config's key that contains the account's API key, such as chatops.api_key.
        rights: by StackStorm's name of the right, a call that fails without that right.
        use: what the pack does with the account, such as "runs commands".
    """
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
    """Return the rights for reading aliases and results, each with a call that fails without it."""
    return {"action_alias_view on pack:hipchat": lambda: stackstorm.alias("hipchat.rooms"),
            "execution_list": lambda: next(stackstorm.executions_since(
                "core.noop", "2000-01-01T00:00:00.000000Z"), None),
            **{f"action_view on pack:{pack}": partial(stackstorm.action, action)
               for pack, action in actions.items()}}


def _running(stackstorm: StackStorm, actions: Dict[str, str]) -> Dict[str, Callable[[], Any]]:
    """Return the rights for running commands, each with a call that fails without it."""
    # Testing action_execute would run an action. action_execute contains action_view.
    return {f"action_execute on pack:{pack}": partial(stackstorm.action, action)
            for pack, action in actions.items()}


def _rooms(client: Client, settings: ChatOpsSettings) -> Findings:
    """Check that HipChat knows the rooms of chatops.rooms."""
    for room_id in sorted(settings.rooms):
        directory = RoomDirectory()
        try:
            directory.replace([client.call("GET", "room", room_id)])
        except HipChatError as error:
            yield Finding(False, f"chatops.rooms: {room_id}: {error}")
        else:
            yield Finding(True, f"chatops.rooms: commands that begin with {settings.prefix} are "
                          f"accepted in {room_id}, {directory.name_of(room_id)}")


def _people(client: Client, settings: ChatOpsSettings) -> Findings:
    """Check that HipChat knows the people of chatops.allow and chatops.api_keys."""
    people_ids = _people_ids(settings)
    if not settings.allow:
        yield Finding(False, "chatops.allow: it is empty, so no one may run commands. Add the "
                      "people and their commands.")
        return
    try:
        unknown = list(_unknown(client, people_ids[:MOST_PEOPLE]))
    except HipChatError as error:
        yield Finding(False, f"chatops.allow: its people cannot be looked up: {error}")
        return
    if unknown:
        yield Finding(False, "chatops.allow: HipChat knows no person with the id "
                      f"{' or '.join(map(str, unknown))}. hipchat.get_user shows ids.")
    else:
        checked = ("" if len(people_ids) <= MOST_PEOPLE else
                   f" (the first {MOST_PEOPLE} of {len(people_ids)} were checked)")
        yield Finding(True, f"chatops.allow: HipChat knows its people{checked}")


def _people_ids(settings: ChatOpsSettings) -> List[int]:
    """Return HipChat's IDs of the people in chatops.api_keys and chatops.allow."""
    return sorted(set(settings.api_keys).union(*(grant.people or () for grant in settings.allow)))


def _unknown(client: Client, people_ids: List[int]) -> Iterator[int]:
    """Yield those of the IDs for which HipChat knows no person."""
    for person_id in people_ids:
        try:
            client.call("GET", "user", person_id)
        except NotFound:
            yield person_id


def _owner(people: People, settings: ChatOpsSettings) -> Findings:
    """Check that the token's owner is known, and is not configured as a person with commands.

    The pack posts as the owner, so it takes no message of the owner for a command.
    """
    try:
        owner_id = people.owner_id()
    except HipChatError as error:
        yield Finding(False, "chatops: the owner of the token is unknown, so no command is run. "
                      f"{error}")
        return
    if owner_id in _people_ids(settings):
        yield Finding(False, f"chatops: {owner_id} is the owner of api_key. The pack posts as this "
                      "person, and ignores their messages. Make the token with a separate account.")
