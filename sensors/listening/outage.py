"""What is raised while nothing can be dispatched."""

__all__ = ["Outage"]


class Outage(Exception):
    """Nothing at all can be dispatched now; part ("broker", "database", "HipChat") is what is away.

    summary is for /health, detail for the operator's log.
    """

    def __init__(self, part: str, summary: str, detail: str):
        self.part, self.summary, self.detail = part, summary, detail
        super().__init__("{}: {}. {}".format(part, summary, detail))
