"""The rules that come with the pack: each does what it says, and none runs for ever."""
import uuid

import jinja2
import pytest
import yaml
from support import REPOSITORY
from support.servers import Hipchat, Stackstorm
from support.waiting import wait_until

FILES = sorted((REPOSITORY / "rules").glob("*.yaml"))
ANSWERING = ["hipchat.enter", "hipchat.exit", "hipchat.notification", "hipchat.ping_pong",
             "hipchat.topic_change"]


@pytest.fixture(scope="module")
def hipchat():
    """A HipChat with the samples' room and another; the rule build names Anna's and Berta's ids."""
    with Hipchat("--room", "Factor", "--room", "Ops", "--user", "Anna",
                 "--user", "Berta") as server:
        yield server


@pytest.fixture(scope="module")
def stackstorm(hipchat, tmp_path_factory):
    process = Stackstorm(tmp_path_factory.mktemp("stackstorm"), hipchat, rooms=["Factor", "Ops"])
    wait_until(process.has_its_webhooks)
    yield process
    process.stop()


@pytest.fixture
def enable(stackstorm):
    """Enable sample rules, for the test."""
    enabled = []

    def switch(ref, to):
        definition = stackstorm.api("GET", "/v1/rules/" + ref)
        stackstorm.api("PUT", "/v1/rules/" + ref, json=dict(definition, enabled=to))

    def enable(*refs):
        for ref in refs:
            switch(ref, True)
            enabled.append(ref)

    yield enable
    for ref in enabled:
        switch(ref, False)


def example(name):
    rule = yaml.safe_load((REPOSITORY / "rules" / (name + ".yaml")).read_text("utf-8"))
    assert rule["enabled"] is False
    return rule


@pytest.fixture
def add_copy(stackstorm):
    """Add an enabled copy of an example: add_copy("mirror", action={...}, parameters={...})."""
    refs = []

    def add(name, action=None, parameters=None):
        rule = example(name)
        event = rule["trigger"]["type"].partition(".")[2]
        refs.append(stackstorm.add_rule(event, parameters or rule["trigger"]["parameters"],
                                        rule["criteria"], action or rule["action"]))

    yield add
    for ref in refs:
        stackstorm.remove_rule(ref)


class Room:
    """A room from here on: what is new in it, and when all of that is done."""

    def __init__(self, hipchat, stackstorm, name):
        self.name = name
        self._people, self._stackstorm = hipchat.people, stackstorm
        self._before = len(self._people.transcript(name))

    def say(self, text):
        self._people.say(self.name, "Ann", text)

    def act(self, event, **more):
        self._people.act(self.name, "Ann", event, **more)

    def answers(self):
        """(text, color) of each notification that is new."""
        return [(line["what"], line["color"])
                for line in self._people.transcript(self.name)[self._before:]
                if line["type"] == "notification"]

    def settle(self):
        """Wait until everything that follows from what happened has happened.

        A marker takes the path of all events, in order: once StackStorm has it, it has all earlier
        events. If the room then has nothing new, the rules are done.
        """
        while True:
            seen = len(self._people.transcript(self.name))
            marker = "marker " + uuid.uuid4().hex
            self._people.say(self.name, "Marker", marker)
            wait_until(lambda: self._is_processed(marker))
            wait_until(lambda: all(execution["status"] in ("succeeded", "failed") for execution in
                                   self._stackstorm.api("GET", "/v1/executions")))
            if len(self._people.transcript(self.name)) == seen + 1:
                return

    def _is_processed(self, message):
        instances = self._stackstorm.api("GET", "/v1/triggerinstances", params={
            "trigger": "hipchat.message"})
        return any(instance["payload"]["message"] == message and
                   instance["status"] == "processed" for instance in instances)


@pytest.fixture
def factor(hipchat, stackstorm):
    return Room(hipchat, stackstorm, "Factor")


@pytest.fixture
def ops(hipchat, stackstorm):
    return Room(hipchat, stackstorm, "Ops")


