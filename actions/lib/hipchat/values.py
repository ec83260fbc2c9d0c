"""Validates IDs and dates from HipChat's JSON. Callers use the returned value, not the raw one."""
from datetime import datetime, timezone
from typing import Any, Optional

__all__ = ["iso_date", "message_id", "positive_id", "unix_time"]

LARGEST_ID = 2 ** 63 - 1
LONGEST_MESSAGE_ID = 100  # characters; HipChat's are UUIDs of 36
LATEST_DATE = 253402300799.0  # the end of the year 9999, in Unix time
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def positive_id(value: Any) -> Optional[int]:
    """Return the ID of a room or a person as an integer; None if the value is no valid ID.

    A positive integer of up to 63 bits is valid, and a string of its digits.
    """
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 19:
        value = int(value)
    return value if type(value) is int and 1 <= value <= LARGEST_ID else None


def message_id(value: Any) -> str:
    """Return a message ID (a string, or an integer) as a string; "" if the value cannot be one."""
    if type(value) is int:
        value = str(value) if abs(value) <= LARGEST_ID else ""
    return value if isinstance(value, str) and len(value) <= LONGEST_MESSAGE_ID else ""


def unix_time(date: Any) -> Optional[float]:
    """Return a date of HipChat's as Unix time; None if the date is invalid or before 1970.

    Args:
        date: a string in ISO 8601 (in UTC if it names no time zone), or a number: Unix time.
    """
    if isinstance(date, (int, float)) and not isinstance(date, bool):
        return float(date) if 0 <= date <= LATEST_DATE else None
    try:
        read = datetime.fromisoformat(str(date).replace("Z", "+00:00"))
        seconds = ((read if read.tzinfo else read.replace(tzinfo=timezone.utc)) -
                   EPOCH).total_seconds()
    except (ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds <= LATEST_DATE else None


def iso_date(date: Any) -> str:
    """Return a date of HipChat's in ISO 8601 in UTC, with microseconds; "" if it is invalid."""
    seconds = unix_time(date)
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="microseconds")
