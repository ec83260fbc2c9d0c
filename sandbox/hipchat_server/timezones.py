"""Time zones by their names, such as Europe/Berlin."""

import datetime
import functools
import sys
from typing import Dict

if sys.version_info >= (3, 9):
    from zoneinfo import ZoneInfo, available_timezones
else:
    from backports.zoneinfo import ZoneInfo, available_timezones

from sandbox.hipchat_server.errors import ApiError


def timezone(name: str) -> datetime.tzinfo:
    """Find a time zone, or raise HipChat's 400."""
    try:
        # HipChat accepted names in any case: Atlassian's own tests use "mst".
        return ZoneInfo(_names().get(name.lower(), name))
    except (KeyError, ValueError, OSError) as error:
        raise ApiError(400, f"Value u'{name}' for field 'timezone' is not a timezone",
                       field="timezone", value=name) from error


@functools.lru_cache(maxsize=None)
def _names() -> Dict[str, str]:
    """Return the names of all time zones, by their lower case."""
    return {name.lower(): name for name in available_timezones()}
