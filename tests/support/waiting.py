"""Waiting for a condition."""
import time


def wait_until(condition, seconds=60, what="the condition", sleep=time.sleep):
    """The first true value of the condition; fails the test if there is none in time."""
    waiting = time.monotonic()
    while True:
        asked = time.monotonic()
        value = condition()
        if value:
            return value
        assert asked < waiting + seconds, f"{what} did not come true in {seconds} s"
        sleep(pause_since(asked, waiting))


def pause_since(asked, waiting):
    """Seconds until one asks again, after asking since `asked` and waiting since `waiting`.

    To ask may not slow what is asked, and what took long may be seen a little late.
    """
    now = time.monotonic()
    return min(0.25, max(0.02, 5 * (now - asked), (now - waiting) / 4))
