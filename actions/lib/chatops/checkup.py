"""Checks ChatOps for the action hipchat.check: accounts, rights, aliases, rooms and people."""
import os
from functools import partial
from typing import Any, Callable, Dict, List, Optional

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

__all__ = ["chatops_checkup"]

MOST_PEOPLE = 20  # each costs a call, and HipChat allows a token 100 calls in 5 minutes
API_REMEDY = " Check the service st2api and chatops.api_url."
REMEDIES: Dict[Optional[int], str] = {
    401: " Make a key with `st2 apikey create`.",
    403: " Its user needs a role with the permissions that docs/chatops.md lists."}

# By StackStorm's name of a right, a call that StackStorm refuses without that right.
Rights = Dict[str, Callable[[], Any]]


def chatops_checkup(config: Optional[Dict[str, Any]], client: Client, people: People) -> Findings:
    """Yield the findings on ChatOps, if the config uses it; call HipChat with the pack's token."""
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
        yield _failure("chatops", error)
        return
    if has_authentication:
        permissions = Permissions(settings)
        actions = {alias["action_ref"].partition(".")[0]: alias["action_ref"] for alias in aliases
                   if permissions.is_granted(name_of(alias))}
        yield from _accounts(accounts, settings, actions)
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


def _accounts(accounts: Accounts, settings: ChatOpsSettings, actions: Dict[str, str]) -> Findings:
    """Check that every account in the config has the rights that the pack needs.

    `actions` are one of each pack whose commands the config allows, by pack.
    """
    pack, runs = accounts.pack(), not settings.api_keys
    use = "reads results and runs commands" if runs else "reads results"
    if settings.api_key:
        names = ["action_view", "action_execute"] if runs else ["action_view"]
        rights = {**_reading_rights(pack), **_action_rights(pack, actions, names)}
        yield from _account("chatops.api_key", pack, use, rights)
    else:
        yield from _system_user(pack, use)
    for person in settings.api_keys:
        own = accounts.of(person)
        yield from _account(f"chatops.api_keys.{person}", own, "runs commands",
                            _action_rights(own, actions, ["action_execute"]))


def _system_user(stackstorm: StackStorm, use: str) -> Findings:
    """Check the account that the sensor uses without chatops.api_key: StackStorm's system user.

    hipchat.check itself runs with a token of the user who started it. The rights of this token are
    not the sensor's, so only the use of RBAC is checked.
    """
    try:
        has_rbac = stackstorm.user()["rbac"]["enabled"]
    except StackStormError as error:
        yield _failure("chatops", error)
        return
    rights = ("has no rights without an assigned role. Set chatops.api_key." if has_rbac
              else "may do everything")
    yield Finding(not has_rbac, "chatops: without chatops.api_key, StackStorm's system user "
                  f"{use}; it {rights}")


def _account(key: str, stackstorm: StackStorm, use: str, rights: Rights) -> Findings:
    """Check that the account of the API key under this key of the config has these rights."""
    missing = []
    try:
        user = stackstorm.username
        for right, call in rights.items():
            try:
                call()
            except StackStormError as error:
                if error.status != 403:
                    raise
                missing.append(right)
    except StackStormError as error:
        yield _failure(key, error)
        return
    if missing:
        yield Finding(False, f"{key}: {user} {use}, and lacks {', '.join(missing)}. Assign a role "
                      "with them: see docs/chatops.md.")
    else:
        yield Finding(True, f"{key}: {user} {use}")


def _reading_rights(stackstorm: StackStorm) -> Rights:
    return {"action_alias_view on pack:hipchat": lambda: stackstorm.alias("hipchat.rooms"),
            "execution_list": lambda: next(stackstorm.executions_since(
                "core.noop", "2000-01-01T00:00:00.000000Z"), None)}


def _action_rights(stackstorm: StackStorm, actions: Dict[str, str], names: List[str]) -> Rights:
    """Return these rights on each pack; all are tested as action_view.

    Testing action_execute would run an action. It contains action_view.
    """
    return {f"{name} on pack:{pack}": partial(stackstorm.action, action)
            for name in names for pack, action in actions.items()}


def _failure(key: str, error: StackStormError) -> Finding:
    return Finding(False, f"{key}: {error}.{REMEDIES.get(error.status, API_REMEDY)}")


def _rooms(client: Client, settings: ChatOpsSettings) -> Findings:
    """Check that HipChat knows the rooms of chatops.rooms."""
    for room_id in sorted(settings.rooms):
        try:
            name = client.ask("GET", "room", room_id).get("name")
        except HipChatError as error:
            yield Finding(False, f"chatops.rooms: {room_id}: {error}")
        else:
            yield Finding(True, f"chatops.rooms: commands that begin with {settings.prefix} are "
                          f"accepted in {room_id}, {name}")


def _people(client: Client, settings: ChatOpsSettings) -> Findings:
    """Check that HipChat knows the people of chatops.allow and chatops.api_keys."""
    people_ids = _people_ids(settings)
    if not settings.allow:
        yield Finding(False, "chatops.allow: it is empty, so no one may run commands. Add the "
                      "people and their commands.")
        return
    unknown = []
    for person_id in people_ids[:MOST_PEOPLE]:
        try:
            client.call("GET", "user", person_id)
        except NotFound:
            unknown.append(str(person_id))
        except HipChatError as error:
            yield Finding(False, f"chatops.allow: its people cannot be looked up: {error}")
            return
    if unknown:
        yield Finding(False, "chatops.allow: HipChat knows no person with the id "
                      f"{' or '.join(unknown)}. hipchat.get_user shows ids.")
    else:
        checked = ("" if len(people_ids) <= MOST_PEOPLE else
                   f" (the first {MOST_PEOPLE} of {len(people_ids)} were checked)")
        yield Finding(True, f"chatops.allow: HipChat knows its people{checked}")


def _people_ids(settings: ChatOpsSettings) -> List[int]:
    return sorted(set(settings.api_keys).union(*(grant.people or () for grant in settings.allow)))


def _owner(people: People, settings: ChatOpsSettings) -> Findings:
    """Check that the token's owner is known, and is not configured as a person with commands."""
    try:
        owner_id = people.owner_id()
    except HipChatError as error:
        yield Finding(False, "chatops: the owner of the token is unknown, so no command is run. "
                      f"{error}")
        return
    if owner_id in _people_ids(settings):
        yield Finding(False, f"chatops: {owner_id} is the owner of api_key. The pack posts as this "
                      "person, and ignores their messages. Make the token with a separate account.")
