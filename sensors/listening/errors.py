<<<<<<< Updated upstream
"""The errors that keep a delivery in the spool until it can be dispatched."""
=======
"""Raised while nothing can be dispatched."""
>>>>>>> Stashed changes

__all__ = ["RetryLater", "ServiceUnavailable"]


class RetryLater(Exception):
<<<<<<< Updated upstream
    """A delivery cannot be dispatched now, and must be retried.

    Args:
        part: the part with the problem ("rooms").
        summary: the problem, for /health.
        detail: the problem and its remedy, for the operator's log.
    """
=======
    """A delivery cannot be dispatched now, and may be later."""
>>>>>>> Stashed changes

    def __init__(self, part: str, summary: str, detail: str):
        """Args:
            part: the part of the sensor that has the problem ("rooms").
            summary: words for /health, which anybody can read.
            detail: words for the operator's log.
        """
        self.part, self.summary, self.detail = part, summary, detail
        super().__init__(f"{part}: {summary}. {detail}")


class ServiceUnavailable(RetryLater):
<<<<<<< Updated upstream
    """No delivery can be dispatched now: a service ("broker", "database", "HipChat") is down."""
=======
    """No delivery can be dispatched now: part ("broker", "database", "HipChat") is away."""
>>>>>>> Stashed changes
