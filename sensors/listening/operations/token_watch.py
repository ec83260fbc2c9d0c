"""Tells in /health when HipChat's token is about to end."""
import eventlet

from hipchat.check.token import expiry_warning
from hipchat.errors import HipChatError
from listening import timing
from listening.context import Context

__all__ = ["TokenWatch"]


class TokenWatch:
    """Asks HipChat now and then when the sensor's token ends; one of a personal account may."""

    def __init__(self, context: Context):
        self._context = context

    def run(self) -> None:
        """Ask for ever."""
        while True:
            try:
                self._check()
            except HipChatError:  # the reconciler sets the problem
                eventlet.sleep(timing.TOKEN_RETRY_DELAY)
            else:
                eventlet.sleep(timing.TOKEN_CHECK_PERIOD)

    def _check(self) -> None:
        context = self._context
        warning = expiry_warning(context.client.token_info(), context.settings.api)
        if warning:
            context.health.set_problem("token", "it ends within two weeks", warning)
        else:
            context.health.clear_problem("token")