class TestPingPong:
    """hipchat.ping_pong"""

    def test_answers_ping_hello_with_pong_hello_in_green(self, enable, factor):
        enable("hipchat.ping_pong")
        factor.say("ping hello")
        factor.settle()
        assert factor.answers() == [("pong hello", "green")]

    @pytest.mark.parametrize("text", [
        "pong hello", "sleeping well", "I say ping hello", "Ping hello", "pinghello", "ping",
        " ping hello"])
    def test_is_silent_on_anything_else(self, enable, factor, text):
        enable("hipchat.ping_pong")
        factor.say(text)
        factor.settle()
        assert factor.answers() == []

    @pytest.mark.parametrize("what", [
        "ping ping", "☃ \U0001f389", "a \"quoted\" 'word'", "x" * 9995, "7 * 7"])
    def test_answers_with_the_very_text(self, enable, factor, what):
        enable("hipchat.ping_pong")
        factor.say("ping " + what)
        factor.settle()
        assert factor.answers() == [("pong " + what, "green")]

    def test_answers_in_its_room_alone(self, enable, factor, ops):
        enable("hipchat.ping_pong")
        ops.say("ping hello")
        ops.settle()
        assert ops.answers() == factor.answers() == []


class TestPingPongAnywhere:
    """hipchat.ping_pong_anywhere"""

    @pytest.mark.parametrize("place", ["factor", "ops"])
    def test_answers_in_the_room_where_it_was_said(self, enable, factor, ops, place):
        enable("hipchat.ping_pong_anywhere")
        room, other = (factor, ops) if place == "factor" else (ops, factor)
        room.say("ping hello")
        room.settle()
        assert room.answers() == [("pong hello", "green")]
        assert other.answers() == []

    @pytest.mark.parametrize("text", ["pong hello", "I say ping hello", "ping ", "ping\nhello"])
    def test_is_silent_on_anything_else(self, enable, ops, text):
        enable("hipchat.ping_pong_anywhere")
        ops.say(text)
        ops.settle()
        assert ops.answers() == []

    @pytest.mark.parametrize("what", ["ping ping", "☃", "a \"quoted\" 'word'", "x" * 9995])
    def test_answers_with_the_very_text(self, enable, ops, what):
        enable("hipchat.ping_pong_anywhere")
        ops.say("ping " + what)
        ops.settle()
        assert ops.answers() == [("pong " + what, "green")]


class TestTelling:
    """hipchat.notification, enter, exit and topic_change"""

    def test_notification_repeats_a_notification_and_not_its_own(self, enable, factor):
        enable("hipchat.notification")
        factor.act("notification", message="the disk is full", color="red")
        factor.settle()
        assert factor.answers() == [("the disk is full", "red"),
                                    ("Notification received the disk is full", "gray")]

    def test_notification_answers_the_longest_too(self, enable, factor):
        enable("hipchat.notification")
        factor.act("notification", message="x" * 10000)
        factor.settle()
        assert len(factor.answers()) == 2
        assert factor.answers()[1][0].startswith("Notification received xxx")

    def test_enter_names_the_person(self, enable, factor):
        enable("hipchat.enter")
        factor.act("enter")
        factor.settle()
        assert factor.answers() == [("Ann entered the room", "gray")]

    def test_exit_names_the_person(self, enable, factor):
        enable("hipchat.exit")
        factor.act("exit")
        factor.settle()
        assert factor.answers() == [("Ann exited the room", "gray")]

    def test_topic_change_repeats_the_new_topic(self, enable, factor):
        enable("hipchat.topic_change")
        factor.act("topic_change", topic="Lunch at 12")
        factor.settle()
        assert factor.answers() == [("Room topic changed to Lunch at 12", "gray")]

    def test_topic_change_answers_an_empty_and_the_longest_topic(self, enable, factor):
        enable("hipchat.topic_change")
        for topic in ("", "x" * 250):
            factor.act("topic_change", topic=topic)
        factor.settle()
        assert sorted(text for text, _ in factor.answers()) == [
            "Room topic changed to ", "Room topic changed to " + "x" * 250]


