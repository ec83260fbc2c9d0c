"""Gives the sensor access to StackStorm's API: the URLs, and a service token."""
from datetime import timedelta
from typing import Dict

import eventlet
from oslo_config import cfg
from st2common.services.access import create_token
from st2common.util.api import get_full_public_api_url
from st2common.util.date import get_datetime_utc_now

from chatops.accounts import Platform
from chatops.errors import StackStormError
from listening import timing

__all__ = ["platform"]

ANYWHERE = ("", "0.0.0.0", "::")  # a service on these addresses is also at 127.0.0.1


def platform() -> Platform:
    """Return the StackStorm that runs this sensor, with an account: its system user."""
    token = _ServiceToken()
    return Platform(
        api_url=get_full_public_api_url(), headers=token.headers, renew=token.renew,
        username=cfg.CONF.system_user.user, has_authentication=cfg.CONF.auth.enable,
        stream_url=_stream_url())


def _stream_url() -> str:
    """Return the URL of StackStorm's event stream, from section [stream] of st2.conf."""
    cfg.CONF.register_opts([cfg.StrOpt("host", default="127.0.0.1"),
                            cfg.IntOpt("port", default=9102)], group="stream")
    stream = cfg.CONF.stream
    host = "127.0.0.1" if stream.host in ANYWHERE else stream.host
    return f"http://{host}:{stream.port}/v1/stream"


class _ServiceToken:
    """Creates a service token for StackStorm's API, and a new one before it expires."""

    def __init__(self) -> None:
        self._headers: Dict[str, str] = {}
        self._renew_at = get_datetime_utc_now()

    def headers(self) -> Dict[str, str]:
        """Return the HTTP headers with the token; {} if StackStorm's authentication is disabled.

        Raises:
            StackStormError: StackStorm's database cannot store a token.
        """
        if cfg.CONF.auth.enable and get_datetime_utc_now() >= self._renew_at:
            ttl = cfg.CONF.auth.service_token_ttl
            try:
                with eventlet.Timeout(timing.DATABASE_TIMEOUT, TimeoutError("no answer in time")):
                    token = create_token(username=cfg.CONF.system_user.user, ttl=ttl, service=True)
            except Exception as error:
                raise StackStormError("the request for a service token",
                                      message=f"{type(error).__name__} of its database") from error
            self._headers = {"X-Auth-Token": token.token}
            lead = timedelta(seconds=min(timing.TOKEN_RENEWAL_LEAD, ttl / 2))
            self._renew_at = token.expiry - lead
        return self._headers

    def renew(self) -> None:
        """Create a new token for the next call, because StackStorm refused the current token."""
        self._renew_at = get_datetime_utc_now()
