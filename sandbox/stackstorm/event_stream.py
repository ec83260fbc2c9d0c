"""StackStorm's event stream: server-sent events of executions that change."""

import json
from typing import Any, Dict, Iterator, List

import eventlet
from eventlet.queue import Empty, Queue
from werkzeug.wrappers import Request, Response

EVENT = "st2.execution__update"
HEARTBEAT_SECONDS = 25


class EventStream:
    """Sends each change to the current clients, and stores nothing."""

    def __init__(self) -> None:
        self._queues: List["Queue"] = []

    def publish(self, execution: Dict[str, Any]) -> None:
        """Send an execution that has changed."""
        text = f"event: {EVENT}\ndata: {json.dumps(execution)}\n\n"
        for queue in self._queues:
            queue.put(text.encode())

    def respond(self, request: Request) -> Response:
        """Respond to GET /v1/stream; the response ends when the client disconnects."""
        # Send each event immediately: by default the server waits for 4 KiB.
        request.environ["eventlet.minimum_write_chunk_size"] = 1
        return Response(self._events(), content_type="text/event-stream; charset=UTF-8")

    def _events(self) -> Iterator[bytes]:
        queue: "Queue" = eventlet.Queue()
        self._queues.append(queue)
        try:
            yield b"\n"
            while True:
                try:
                    yield queue.get(timeout=HEARTBEAT_SECONDS)
                except Empty:
                    yield b"\n"
        finally:
            self._queues.remove(queue)
