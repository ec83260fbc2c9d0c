"""Reads an event stream; prints for each event the longest stop of the loop before it, in ms."""
import eventlet

eventlet.monkey_patch(os=True, select=True, socket=True, thread=True, time=True)

import sys
import time

from listening.commands.event_stream import follow

TICK = 0.001  # seconds


class _Ticker:
    """Measures the longest stop of the loop, in seconds."""

    def __init__(self):
        self.longest = 0.0

    def run(self) -> None:
        last = time.monotonic()
        while True:
            eventlet.sleep(TICK)
            now = time.monotonic()
            self.longest, last = max(self.longest, now - last), now


def main() -> None:
    ticker = _Ticker()
    eventlet.spawn_n(ticker.run)
    for _ in follow(sys.argv[1], {}, lambda: print("reading", sys.argv[1], flush=True)):
        eventlet.sleep(2 * TICK)  # until the stop is counted
        print(1000 * ticker.longest, flush=True)
        ticker.longest = 0.0


main()
