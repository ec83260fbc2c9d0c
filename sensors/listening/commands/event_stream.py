"""Reads StackStorm's event stream, which reports the ends of executions.

The stream contains the results of all executions of StackStorm, also of 9 MB. The sensor needs
only the head of an event, so the rest is dropped as it arrives.
"""
import contextlib
import json
import re
from http.client import HTTPConnection, HTTPSConnection
from typing import Any, Callable, Dict, Iterable, Iterator, NamedTuple, Optional
from urllib.parse import urlencode, urlsplit

import eventlet

from listening import timing

__all__ = ["ALIASES", "Event", "EXECUTIONS", "follow", "read_events"]

EXECUTIONS = "st2.execution__update"
ALIASES = "st2.actionalias__"
QUERY = urlencode({"events": f"{EXECUTIONS},{ALIASES}*"})
HEAD = 65536  # bytes of an event that are parsed
PIECE = 65536  # bytes of one read
_DECODER = json.JSONDecoder()
_NAME = re.compile(r'\s*[{,]\s*"((?:[^"\\]|\\.)*)"\s*:\s*')  # of a member; escapes stay escaped
_END = re.compile(r"\s*[,}]")  # of a member; without it, a number may have more digits


class Event(NamedTuple):
    """An event of StackStorm's event stream.

    Attributes:
        name: the event's type, such as EXECUTIONS.
        body: the execution or alias, with the members that fit into the event's first HEAD bytes.
        is_whole: whether these are all members.
    """

    name: str
    body: Dict[str, Any]
    is_whole: bool


def follow(url: str, headers: Dict[str, str], connected: Callable[[], None]) -> Iterator[Event]:
    """Connect to the event stream; yield its events from now on, until the stream ends.

    Args:
        headers: authenticate the reader.
        connected: called when the stream has begun.

    Raises:
        OSError, http.client.HTTPException: the stream cannot be read, or is silent for too long.
    """
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.netloc, timeout=timing.STREAM_CONNECT_TIMEOUT)
    with contextlib.closing(connection):
        connection.request("GET", f"{parts.path}?{QUERY}", headers=headers)
        connection.sock.settimeout(timing.STREAM_SILENCE_TIMEOUT)
        response = connection.getresponse()
        if response.status != 200 or not response.headers.get(
                "Content-Type", "").startswith("text/event-stream"):
            raise OSError(f"{url} answered {response.status} {response.reason}, no event stream")
        connected()
        # read1() returns the bytes that have arrived; `requests` waits until a piece is full.
        yield from read_events(iter(lambda: response.read1(PIECE), b""))


def read_events(pieces: Iterable[bytes]) -> Iterator[Event]:
    """Yield the events in the pieces of a stream of server-sent events (HTML standard).

    An event is an `event` line, a `data` line and an empty line, as StackStorm writes them.
    """
    head, size, last = bytearray(), 0, b""
    for piece in pieces:
        eventlet.sleep(0)  # let other greenlets run, even if the next piece has arrived
        if last == b"\n" == piece[:1]:  # the end of an event is split between two pieces
            piece = b"\n" + piece
        last = piece[-1:]
        *ended, rest = piece.split(b"\n\n")
        for part in ended:
            event = _event(bytes(head + part[:HEAD - len(head)]), size + len(part))
            head, size = bytearray(), 0
            if event:
                yield event
        head += rest[:max(0, HEAD - len(head))]
        size += len(rest)


def _event(head: bytes, size: int) -> Optional[Event]:
    """Parse the head of an event of `size` bytes; return None if its data are no JSON object."""
    lines = dict(line.partition(b": ")[::2] for line in head.strip(b"\n").split(b"\n"))
    text = lines.get(b"data", b"").decode("utf-8", "ignore")
    if not text.startswith("{"):
        return None
    return Event(lines.get(b"event", b"").decode("utf-8", "replace"), _members(text), size <= HEAD)


def _members(text: str) -> Dict[str, Any]:
    """Return the complete members of a JSON object whose end may be cut off."""
    found: Dict[str, Any] = {}
    name = _NAME.match(text)
    with contextlib.suppress(ValueError):  # the text is cut off here
        while name:
            value, position = _DECODER.raw_decode(text, name.end())
            if _END.match(text, position):
                found[name.group(1)] = value
            name = _NAME.match(text, position)
    return found
