"""On a real StackStorm: how long HipChat waits for its 204."""
from benchmarks.platform_rates import waits as rows

__all__ = ["rows"]
