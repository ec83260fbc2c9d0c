"""The checks of the action hipchat.check: config, HipChat, token, rooms, webhooks and sensor."""
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List, Optional

from hipchat.api.client import Client
from hipchat.api.room_directory import RoomDirectory, find_rooms
from hipchat.check.config_file import file_findings
from hipchat.check.finding import Finding, Findings, without_repeated
from hipchat.check.health import Unanswered, Untrusted, details_url, health_url, read_health
from hipchat.check.token import ROOM_TOKEN, token_findings
from hipchat.config.addon import AddonSettings
from hipchat.config.api_settings import ApiSettings
from hipchat.config.reader import ConfigReader
from hipchat.config.sensor_settings import SensorSettings
from hipchat.errors import ConfigError, HipChatError, NotInstalled
from hipchat.events import EVENTS
from hipchat.webhook.addon_urls import AddonUrls
from hipchat.webhook.webhook_url import Address, WebhookUrl

__all__ = ["checkup"]

# The actions that HipChat allows only to users, not to add-ons.
OF_USERS = ("reply", "send_message", "send_private_message", "share_file", "share_link", "invite")


def checkup(config: Optional[Dict[str, Any]], pack: Path) -> Findings:
    """Check everything except ChatOps; `pack` is the directory of the installed pack."""
    sensor: Optional[SensorSettings] = None
    reported = list(file_findings(config or {}, pack))
    try:
        sensor = SensorSettings.from_config(config)
    except ConfigError as error:
        reported += [Finding(False, "config: " + problem) for problem in error.problems]
    else:
        reported += [Finding(False, "config: " + warning) for warning in sensor.warnings]
        addon = ApiSettings.read(ConfigReader(config)).addon  # `sensor` lacks the stored add-on
        reported = (reported or [Finding(True, "config: complete")]) + list(_addon(addon, sensor))
        if not sensor.secret and addon.stored:  # then the sensor uses the add-on's secret
            sensor = sensor._replace(secret=addon.stored.secret.encode("utf-8"))
    yield from reported
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
        yield Finding(True, "listener: none, since webhook.public_url is not set: the sensor polls "
                      "the history of the rooms in turn, which contains messages, notifications "
                      "and topics")
    elif sensor:
        answers = bool(hipchat) and hipchat[0].is_ok and ROOM_TOKEN not in hipchat
        yield from without_repeated(_listener(sensor, answers), reported + hipchat)


def _addon(addon: AddonSettings, sensor: SensorSettings) -> Findings:
    """Check that the pack is installed as an add-on, if the config enables the add-on."""
    if not addon.enabled:
        return
    stored = addon.stored
    if stored is None:
        yield Finding(False, "add-on: the sensor has not made its URL yet. Check that the sensor "
                      "runs (st2 sensor list), and read its problems below.")
        return
    descriptor = AddonUrls(sensor.public_url, stored.secret).descriptor
    if addon.integration is None:
        yield Finding(False, "add-on: it is not installed. As an admin of the HipChat group, "
                      "choose to install an add-on from a descriptor URL, paste this one and "
                      f"approve: {descriptor}")
    elif stored.is_elsewhere(sensor.public_url):
        yield Finding(False, f"add-on: it is installed for {stored.public_url}, and HipChat still "
                      "posts there. As an admin of the HipChat group, uninstall it, and install it "
                      f"from: {descriptor}")
    else:
        group = stored.group or "(HipChat does not return its ID)"
        yield Finding(True, f"add-on: it is installed in HipChat's group {group}")
        if not sensor.api.api_key:
            yield Finding(True, "add-on: without api_key, these actions fail, since HipChat allows "
                          "them only to users: " + ", ".join(OF_USERS))


def _hipchat(settings: ApiSettings, sensor: Optional[SensorSettings]) -> Findings:
    """Check that HipChat answers; then check the token, and the rooms of the config."""
    client = Client(settings)
    sensor_rooms = sensor.rooms if sensor else []
    rooms = [room for room in dict.fromkeys([*sensor_rooms, settings.default_room]) if room]
    try:
        findings = list(token_findings(client, settings, rooms))
    except HipChatError as error:
        yield Finding(False, str(error))
        return
    yield Finding(True, f"HipChat: answers at {settings.api_url}{_tls(settings)}")
    yield from findings
    if ROOM_TOKEN in findings:
        return
    directory = RoomDirectory()
    try:
        directory.replace(find_rooms(client, rooms))
    except HipChatError:
        pass  # below, each room has a finding with the error
    # An installed add-on gets the events of all rooms without webhooks in them.
    urls = (WebhookUrl(sensor.public_url, sensor.secret) if sensor and sensor.public_url and
            not settings.addon.integration else None)
    for room in rooms:
        events = sensor.events if sensor and room in sensor_rooms else []
        try:
            listed = client.ask("GET", "room", directory.id_of(room) or room)
            problems = list(_room(client, room, listed, urls, events))
        except HipChatError as error:
            yield Finding(False, f"room {room}: {error}")
        else:
            yield from problems or [Finding(True, f"room {room}: its id is {listed['id']}")]


