"""Tasks that detect an expiring token, and that this process stood still."""
import time
from typing import Callable

import eventlet

from hipchat.api.client import Client
from hipchat.api.rate_limit import CallBudget
from hipchat.check.token import expiry_warning
from hipchat.config.api_settings import ApiSettings
from hipchat.errors import HipChatError
from listening import timing
from listening.operations.health import Health

__all__ = ["watch_stalls", "watch_token"]


def watch_token(settings: ApiSettings, health: Health) -> None:
    """Warn in /health when the config's personal token (api_key) expires within two weeks.

    Returns only if the config has no personal token.
    """
    # Not within the sensor's call budget, which delays calls if there are many rooms.
    client = Client(settings, CallBudget(1.0))
    client.call_ended = health.metrics.call_ended
    eventlet.sleep(timing.TOKEN_CHECK_DELAY)
    while settings.api_key:
        delay = timing.TOKEN_CHECK_PERIOD
        try:
            warning = expiry_warning(client.token_info(), settings)
            if warning:
                health.set_problem("token", "it expires within two weeks", warning)
            else:
                health.clear_problem("token")
        except HipChatError:  # the reconciler sets the problem
            delay = timing.TOKEN_RETRY_DELAY
        eventlet.sleep(delay)


def watch_stalls(request_check: Callable[[], None]) -> None:
    """Detect for ever that this process stood still: it was stopped, or its machine was paused.

    Args:
        request_check: reads all rooms' histories; called after a stall that was long enough to
            lose deliveries.
    """
    while True:
        began = time.monotonic()
        eventlet.sleep(timing.STALL_PERIOD)
        if time.monotonic() - began > timing.STALL_PERIOD + timing.STALL_DELAY:
            request_check()
