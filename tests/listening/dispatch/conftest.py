"""The dispatcher and its queues over a real spool."""
import pytest
from support.dispatching import Bench


@pytest.fixture
def bench(tmp_path, tasks):
    return Bench(tmp_path)


@pytest.fixture
def pauses(bench, monkeypatch):
    """The pauses between attempts, in seconds; they take no time."""
    return bench.shorten_pauses(monkeypatch)
