"""The table of the keys that the pack's config may have, with their validators and defaults.

config.schema.yaml lists the same keys for StackStorm, with the descriptions from which
docs/config.md is generated. A test compares the two.
"""
from typing import Any, NamedTuple, Union

from hipchat.config import validators as must_be
from hipchat.config.validators import ListOf, Validator
from hipchat.events import EVENTS

__all__ = ["KEYS", "REMOVED", "SECTIONS", "Key"]

DEFAULT_EVENTS = ["message", "notification", "enter", "exit", "topic_change"]
LONGEST_CATCH_UP = 7 * 86400  # seconds


class Key(NamedTuple):
    """A key of the pack's config.

    Attributes:
        name: the dotted name, with the section, such as webhook.port.
        check: the validator of the value, or of each item if the value is a list.
        default: the value to use if the key is absent, or its value is null or "".
    """

    name: str
    check: Union[Validator, ListOf]
    default: Any = None


KEYS = {key.name: key for key in (
    Key("api_key", must_be.token),
    Key("addon.enabled", must_be.boolean, False),
    Key("addon.credentials", must_be.addon),
    Key("addon.group", must_be.group),
    Key("oauth.id", must_be.token),
    Key("oauth.secret", must_be.token),
    Key("api_url", must_be.api_url),
    Key("rooms", must_be.ListOf(must_be.room), []),
    Key("events", must_be.ListOf(must_be.one_of(*sorted(EVENTS))), DEFAULT_EVENTS),
    Key("catch_up", must_be.number(LONGEST_CATCH_UP, least=0), 3600),
    Key("calls_share", must_be.number(1, least=0.01)),
    Key("default_room", must_be.room),
    Key("template_guard", must_be.boolean, True),
    Key("verify_tls", must_be.boolean, True),
    Key("ca_bundle", must_be.path),
    Key("timeout", must_be.number(600), 10),
    Key("rate_limit_wait", must_be.number(3600, least=0), 60),
    Key("webhook.public_url", must_be.url(must_be.PUBLIC_URL_EXAMPLE)),
    Key("webhook.host", must_be.text, "0.0.0.0"),
    Key("webhook.port", must_be.whole(65535), 8088),
    Key("webhook.secret", must_be.secret),
    Key("webhook.tls_certificate", must_be.path),
    Key("webhook.tls_key", must_be.path),
    Key("webhook.max_connections", must_be.whole(10000), 512),
    Key("webhook.allow_from", must_be.ListOf(must_be.network), []),
    Key("spool.directory", must_be.path, "/opt/stackstorm/exports/hipchat"),
    Key("spool.max_deliveries", must_be.whole(10 ** 9), 100000),
)}
# Sections whose keys are not in this table. Those of chatops are in chatops/settings.py.
SECTIONS = ("chatops",)
# Keys of earlier versions, each with the reason for its removal and the remedy.
REMOVED = {
    "nodes": "a second sensor stands by, and each node has the same config. Remove it; see "
             "docs/high-availability.md",
    "only_rooms": "one sensor serves all rooms. Remove it; see docs/high-availability.md"}
