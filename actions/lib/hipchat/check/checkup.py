"""What an operator needs to know: what works, and what is to be done where something does not."""
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

from hipchat.api.client import Client
from hipchat.api.room_directory import RoomDirectory, find_rooms
from hipchat.api.webhook_list import ownership_of
from hipchat.check.config_file import file_findings
from hipchat.check.finding import Finding, Findings, unsaid
from hipchat.check.health import Unanswered, Untrusted, ask, details_url, health_url
from hipchat.check.token import ROOM_TOKEN, token_findings
from hipchat.config.addon import AddonSettings
from hipchat.config.api_settings import ApiSettings, addon_settings
from hipchat.config.sensor_settings import SensorSettings
from hipchat.errors import ConfigError, HipChatError, NotInstalled
from hipchat.events import EVENTS
from hipchat.webhook.addon_urls import AddonUrls
from hipchat.webhook.ownership import Ownership
from hipchat.webhook.webhook_url import Address

__all__ = ["checkup"]

OF_USERS = ("reply", "send_message", "send_private_message", "share_file", "share_link", "invite")


def checkup(config: Optional[Dict[str, Any]], pack: Path) -> Findings:
    """Look at the config, HipChat, the token, the rooms, the listener and the webhooks.

    Args:
        pack: where the pack is installed.
    """
    sensor: Optional[SensorSettings] = None
    said = list(file_findings(config or {}, pack))
    try:
        sensor = SensorSettings.from_config(config)
    except ConfigError as error:
        said += [Finding(False, "config: " + problem) for problem in error.problems]
    else:
        said += [Finding(False, "config: " + warning) for warning in sensor.warnings]
        addon = addon_settings(config)
        said = (said or [Finding(True, "config: complete")]) + list(_addon(addon, sensor))
        if not sensor.secret and addon.kept:  # then the sensor and we share that of the add-on
            sensor = sensor._replace(secret=addon.kept.secret.encode("utf-8"))
    yield from said
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
        yield from unsaid(_listener(sensor, answers), said + hipchat)


def _addon(addon: AddonSettings, sensor: SensorSettings) -> Findings:
    if not addon.enabled:
        return
    kept = addon.kept
    if kept is None:
        yield Finding(False, "add-on: the sensor has not made its URL yet. See that it runs (st2 "
                      "sensor list), and what it says below.")
        return
    descriptor = AddonUrls(sensor.public_url, kept.secret).descriptor
    if addon.integration is None:
        yield Finding(False, "add-on: it is not installed. As an admin of the HipChat group, "
                      "choose to install an add-on from a descriptor URL, paste this one and "
                      f"approve: {descriptor}")
    elif kept.is_elsewhere(sensor.public_url):
        yield Finding(False, f"add-on: it is installed for {kept.public_url}, where HipChat goes "
                      "on posting. As an admin of the HipChat group, uninstall it, and install it "
                      f"from: {descriptor}")
    else:
        group = kept.group or "(which HipChat does not tell)"
        yield Finding(True, f"add-on: it is installed in HipChat's group {group}")
        if not sensor.api.api_key:
            yield Finding(True, "add-on: what HipChat lets users do only fails, since there is no "
                          "api_key beside it: " + ", ".join(OF_USERS))


def _hipchat(settings: ApiSettings, sensor: Optional[SensorSettings]) -> Findings:
    client = Client(settings)
    listened = sensor.rooms if sensor else []
    rooms = [room for room in dict.fromkeys([*listened, settings.default_room]) if room]
    try:
        findings = list(token_findings(client, settings, rooms))
    except HipChatError as error:
        yield Finding(False, str(error))
        return
    yield Finding(True, f"HipChat: answers at {settings.api_url}{_tls(settings)}")
    yield from findings
    if ROOM_TOKEN in findings:
        return
    directory = _directory(client, rooms)
    # An installed add-on hears all rooms without webhooks in them.
    is_heard = sensor and sensor.public_url and not settings.addon.integration
    ownership = ownership_of(sensor) if sensor and is_heard else None
    for room in rooms:
        events = sensor.events if sensor and room in listened else []
        yield from _room(client, directory.id_of(room) or room, room,
                         _Webhooks(ownership, events) if ownership else None)


