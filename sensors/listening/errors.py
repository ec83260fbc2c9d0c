"""The errors that keep a delivery in the spool until it can be dispatched."""

__all__ = ["RetryLater", "ServiceUnavailable"]


class RetryLater(Exception):
    """A delivery cannot be dispatched now, and must be retried.

    Args:
        part: the part with the problem ("rooms").
        summary: the problem, for /health.
        detail: the problem and its remedy, for the operator's log.
    """

    def __init__(self, part: str, summary: str, detail: str):
        self.part, self.summary, self.detail = part, summary, detail
        super().__init__(f"{part}: {summary}. {detail}")


class ServiceUnavailable(RetryLater):
    """No delivery can be dispatched now: a service ("broker", "database", "HipChat") is down."""
