"""What an operator needs to know: what works, and what is to be done where something does not."""
from collections import Counter
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from hipchat import timing
from hipchat.config.addon import SCOPES, AddonSettings
from hipchat.webhook.addon_urls import AddonUrls
from hipchat.api.client import Client
from hipchat.errors import ConfigError, Forbidden, HipChatError, NotFound, NotInstalled
from hipchat.events import EVENTS
from hipchat.check.health import Unanswered, Untrusted, ask, details_url, health_url
from hipchat.webhook.ownership import Ownership
from hipchat.api.room_directory import RoomDirectory, find_rooms
from hipchat.config.sensor_settings import SensorSettings
from hipchat.config.api_settings import ApiSettings, addon_settings
from hipchat.api.webhook_list import ownership_of
from hipchat.webhook.webhook_url import Address

__all__ = ["Finding", "checkup", "token_kind"]

NEEDED = ("send_notification", "send_message", "view_room", "view_group", "admin_room")
# Scopes that not everything needs.
EXTRA = {"manage_rooms": "the actions create_room and delete_room fail",
         "view_messages": "the actions get_history, get_message, wait_for_message and ask fail, "
                          "and what was said while nobody listened is not fetched"}
# For a token whose scopes HipChat does not tell: calls that are only tried (auth_test).
TRIALS = (("send_notification", "POST", ("notification",)), ("send_message", "POST", ("message",)),
          ("view_room", "GET", ()), ("admin_room", "GET", ("webhook",)))
OF_USERS = ("reply", "send_message", "send_private_message", "share_file", "share_link", "invite")


class Finding(NamedTuple):
    """One thing that was looked at: well, or with what to do in its text."""

    well: bool
    text: str

    def __str__(self) -> str:
        return f"{'ok' if self.well else 'TO DO'}: {self.text}"


Findings = Iterator[Finding]

ROOM_TOKEN = Finding(False, "token: it is a room notification token, which can only notify one "
                     "room. Set api_key to a personal access token.")


def checkup(config: Optional[Dict[str, Any]]) -> Findings:
    """Look at the config, HipChat, the token, the rooms, the listener and the webhooks."""
    sensor: Optional[SensorSettings] = None
    try:
        sensor = SensorSettings.from_config(config)
    except ConfigError as error:
        yield from (Finding(False, "config: " + problem) for problem in error.problems)
    else:
        yield Finding(True, "config: complete")
        addon = addon_settings(config)
        yield from _addon(addon, sensor)
        if not sensor.secret and addon.kept:  # then the sensor and we share that of the add-on
            sensor = sensor._replace(secret=addon.kept.secret.encode("utf-8"))
    try:
        settings = ApiSettings.from_config(config)
    except ConfigError:
        return
    except NotInstalled:
        hipchat = []
    else:
        hipchat = list(_hipchat(settings, sensor))
        yield from hipchat
    if sensor and not sensor.public_url:
        yield Finding(True, "listener: none, since webhook.public_url is not set: the sensor asks "
                      "HipChat for the history of the rooms in turn, which holds messages, "
                      "notifications and topics")
    elif sensor:
        answers = bool(hipchat) and hipchat[0].well and ROOM_TOKEN not in hipchat
        yield from _listener(sensor, answers)


def _addon(addon: AddonSettings, sensor: SensorSettings) -> Findings:
    if not addon.enabled:
        return
    if addon.kept is None:
        yield Finding(False, "add-on: the sensor has not made its URL yet. See that it runs (st2 "
                      "sensor list), and what it says below.")
    elif addon.integration is None:
        yield Finding(False, "add-on: it is not installed. As an admin of the HipChat group, "
                      "choose to install an add-on from a descriptor URL, paste this one and "
                      "approve: {}".format(
                          AddonUrls(sensor.public_url, addon.kept.secret).descriptor))
    elif addon.kept.is_elsewhere(sensor.public_url):
        yield Finding(False, "add-on: it is installed for {}, where HipChat goes on posting. As an "
                      "admin of the HipChat group, uninstall it, and install it from: {}".format(
                          addon.kept.public_url,
                          AddonUrls(sensor.public_url, addon.kept.secret).descriptor))
    else:
        yield Finding(True, "add-on: it is installed in HipChat's group {}".format(
            addon.kept.group or "(which HipChat does not tell)"))
        if not sensor.api.api_key:
            yield Finding(True, "add-on: what HipChat lets users do only fails, since there is no "
                          "api_key beside it: " + ", ".join(OF_USERS))


