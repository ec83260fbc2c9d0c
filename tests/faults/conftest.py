"""Sensors in new rooms; the journal contains what they dispatch."""
import pytest
from support.load import signed_url


@pytest.fixture
def listen(hipchat, start_ready, journal):
    """Start a sensor that listens in so many new rooms; return it, and the signed URL by room."""
    def listen(count):
        rooms = [hipchat.make_room() for _ in range(count)]
        stackstorm = start_ready(hipchat, rooms=rooms, events=["message"], options=journal.options)
        return stackstorm, {room: signed_url(stackstorm, room) for room in rooms}

    return listen
