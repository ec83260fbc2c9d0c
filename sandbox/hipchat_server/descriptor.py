"""Fetches and checks an add-on's descriptor."""

import base64
import json
import re
from typing import Any, Dict
from urllib.parse import unquote

import requests
import urllib3

from sandbox.hipchat_server.errors import ApiError
from sandbox.hipchat_server.models import SCOPES
from sandbox.hipchat_server.schemas import BOOLEAN, EVENTS, body, choice, text
from sandbox.hipchat_server.validation import validate

TIMEOUT_SECONDS = 10
LARGEST = 1024 * 1024

AUTHENTICATION = choice("jwt", "none")
URLS = ("callbackUrl", "updateCallbackUrl", "installedUrl", "updatedUrl", "uninstalledUrl")
WEBHOOK = body(
    "url", "event", url=text(1), event=choice(*EVENTS), pattern=text(), name=text(),
    key=text(1, 40, pattern=r"^[a-zA-Z0-9_\-.]+$"), authentication=AUTHENTICATION)
CAPABILITIES = body(
    hipchatApiConsumer=body(
        "scopes", scopes={"type": "array", "items": choice(*SCOPES)}, fromName=text(),
        avatar={"anyOf": [text(), body("url", url=text(), **{"url@2x": text()})]}),
    installable=body(allowGlobal=BOOLEAN, allowRoom=BOOLEAN, **dict.fromkeys(URLS, text(1))),
    configurable=body("url", url=text(1), authentication=AUTHENTICATION,
                      allowAccessToRoomAdmins=BOOLEAN),
    webhook={"type": "array", "items": WEBHOOK})
DESCRIPTOR = body(
    "key", "name", "description", "links", key=text(1), name=text(1), description=text(),
    links=body("self", self=text(1), homepage=text()), capabilities=CAPABILITIES,
    vendor={**body("name", "url", name=text(), url=text()), "additionalProperties": False},
    apiVersion=text(pattern=r"^\d+:\d+$"))


def fetch(url: str) -> Dict[str, Any]:
    """Return the descriptor at an http, https or data URL; raise ApiError if it is invalid."""
    try:
        descriptor = json.loads(_text_of(url))
    except ValueError as error:
        raise ApiError(400, f"There is no descriptor at {url}: it is not JSON: {error}") from error
    validate(descriptor, DESCRIPTOR)
    installable = _capability(descriptor, "installable", {})
    if "callbackUrl" not in installable:
        raise ApiError(400, "The descriptor has no capabilities.installable.callbackUrl. The "
                            "sandbox installs add-ons from server to server only.")
    for hook in hooks(descriptor):
        _check_pattern(hook.get("pattern", ""))
    return descriptor


def scopes(descriptor: Dict[str, Any]) -> Any:
    """Return the scopes that the add-on requests."""
    return tuple(_capability(descriptor, "hipchatApiConsumer", {}).get("scopes", ()))


def sender_name(descriptor: Dict[str, Any]) -> str:
    """Return the sender's name of the add-on's notifications."""
    consumer = _capability(descriptor, "hipchatApiConsumer", {})
    return consumer.get("fromName") or descriptor["name"]


def callback(descriptor: Dict[str, Any], name: str = "callbackUrl") -> Any:
    """Return the URL of one of its callbacks, or None."""
    return _capability(descriptor, "installable", {}).get(name)


def allows(descriptor: Dict[str, Any], in_a_room: bool) -> bool:
    """Return whether the add-on may be installed in one room, or for the whole group."""
    installable = _capability(descriptor, "installable", {})
    return installable.get("allowRoom" if in_a_room else "allowGlobal", True)


def hooks(descriptor: Dict[str, Any]) -> Any:
    """Return the webhooks that the descriptor declares."""
    return [{name: value for name, value in hook.items() if name in WEBHOOK["properties"]}
            for hook in _capability(descriptor, "webhook", [])]


def _capability(descriptor: Dict[str, Any], name: str, default: Any) -> Any:
    return descriptor.get("capabilities", {}).get(name, default)


def _check_pattern(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ApiError(400, f"A webhook's pattern must be a regular expression: {error}") from error


def _text_of(url: str) -> str:
    scheme, _, rest = url.partition(":")
    if scheme == "data":
        kind, _, text = rest.partition(",")
        return (base64.b64decode(text, validate=True) if kind.endswith(";base64")
                else unquote(text).encode()).decode()
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(url, timeout=TIMEOUT_SECONDS, stream=True)
            content = answer.raw.read(LARGEST + 1, decode_content=True)
    except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
        raise ApiError(400, f"The descriptor at {url} cannot be fetched: {error}") from error
    if answer.status_code != 200 or len(content) > LARGEST:
        raise ApiError(400, f"The descriptor at {url} cannot be fetched: it answers "
                            f"{answer.status_code} with {len(content)} bytes")
    return content.decode()