def _tls(settings: ApiSettings) -> str:
    if not settings.api_url.startswith("https:"):
        return ", without TLS"
    return ", its certificate is valid" if settings.verify else ", whose certificate is not checked"


def _directory(client: Client, rooms: List[str]) -> RoomDirectory:
    directory = RoomDirectory()
    try:
        directory.replace(find_rooms(client, rooms))
    except HipChatError:
        pass  # each room is looked at for itself
    return directory


class _Webhooks(NamedTuple):
    """Which webhooks a room should have: whose, and for which events of the config."""

    ownership: Ownership
    events: List[str]

    def look(self, client: Client, room: str, room_id: int) -> Findings:
        webhooks = list(client.items("room", room_id, "webhook"))
        others = Counter(filter(None, map(self.ownership.other_public_url, webhooks)))
        if others:
            where = ", ".join(f"{count} for {url}" for url, count in sorted(others.items()))
            yield Finding(False, f"room {room}: it has webhooks with this config's signature for "
                          f"another webhook.public_url ({where}). If no other sensor with this "
                          "token is there, run hipchat.remove_webhooks; the sensor makes its own "
                          "again.")
        present = [self.ownership.urls.read(str(webhook.get("url"))) for webhook in webhooks]
        lacking = [event for event in self.events
                   if Address(EVENTS[event].hipchat, room_id) not in present]
        if lacking:
            yield Finding(False, f"room {room}: it has no webhook of the sensor's for "
                          f"{', '.join(lacking)}. The sensor makes them while it runs, or its log "
                          "tells why it cannot.")


def _room(client: Client, key: Any, room: str, webhooks: Optional[_Webhooks]) -> Findings:
    try:
        found = client.ask("GET", "room", key)
        if found.get("is_archived"):
            yield Finding(False, f"room {room}: it is archived. Run hipchat.unarchive_room, or "
                          "take it out of the config.")
            return
        findings = list(webhooks.look(client, room, found["id"])) if webhooks else []
    except HipChatError as error:
        yield Finding(False, f"room {room}: {error}")
        return
    yield from findings or [Finding(True, f"room {room}: its id is {found['id']}")]


def _listener(settings: SensorSettings, hipchat_answers: bool) -> Findings:
    url, timeout = health_url(settings.public_url), settings.api.timeout
    try:
        status, report = ask(details_url(settings.public_url, settings.secret)
                             if settings.secret else url, settings, timeout)
        is_stranger = status == 404
        if is_stranger:
            status, report = ask(url, settings, timeout)
    except Untrusted:
        yield Finding(False, f"listener: the TLS certificate at {url} is not trusted here. See "
                      "that HipChat trusts it.")
    except Unanswered as error:
        yield Finding(False, f"listener: nobody answers at {url} ({error}). See that the sensor "
                      "runs (st2 sensor list; st2sensorcontainer.log), that webhook.port is open, "
                      "and that webhook.public_url leads there.")
    else:
        if status == 403 and settings.allow_from:
            yield Finding(True, f"listener: webhook.allow_from keeps this host from {url}")
        elif report is None:
            yield Finding(False, f"listener: what answers at {url} is not the sensor (HTTP "
                          f"{status}). Correct webhook.public_url, or the proxy before the sensor.")
        elif is_stranger and hipchat_answers:
            yield Finding(False, f"listener: the sensor at {url} runs with another token or secret "
                          "than this config's. Register the config (st2ctl reload "
                          "--register-configs), and see its log.")
        else:
            yield from _report(url, report, hipchat_answers)


def _report(url: str, report: Dict[str, Any], hipchat_answers: bool) -> Findings:
    """Pass on what the sensor reports: its problems as its log has them, causes first."""
    troubles = report.get("details", report["reasons"] if "addon" in report else [])
    for trouble in troubles:
        yield Finding(False, f"listener: {trouble}")
    if not troubles:
        yield Finding(True, f"listener: the sensor answers at {url} (as seen from here)")
    # While HipChat does not answer, nothing is known of them.
    if hipchat_answers and not any(trouble.startswith("HipChat: ") for trouble in troubles):
        wanted, present = (report["webhooks"].get(key) for key in ("wanted", "present"))
        # No fault by itself: with many rooms they take their time.
        more = "" if wanted == present else "; the sensor makes the others as HipChat lets it"
        yield Finding(True, f"webhooks: {wanted} wanted, {present} present{more}")