def _hipchat(settings: ApiSettings, sensor: Optional[SensorSettings]) -> Findings:
    client = Client(settings)
    listened = sensor.rooms if sensor else []
    rooms = [room for room in dict.fromkeys(listened + [settings.default_room]) if room]
    try:
        findings = list(_token(client, settings, rooms))
    except HipChatError as error:
        yield Finding(False, str(error))
        return
    yield Finding(True, f"HipChat: answers at {settings.api_url}{_tls(settings)}")
    yield from findings
    if ROOM_TOKEN in findings:
        return
    directory = _directory(client, rooms)
    # An installed add-on hears all rooms without webhooks in them.
    listens = sensor and sensor.public_url and not settings.addon.integration
    ownership = ownership_of(sensor) if listens else None
    for room in rooms:
        key = directory.id_of(room) or room
        events = sensor.events if ownership and room in listened else []
        yield from _room(client, key, room, ownership, events)


def _tls(settings: ApiSettings) -> str:
    if not settings.api_url.startswith("https:"):
        return ", without TLS"
    return ", its certificate is valid" if settings.verify else ", whose certificate is not checked"


def _token(client: Client, settings: ApiSettings, rooms: List[str]) -> Findings:
    try:
        session = client.token_info()
    except (Forbidden, NotFound):
        yield from _trials(client, settings, rooms)
        return
    kind, ends = token_kind(session), session.get("expires_in")
    if kind == "room notification":
        yield ROOM_TOKEN
        return
    personal = settings.integration is None
    if personal and kind == "integration":
        yield Finding(False, "token: it is an integration's, which soon ends. Set oauth.id and "
                      "oauth.secret in place of api_key, and it is renewed.")
    elif personal and isinstance(ends, int) and ends < timing.TOKEN_ENDS_SOON:
        yield Finding(False, "token: it ends in {} days. Make another and set api_key to it."
                      .format(ends // 86400))
    yield from _scopes(session["scopes"], settings)


def token_kind(session: Dict[str, Any]) -> str:
    """The kind of token that a session is of: personal, integration or room notification."""
    client = session.get("client")
    if isinstance(client, dict) and client.get("room"):
        return "room notification"
    owner = session.get("owner")
    is_user = session.get("owner_type") == "user" or (
        isinstance(owner, dict) and "mention_name" in owner)
    return "personal" if is_user else "integration"


def _needed(settings: ApiSettings) -> Tuple[str, ...]:
    """The scopes that the pack cannot do without; only users are given send_message."""
    return tuple(scope for scope in NEEDED
                 if scope in SCOPES or settings.integration is None)


def _scopes(scopes: List[str], settings: ApiSettings) -> Findings:
    needed = _needed(settings)
    missing = [scope for scope in needed if scope not in scopes]
    without = [f"without {scope} {what}"
               for scope, what in EXTRA.items() if scope not in scopes]
    if missing:
        yield Finding(False, "token: it lacks {}. {}".format(
            " and ".join(missing), "Update the add-on in HipChat." if settings.addon.integration
            else "Make a token that has all of these scopes: {}.".format(
                ", ".join(needed + tuple(EXTRA)))))
    else:
        yield Finding(True, "; ".join(["token: it has the scopes that the pack needs"] + without))


def _trials(client: Client, settings: ApiSettings, rooms: List[str]) -> Findings:
    if not rooms:
        yield Finding(True, "token: HipChat does not tell its scopes, and no room is configured "
                      "to try them in")
        return
    lacking, needed = [], _needed(settings)
    for scope, method, path in [trial for trial in TRIALS if trial[0] in needed]:
        try:
            client.call(method, "room", rooms[0], *path, params={"auth_test": "true"})
        except Forbidden:
            lacking.append(scope)
        except NotFound:
            pass  # the room is looked at later
    yield from _scopes([scope for scope in needed + tuple(EXTRA) if scope not in lacking], settings)


def _directory(client: Client, rooms: List[str]) -> RoomDirectory:
    directory = RoomDirectory()
    try:
        directory.take(find_rooms(client, rooms))
    except HipChatError:
        pass  # each room is looked at for itself
    return directory


def _room(client: Client, key: Any, room: str, ownership: Optional[Ownership],
          events: List[str]) -> Findings:
    try:
        found = client.call("GET", "room", key)
        webhooks = list(client.items("room", found["id"], "webhook")) if ownership else []
    except HipChatError as error:
        yield Finding(False, f"room {room}: {error}")
        return
    if ownership:
        yield from _left_over(room, ownership, webhooks)
    lacking = _lacking(found["id"], ownership, webhooks, events)
    if found.get("is_archived"):
        yield Finding(False, "room {}: it is archived. Run hipchat.unarchive_room, or take it out "
                      "of the config.".format(room))
    elif lacking:
        yield Finding(False, "room {}: it has no webhook of the sensor's for {}. The sensor makes "
                      "them while it runs, or its log tells why it cannot.".format(
                          room, ", ".join(lacking)))
    else:
        yield Finding(True, f"room {room}: its id is {found['id']}")


def _left_over(room: str, ownership: Ownership, webhooks: List[Dict[str, Any]]) -> Findings:
    others = Counter(filter(None, map(ownership.other_public_url, webhooks)))
    if others:
        where = ", ".join(f"{count} for {url}" for url, count in sorted(others.items()))
        yield Finding(False, f"room {room}: it has webhooks with this config's signature for "
                      f"another webhook.public_url ({where}). If no other sensor with this token "
                      "is there, run hipchat.remove_webhooks; the sensor makes its own again.")


def _lacking(room: int, ownership: Optional[Ownership], webhooks: List[Dict[str, Any]],
             events: List[str]) -> List[str]:
    """The events of the config whose webhook is not in the room."""
    present = [ownership.urls.read(str(webhook.get("url"))) for webhook in webhooks]
    return [event for event in events if Address(EVENTS[event].hipchat, room) not in present]


def _listener(settings: SensorSettings, hipchat_answers: bool) -> Findings:
    url, timeout = health_url(settings.public_url), settings.api.timeout
    try:
        status, report = ask(details_url(settings.public_url, settings.secret)
                             if settings.secret else url, settings, timeout)
        stranger = status == 404
        if stranger:
            status, report = ask(url, settings, timeout)
    except Untrusted:
        yield Finding(False, "listener: the TLS certificate at {} is not trusted here. See that "
                      "HipChat trusts it.".format(url))
    except Unanswered as error:
        yield Finding(False, "listener: nobody answers at {} ({}). See that the sensor runs (st2 "
                      "sensor list; st2sensorcontainer.log), that webhook.port is open, and that "
                      "webhook.public_url leads there.".format(url, error))
    else:
        if status == 403 and settings.allow_from:
            yield Finding(True, f"listener: webhook.allow_from keeps this host from {url}")
        elif report is None:
            yield Finding(False, "listener: what answers at {} is not the sensor (HTTP {}). "
                          "Correct webhook.public_url, or the proxy before the sensor.".format(
                              url, status))
        elif stranger and hipchat_answers:
            yield Finding(False, "listener: the sensor at {} runs with another token or secret "
                          "than this config's. Register the config (st2ctl reload "
                          "--register-configs), and see its log.".format(url))
        else:
            yield from _report(url, report, hipchat_answers)


def _report(url: str, report: Dict[str, Any], hipchat_answers: bool) -> Findings:
    """What the sensor tells of itself: its troubles as its log has them, causes first."""
    troubles = report.get("details", report["reasons"] if "addon" in report else [])
    for trouble in troubles:
        yield Finding(False, f"listener: {trouble}")
    if not troubles:
        yield Finding(True, f"listener: the sensor answers at {url} (as seen from here)")
    # While HipChat does not answer, nothing is known of them.
    if hipchat_answers and not any(trouble.startswith("HipChat: ") for trouble in troubles):
        wanted, present = (report["webhooks"].get(key) for key in ("wanted", "present"))
        # No fault by itself: a sample rule wants one in its room too, which may not exist.
        yield Finding(True, "webhooks: {} wanted, {} present{}".format(
            wanted, present, "" if wanted == present else "; a rule, even a disabled one, names a "
            "room that cannot be listened to (the sensor's log names it)"))
