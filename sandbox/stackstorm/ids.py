"""Identifiers and times in the platform's form."""

import uuid
from datetime import datetime, timezone


def new_id() -> str:
    """24 hexadecimal digits, as its database makes them."""
    return uuid.uuid4().hex[:24]


def now() -> str:
    """The time in UTC, e.g. 2026-01-02T10:11:12.123456Z."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
