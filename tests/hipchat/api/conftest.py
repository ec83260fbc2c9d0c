"""A server that answers the API client as a test says."""
import pytest
from support.answering import AnsweringServer, answer


@pytest.fixture(scope="module")
def shared_server():
    with AnsweringServer() as server:
        yield server


@pytest.fixture
def server(shared_server, monkeypatch):
    """A server whose first requests are those of this test; retries come soon."""
    monkeypatch.setattr("hipchat.timing.RETRY_DELAYS", (0.01, 0.01))
    shared_server.answers, shared_server.requests = [answer(204)], []
    return shared_server
