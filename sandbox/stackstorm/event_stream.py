"""StackStorm's event stream: server-sent events of executions that change."""

import json
from typing import Any, Dict, Iterator, List

import eventlet
from eventlet.queue import Empty, Queue
from werkzeug.wrappers import Request, Response

EVENT = "st2.execution__update"
HEARTBEAT_SECONDS = 25


class EventStream:
    """Sends each change to whoever listens just then, and keeps nothing."""

    def __init__(self) -> None:
        self._queues: List["Queue"] = []

    def publish(self, execution: Dict[str, Any]) -> None:
        """An execution has changed."""
        text = f"event: {EVENT}\ndata: {json.dumps(execution)}\n\n"
        for queue in self._queues:
            queue.put(text.encode())

    def respond(self, request: Request) -> Response:
        """Answer GET /v1/stream; the response ends when the client goes."""
        # Otherwise the server would wait until there is more to send.
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
