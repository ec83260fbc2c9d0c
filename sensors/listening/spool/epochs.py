"""How deliveries are numbered so that some may come later and still go before others.

A number is an epoch and a place in it. The lower half of the places is left as room for what is
fetched later; what comes in the epoch is numbered behind it.
"""

__all__ = ["epoch_of", "has_come_in_it", "room_of"]

PLACES = 2 ** 32


def epoch_of(number: int) -> int:
    """The epoch of a delivery."""
    return number // PLACES


def room_of(epoch: int) -> range:
    """The numbers for deliveries that go before all that come in an epoch."""
    return range(epoch * PLACES, epoch * PLACES + PLACES // 2)


def has_come_in_it(number: int) -> bool:
    """Whether a delivery came in its epoch, and was not put before it."""
    return number not in room_of(epoch_of(number))