def _tls(settings: ApiSettings) -> str:
    if not settings.api_url.startswith("https:"):
        return ", without TLS"
    return ", its certificate is valid" if settings.verify else ", whose certificate is not checked"


def _room(client: Client, room: str, listed: Dict[str, Any], urls: Optional[WebhookUrl],
          events: List[str]) -> Findings:
    """Yield the problems of a room: it is archived, or has left-over webhooks, or lacks webhooks.

    Args:
        room: the room's name or ID in the config.
        listed: HipChat's object of the room.
        urls: recognizes the sensor's webhooks; None if the sensor creates none.
        events: the names of the trigger types for which the room should have a webhook.
    """
    if listed.get("is_archived"):
        yield Finding(False, f"room {room}: it is archived. Run hipchat.unarchive_room, or remove "
                      "it from the config.")
        return
    if urls is None:
        return
    webhooks = [str(each.get("url")) for each in client.items("room", listed["id"], "webhook")]
    others = Counter(filter(None, map(urls.other_public_url, webhooks)))
    if others:
        where = ", ".join(f"{count} for {url}" for url, count in sorted(others.items()))
        yield Finding(False, f"room {room}: it has webhooks with this config's signature for "
                      f"another webhook.public_url ({where}). If no other sensor with this token "
                      "is there, run hipchat.remove_webhooks; the sensor makes its own again.")
    present = [urls.read(url) for url in webhooks]
    lacking = [event for event in events
               if Address(EVENTS[event].hipchat, listed["id"]) not in present]
    if lacking:
        yield Finding(False, f"room {room}: the sensor's webhooks for {', '.join(lacking)} are "
                      "missing. The sensor creates them while it runs; if it cannot, its log says "
                      "why.")


def _listener(settings: SensorSettings, hipchat_answers: bool) -> Findings:
    """Check that the sensor's webhook endpoint answers, and what its /health reports."""
    url = health_url(settings.public_url)
    try:
        status, report = read_health(details_url(settings.public_url, settings.secret)
                                     if settings.secret else url, settings)
        has_other_secret = status == 404
        if has_other_secret:
            status, report = read_health(url, settings)
    except Untrusted:
        yield Finding(False, f"listener: this host does not trust the TLS certificate at {url}. "
                      "Check that HipChat trusts it.")
    except Unanswered as error:
        yield Finding(False, f"listener: no server answers at {url} ({error}). Check that the "
                      "sensor runs (st2 sensor list; st2sensorcontainer.log), that webhook.port is "
                      "open, and that webhook.public_url leads there.")
    else:
        if status == 403 and settings.allow_from:
            yield Finding(True, f"listener: webhook.allow_from keeps this host from {url}")
        elif report is None:
            yield Finding(False, f"listener: the server at {url} is not the sensor (HTTP "
                          f"{status}). Correct webhook.public_url, or the proxy before the sensor.")
        elif has_other_secret and hipchat_answers:
            yield Finding(False, f"listener: the sensor at {url} runs with another token or secret "
                          "than this config's. Register the config (st2ctl reload "
                          "--register-configs), and read the sensor's log.")
        else:
            yield from _report(url, report, hipchat_answers)


def _report(url: str, report: Dict[str, Any], hipchat_answers: bool) -> Findings:
    """Yield the problems in the report of /health at a URL, or a finding that there are none.

    The problems have the words of the sensor's log; each comes after its cause.
    """
    problems = report.get("details", report["reasons"] if "addon" in report else [])
    for problem in problems:
        yield Finding(False, f"listener: {problem}")
    if not problems:
        yield Finding(True, f"listener: the sensor answers at {url} (seen from this host)")
    # While HipChat does not answer, the sensor cannot count webhooks.
    if hipchat_answers and not any(problem.startswith("HipChat: ") for problem in problems):
        wanted, present = (report["webhooks"].get(key) for key in ("wanted", "present"))
        # This is ok: creating the webhooks of many rooms takes time.
        more = "" if wanted == present else (
            "; the sensor creates the others within HipChat's rate limit")
        yield Finding(True, f"webhooks: {wanted} wanted, {present} present{more}")
