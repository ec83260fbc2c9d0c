"""What is raised while nothing can be dispatched."""

__all__ = ["RetryLater", "ServiceUnavailable"]


class RetryLater(Exception):
    """A delivery cannot be dispatched now, for what is wrong with a part ("rooms").

    summary is for /health, detail for the operator's log.
    """

    def __init__(self, part: str, summary: str, detail: str):
        self.part, self.summary, self.detail = part, summary, detail
        super().__init__(f"{part}: {summary}. {detail}")


class ServiceUnavailable(RetryLater):
    """Nothing at all can be dispatched now; part ("broker", "database", "HipChat") is what is away.
    """
