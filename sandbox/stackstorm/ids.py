"""IDs and times in StackStorm's form."""

import uuid
from datetime import datetime, timezone


def new_id() -> str:
    """Return an ID of 24 hexadecimal digits, as StackStorm's database does."""
    return uuid.uuid4().hex[:24]


def now() -> str:
    """Return the current time in UTC, e.g. 2026-01-02T10:11:12.123456Z."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
