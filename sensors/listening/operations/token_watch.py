"""Reports in /health that the token for HipChat's API is about to expire."""
import eventlet

from hipchat.api.client import Client
from hipchat.api.rate_limit import CallBudget
from hipchat.check.token import expiry_warning
from hipchat.errors import HipChatError
from listening import timing
from listening.context import Context

__all__ = ["TokenWatch"]


class TokenWatch:
    """Warns in /health when the config's personal token (api_key) expires within two weeks."""

    def __init__(self, context: Context):
        self._context = context
        # Not within the sensor's call budget, which delays calls if there are many rooms.
        self._client = Client(context.settings.api._replace(rate_limit_wait=0), CallBudget(1.0))
        self._client.call_ended = context.health.metrics.call_ended

    def run(self) -> None:
        """Check periodically when the personal token expires; return if the config has none."""
        eventlet.sleep(timing.TOKEN_CHECK_DELAY)
        while self._context.settings.api.api_key:
            try:
                self._check()
            except HipChatError:  # the reconciler sets the problem
                eventlet.sleep(timing.TOKEN_RETRY_DELAY)
            else:
                eventlet.sleep(timing.TOKEN_CHECK_PERIOD)

    def _check(self) -> None:
        context = self._context
        warning = expiry_warning(self._client.token_info(), context.settings.api)
        if warning:
            context.health.set_problem("token", "it expires within two weeks", warning)
        else:
            context.health.clear_problem("token")
