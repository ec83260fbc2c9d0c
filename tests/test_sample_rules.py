"""The rules that come with the pack: each does what it says, and none runs for ever."""
import contextlib
import uuid

import jinja2
import pytest
import yaml
from support import REPOSITORY
from support.servers import Hipchat, Stackstorm
from support.waiting import wait_until

FILES = sorted((REPOSITORY / "rules").glob("*.yaml"))
OTHER_TEXT = ["pong hello", "sleeping well", "I say ping hello", "Ping hello", "pinghello", "ping",
              " ping hello"]


@pytest.fixture(scope="module")
def hipchat():
    """A HipChat with the samples' room and another; the rule build names Anna's and Berta's ids."""
    with Hipchat("--room", "Factor", "--room", "Ops", "--user", "Anna",
                 "--user", "Berta") as server:
        yield server


@pytest.fixture(scope="module")
def stackstorm(hipchat, tmp_path_factory):
    with Stackstorm(tmp_path_factory.mktemp("stackstorm"), hipchat,
                    rooms=["Factor", "Ops"]) as process:
        wait_until(process.has_its_webhooks)
        yield process


@pytest.fixture
def enable(stackstorm):
    """Enable sample rules, for the test."""
    def switch(name, to):
        path = "/v1/rules/hipchat." + name
        stackstorm.api("PUT", path, json=dict(stackstorm.api("GET", path), enabled=to))

    with contextlib.ExitStack() as switches:
        def enable(*names):
            for name in names:
                switch(name, True)
                switches.callback(switch, name, False)

        yield enable


def example(name):
    return yaml.safe_load((REPOSITORY / "rules" / (name + ".yaml")).read_text("utf-8"))


@pytest.fixture
def add_copy(stackstorm):
    """Add an enabled copy of an example: add_copy("mirror", action={...}, parameters={...})."""
    with contextlib.ExitStack() as rules:
        def add(name, action=None, parameters=None):
            rule = example(name)
            event = rule["trigger"]["type"].partition(".")[2]
            rules.callback(stackstorm.remove_rule, stackstorm.add_rule(
                event, parameters or rule["trigger"]["parameters"], rule["criteria"],
                action or rule["action"]))

        yield add


class Room:
    """A room from here on: what is new in it, and when all of that is done."""

    def __init__(self, hipchat, stackstorm, name):
        self.name = name
        self._people, self._stackstorm = hipchat.people, stackstorm
        self._before = len(self._people.transcript(name))

    def say(self, text, person="Ann"):
        self._people.say(self.name, person, text)

    def act(self, event, person="Ann", **more):
        self._people.act(self.name, person, event, **more)

    def answers(self):
        """(text, color) of each notification that is new, once all is done."""
        self.settle()
        return [(line["what"], line["color"])
                for line in self._people.transcript(self.name)[self._before:]
                if line["type"] == "notification"]

    def settle(self):
        """Wait until everything that follows from what happened has happened.

        A marker takes the path of all events, in order: once StackStorm has it, it has all earlier
        events. If the room then has nothing new, the rules are done.
        """
        for _ in range(20):
            seen = len(self._people.transcript(self.name))
            marker = "marker " + uuid.uuid4().hex
            self.say(marker, "Marker")
            wait_until(lambda: self._is_processed(marker))
            wait_until(lambda: all(execution["status"] in ("succeeded", "failed") for execution in
                                   self._stackstorm.api("GET", "/v1/executions")))
            if len(self._people.transcript(self.name)) == seen + 1:
                return
        raise AssertionError("the rules do not come to rest")

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


@pytest.mark.parametrize("rules", [
    ["ping_pong"], ["ping_pong_anywhere"], ["ping_pong", "ping_pong_anywhere"]], ids=", ".join)
def test_each_rule_answers_a_ping_with_its_very_text_in_its_room(enable, factor, ops, rules):
    enable(*rules)
    texts = ["hello", "ping ping", "☃ \U0001f389", "a \"quoted\" 'word'", "x" * 9995, "7 * 7"]
    for text in texts:
        factor.say("ping " + text)
    assert sorted(factor.answers()) == sorted(
        ("pong " + text, "green") for text in texts for _ in rules)
    assert ops.answers() == []