class TestAllAtOnce:
    """No rule answers itself, nor do any of them keep each other going."""

    def test_everything_that_happens_comes_to_an_end(self, enable, factor):
        enable(*ANSWERING)
        for event in ("enter", "exit"):
            factor.act(event)
        factor.act("topic_change", topic="ping pong")
        factor.act("notification", message="ping pong")
        factor.say("ping Notification received")
        factor.settle()
        answers = ["Ann entered the room", "Ann exited the room", "Room topic changed to ping pong",
                "ping pong", "pong Notification received"]
        assert sorted(text for text, _ in factor.answers()) == sorted(
            answers + ["Notification received " + text for text in answers])

    def test_both_ping_pongs_answer_a_ping_each_once(self, enable, factor):
        enable("hipchat.ping_pong", "hipchat.ping_pong_anywhere")
        factor.say("ping ping ping")
        factor.settle()
        assert factor.answers() == [("pong ping ping", "green")] * 2

    def test_a_user_who_imitates_an_answer_starts_no_loop(self, enable, factor):
        enable(*ANSWERING)
        factor.act("notification", message="Notification received nothing")
        factor.say("pong ping hello")
        factor.settle()
        assert factor.answers() == [("Notification received nothing", "yellow")]


class TestWorkedExamples:
    """hipchat.greet, mirror and build"""

    def test_greet_welcomes_a_person_in_private(self, add_copy, hipchat, factor):
        add_copy("greet")
        hipchat.people.act("Factor", "Clara", "enter")
        factor.settle()
        assert [line["what"] for line in hipchat.people.inbox("Clara")] == [
            'Welcome to Factor. Say "build" and a project to build it.']
        assert factor.answers() == []

    def test_two_rooms_that_mirror_each_other_come_to_rest(self, add_copy, hipchat, factor, ops):
        add_copy("mirror")
        back = example("mirror")["action"]
        add_copy("mirror", dict(back, parameters=dict(back["parameters"], room="Factor")),
               {"room": "Ops"})
        hipchat.people.act("Factor", "CI", "notification", message="<b>green</b>", color="green")
        for room in (factor, ops, factor):
            room.settle()
        assert factor.answers() == [("<b>green</b>", "green")]
        assert ops.answers() == [("From Factor: <b>green</b>", "green")]
        assert hipchat.people.transcript("Ops")[-2]["format"] == "html"

    @pytest.mark.parametrize("message", [{}, {"color": None, "message_format": None}])
    def test_mirror_takes_a_notification_without_a_color(self, message):
        given = example("mirror")["action"]["parameters"]
        assert [jinja2.Template(given[name]).render(trigger={"item": {"message": message}})
                for name in ("color", "format")] == ["gray", "html"]

    @pytest.mark.parametrize("who, text, built", [
        ("Anna", "build web-2", ["The build of web-2"]), ("Mallory", "build web", []),
        ("Anna", "build web; rm -rf ~", []), ("Anna", "please build web", []),
        ("Anna", "build --help", []), ("Berta", "build {{ st2kv.system.secret }}", [])])
    def test_build_takes_names_of_projects_from_two_people(
            self, add_copy, hipchat, factor, who, text, built):
        message = example("build")["action"]["parameters"]["what"]
        add_copy("build", {"ref": "hipchat.send",
                           "parameters": {"room": "Factor", "message": message}})
        hipchat.people.say("Factor", who, text)
        factor.settle()
        assert [text for text, _ in factor.answers()] == built


class TestFiles:
    """The files as they are shipped."""

    @pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
    def test_are_disabled_and_say_how_to_enable_them(self, stackstorm, file):
        text = file.read_text()
        rule = yaml.safe_load(text)
        assert rule["enabled"] is False
        assert (rule["name"], rule["pack"]) == (file.stem, "hipchat")
        assert "st2 rule enable hipchat." + file.stem in text

    def test_are_registered_by_stackstorm(self, stackstorm):
        registered = {rule["ref"] for rule in stackstorm.api("GET", "/v1/rules")}
        assert {"hipchat." + file.stem for file in FILES} <= registered

    def test_do_nothing_as_they_are(self, factor):
        factor.say("ping hello")
        factor.act("enter")
        factor.act("notification", message="hello")
        factor.settle()
        assert factor.answers() == [("hello", "yellow")]
