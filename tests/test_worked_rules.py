"""The worked examples among the rules: greet, mirror and build."""
import jinja2
import pytest
import yaml
from support import REPOSITORY
from support.servers import Hipchat, Stackstorm
from support.waiting import wait_until
from test_sample_rules import Room


@pytest.fixture(scope="module")
def hipchat():
    """A HipChat of its own: Anna and Berta have the ids that the rule build names."""
    server = Hipchat("--room", "Factor", "--room", "Ops", "--user", "Anna", "--user", "Berta")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def stackstorm(hipchat, tmp_path_factory):
    process = Stackstorm(tmp_path_factory.mktemp("stackstorm"), hipchat, rooms=["Factor", "Ops"])
    wait_until(process.has_its_webhooks)
    yield process
    process.stop()


def example(name):
    rule = yaml.safe_load((REPOSITORY / "rules" / (name + ".yaml")).read_text("utf-8"))
    assert rule["enabled"] is False
    return rule


@pytest.fixture
def enable(stackstorm):
    """Add an enabled copy of an example: enable("mirror", action={...}, parameters={...})."""
    refs = []

    def add(name, action=None, parameters=None):
        rule = example(name)
        event = rule["trigger"]["type"].partition(".")[2]
        refs.append(stackstorm.add_rule(event, parameters or rule["trigger"]["parameters"],
                                        rule["criteria"], action or rule["action"]))

    yield add
    for ref in refs:
        stackstorm.remove_rule(ref)


@pytest.fixture
def factor(hipchat, stackstorm):
    return Room(hipchat, stackstorm, "Factor")


@pytest.fixture
def ops(hipchat, stackstorm):
    return Room(hipchat, stackstorm, "Ops")


def test_greet_tells_who_enters_in_private(enable, hipchat, factor):
    enable("greet")
    hipchat.people.act("Factor", "Clara", "enter")
    factor.settle()
    assert [line["what"] for line in hipchat.people.inbox("Clara")] == [
        'Welcome to Factor. Say "build" and a project to build it.']
    assert factor.answers() == []


def test_two_rooms_that_mirror_each_other_come_to_rest(enable, hipchat, factor, ops):
    enable("mirror")
    back = example("mirror")["action"]
    enable("mirror", dict(back, parameters=dict(back["parameters"], room="Factor")),
           {"room": "Ops"})
    hipchat.people.act("Factor", "CI", "notification", message="<b>green</b>", color="green")
    for room in (factor, ops, factor):
        room.settle()
    assert factor.answers() == [("<b>green</b>", "green")]
    assert ops.answers() == [("From Factor: <b>green</b>", "green")]
    assert {line["format"] for line in hipchat.people.transcript("Ops")
            if line["type"] == "notification"} == {"html"}


@pytest.mark.parametrize("message", [{}, {"color": None, "message_format": None}])
def test_mirror_takes_a_notification_whose_color_is_not_told(message):
    given = example("mirror")["action"]["parameters"]
    assert [jinja2.Template(given[name]).render(trigger={"item": {"message": message}})
            for name in ("color", "format")] == ["gray", "html"]


@pytest.mark.parametrize("who, text, built", [
    ("Anna", "build web-2", ["The build of web-2"]), ("Mallory", "build web", []),
    ("Anna", "build web; rm -rf ~", []), ("Anna", "please build web", []),
    ("Anna", "build --help", []), ("Berta", "build {{ st2kv.system.secret }}", [])])
def test_build_heeds_two_people_and_the_names_of_projects(
        enable, hipchat, factor, who, text, built):
    told = example("build")["action"]["parameters"]["what"]
    enable("build", {"ref": "hipchat.send", "parameters": {"room": "Factor", "message": told}})
    hipchat.people.say("Factor", who, text)
    factor.settle()
    assert [text for text, _ in factor.answers()] == built
