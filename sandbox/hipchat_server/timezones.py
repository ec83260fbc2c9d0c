"""Time zones by their names, e.g. Europe/Berlin."""

import datetime

import sys

if sys.version_info >= (3, 9):
    from zoneinfo import ZoneInfo
else:
    from backports.zoneinfo import ZoneInfo

from sandbox.hipchat_server.errors import ApiError


def timezone(name: str) -> datetime.tzinfo:
    """Find a time zone, or raise HipChat's 400."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ApiError(400, f"Value u'{name}' for field 'timezone' is not a timezone",
                       field="timezone", value=name) from error
