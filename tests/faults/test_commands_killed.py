"""The sensor is killed while commands run: none runs twice, and none stays without an answer."""
import collections
import os
import random
import time

from support.chat import Chat
from support.missed import is_sure
from support.played_stackstorm import PlayedStackStorm
from support.waiting import wait_until

KILLS = int(os.environ.get("COMMAND_KILLS", 20))
AT_ONCE = 3  # commands before a kill, at most


def test_twenty_kills_while_commands_run(hipchat, start_stackstorm):
    st2 = PlayedStackStorm(ends_at_once=0.1)
    chat = Chat(hipchat, hipchat.make_room()).start(start_stackstorm, hipchat, st2)
    sensor = chat.stackstorm
    # Without a stored cursor, messages posted during a kill would not be backfilled.
    wait_until(lambda: is_sure(sensor), what="the first look at the room's history")
    words = []
    for number in range(KILLS):
        for _ in range(random.randrange(AT_ONCE + 1)):
            words.append(f"word{len(words)}.")
            chat.people.say(chat.name, "Ann", f"!say {words[-1]}")
        st2.ends_at_once = random.uniform(0.01, 0.3)
        time.sleep(random.uniform(0, 0.3))  # a random moment, and no condition
        sensor.process.kill()
        sensor.process.wait()
        sensor.start()
        wait_until(lambda: "commands" in sensor.health())
        if number % 3 == 0:  # the sensor refuses commands beyond 20 at a time
            _wait_for_answers(chat, words)
    _wait_for_answers(chat, words)
    wait_until(chat.is_idle)
    started = collections.Counter(each["parameters"]["words"][4:] for each in st2.started())
    assert started == {word: 1 for word in words}
    assert _answers(chat, words) == {word: 1 for word in words}
    st2.stop()


def _wait_for_answers(chat, words):
    """Some commands are found by the room's history alone, which takes longer than other waits."""
    wait_until(lambda: _answers(chat, words).keys() == set(words), seconds=60)


def _answers(chat, words):
    """How often each command's result stands in the room."""
    said = [line["what"] for line in chat.transcript() if line["type"] == "notification"]
    return collections.Counter(word for word in words for line in said
                               if line == f"@Ann say {word}")
