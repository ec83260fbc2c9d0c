"""A room in which people give commands, and the answers in it."""
import re

from support.waiting import wait_until


class Chat:
    """What people say in a room whose commands a sensor takes; stackstorm: that sensor's."""

    def __init__(self, hipchat, room):
        self.people, self.name = hipchat.people, room
        self.room_id = hipchat.room_id(room)
        self.ids = {name: self._id(hipchat, name) for name in ("Ann", "Bob")}
        self._seen = len(self.transcript())

    def _id(self, hipchat, name):
        self.people.say(self.name, name, "hello")
        return hipchat.api("GET", "/user/@" + name).json()["id"]

    def config(self, **chatops):
        """The section `chatops` for this room, in which Ann may do everything."""
        return dict({"rooms": [self.room_id],
                     "allow": [{"commands": ["*"], "people": [self.ids["Ann"]]}]}, **chatops)

    def start(self, start_stackstorm, hipchat, st2):
        """Start a sensor whose commands run in a played StackStorm; returns this room."""
        self.st2 = st2
        self.stackstorm = start_stackstorm(hipchat, chatops=self.config(**st2.config()))
        wait_until(lambda: self.stackstorm.webhooks(self.name) and st2.listeners)
        return self

    def transcript(self):
        return self.people.transcript(self.name)

    def say(self, text, person="Ann"):
        """Say something, and return its message id."""
        self._seen = len(self.transcript())
        return self.people.say(self.name, person, text)

    def lines(self):
        """The lines that came from the pack since something was said."""
        return [line for line in self.transcript()[self._seen:] if line["type"] == "notification"]

    def answers(self, count=1):
        """Their texts, once there are as many."""
        wait_until(lambda: len(self.lines()) >= count, what=f"line {count} of the answer")
        return [line["what"] for line in self.lines()]

    def ask(self, text, count=1, person="Ann"):
        """Say something; the texts of the answer, once there are as many."""
        self.say(text, person)
        return self.answers(count)

    def outcome(self, text, person="Ann"):
        """Say something; return the outcome in the sensor's log."""
        pattern = re.compile(f"message {self.say(text, person)}: (.+); alias (.+), executions")
        return wait_until(lambda: pattern.search(self.stackstorm.log()),
                          what="the log line of a command").group(1)

    def begin(self):
        """Give a command to the played StackStorm; its execution's id, once acknowledged."""
        before = len(self.st2.started())
        self.ask("!say hi")
        return self.st2.started()[before]["id"]

    def is_idle(self):
        """Whether no command waits for anything."""
        return self.stackstorm.health().get("commands", {"waiting": 1})["waiting"] == 0
