"""Rooms in which people talk, and whether a sensor has read their history."""
from support.waiting import wait_until

ROOMS = ("Factor", "Ops", "Sales")
OPTIONS = tuple(option for room in ROOMS for option in ("--room", room))  # of the sandbox's HipChat


def starter(hipchat, start_ready):
    """Start a StackStorm for the rooms; return once it has read the history of each."""
    def start(rooms=ROOMS, **more):
        stackstorm = start_ready(hipchat, rooms=list(rooms), **more)
        wait_until(lambda: is_sure(stackstorm, len(rooms)))
        return stackstorm

    return start


def is_sure(stackstorm, rooms=1):
    """Whether it has read the history of so many rooms and no check is pending."""
    history = stackstorm.health().get("history", {"rooms": 0})
    return history["rooms"] >= rooms and not history["doubtful"]


def say(hipchat, room, count, word="missed"):
    said = [f"{word} {number} in {room}" for number in range(count)]
    for text in said:
        hipchat.people.say(room, "Ann", text)
    return said