@pytest.mark.parametrize("rule, texts", [
    ("ping_pong", OTHER_TEXT), ("ping_pong_anywhere", [*OTHER_TEXT, "ping ", "ping\nhello"])])
def test_other_text_is_not_answered(enable, factor, rule, texts):
    enable(rule)
    for text in texts:
        factor.say(text)
    assert factor.answers() == []


@pytest.mark.parametrize("rule, answers", [
    ("ping_pong", []), ("ping_pong_anywhere", [("pong hello", "green")])])
def test_a_ping_in_another_room_is_answered_there_or_not_at_all(enable, factor, ops, rule, answers):
    enable(rule)
    ops.say("ping hello")
    assert ops.answers() == answers and factor.answers() == []


@pytest.mark.parametrize("rule, change, answers", [
    ("notification", {"message": "the disk is full", "color": "red"},
     [("the disk is full", "red"), ("Notification received the disk is full", "gray")]),
    ("notification", {"message": "x" * 10000},
     [("x" * 10000, "yellow"), ("Notification received " + "x" * 8997 + "...", "gray")]),
    ("enter", {}, [("Ann entered the room", "gray")]),
    ("exit", {}, [("Ann exited the room", "gray")]),
    *[("topic_change", {"topic": topic}, [("Room topic changed to " + topic, "gray")])
      for topic in ("Lunch at 12", "", "x" * 250)]])
def test_an_event_is_told_in_its_room(enable, factor, rule, change, answers):
    enable(rule)
    factor.act(rule, **change)
    assert factor.answers() == answers


def test_no_rule_answers_itself_and_none_keep_each_other_going(enable, factor):
    enable("enter", "exit", "notification", "ping_pong", "topic_change")
    for event in ("enter", "exit"):
        factor.act(event)
    factor.act("topic_change", topic="ping pong")
    factor.act("notification", message="ping pong")
    factor.say("ping Notification received")
    answers = ["Ann entered the room", "Ann exited the room", "Room topic changed to ping pong",
               "ping pong", "pong Notification received"]
    assert sorted(text for text, _ in factor.answers()) == sorted(
        answers + ["Notification received " + text for text in answers])


class TestWorkedExamples:
    """hipchat.greet, mirror and build"""

    def test_greet_welcomes_a_person_in_private(self, add_copy, hipchat, factor):
        add_copy("greet")
        factor.act("enter", "Clara")
        assert factor.answers() == []
        assert [line["what"] for line in hipchat.people.inbox("Clara")] == [
            'Welcome to Factor. Say "build" and a project to build it.']

    def test_two_rooms_that_mirror_each_other_come_to_rest(self, add_copy, hipchat, factor, ops):
        add_copy("mirror")
        back = example("mirror")["action"]
        add_copy("mirror", dict(back, parameters=dict(back["parameters"], room="Factor")),
                 {"room": "Ops"})
        factor.act("notification", "CI", message="<b>green</b>", color="green")
        factor.settle()
        ops.settle()
        assert hipchat.people.transcript("Ops")[-2]["format"] == "html"
        assert factor.answers() == [("<b>green</b>", "green")]
        assert ops.answers() == [("From Factor: <b>green</b>", "green")]

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
            self, add_copy, factor, who, text, built):
        message = example("build")["action"]["parameters"]["what"]
        add_copy("build", {"ref": "hipchat.send",
                           "parameters": {"room": "Factor", "message": message}})
        factor.say(text, who)
        assert [text for text, _ in factor.answers()] == built


class TestFiles:
    """The files as they are shipped."""

    @pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
    def test_are_disabled_and_say_how_to_enable_them(self, file):
        text = file.read_text("utf-8")
        rule = yaml.safe_load(text)
        assert rule["enabled"] is False
        assert (rule["name"], rule["pack"]) == (file.stem, "hipchat")
        assert "st2 rule enable hipchat." + file.stem in text

    def test_are_registered_by_stackstorm(self, stackstorm):
        registered = {rule["ref"] for rule in stackstorm.api("GET", "/v1/rules")}
        assert {"hipchat." + file.stem for file in FILES} <= registered
