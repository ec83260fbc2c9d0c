"""Errors after which a delivery waits in the spool, and is dispatched again later."""

__all__ = ["RetryLater", "ServiceUnavailable"]


class RetryLater(Exception):
    """One delivery cannot be dispatched now, and must be retried.

    Attributes:
        part: the part of the sensor that /health shows with the problem, such as "rooms".
        summary: the problem, for /health.
        detail: the problem and its remedy, for the operator's log.
    """

    def __init__(self, part: str, summary: str, detail: str):
        self.part, self.summary, self.detail = part, summary, detail
        super().__init__(f"{part}: {summary}. {detail}")


class ServiceUnavailable(RetryLater):
    """A service ("broker", "database", "HipChat") is down, so no delivery can be dispatched."""
