"""What is raised while StackStorm takes nothing."""

__all__ = ["Outage"]


class Outage(Exception):
    """StackStorm takes no trigger at all just now; part ("broker", "database") is what is away.

    summary is for /health, detail for the operator's log.
    """

    def __init__(self, part: str, summary: str, detail: str):
        self.part, self.summary, self.detail = part, summary, detail
        super().__init__("{}: {}. {}".format(part, summary, detail))
