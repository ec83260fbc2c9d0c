"""The ChatOps commands: each finds its one alias, and answers in words."""
import pytest
from support import REPOSITORY

from chatops.matching import formats_of
from chatops.result import render
from sandbox.stackstorm import platform_modules
from sandbox.stackstorm.pack import read

ALIASES = [read(file) for file in sorted((REPOSITORY / "aliases").glob("*.yaml"))]


@pytest.fixture(autouse=True)
def stackstorms_modules():
    """The filters of StackStorm, which a template may use."""
    platform_modules.install_base_classes()


def matches(command):
    """(alias, parameters) of each format that a command matches."""
    found = [(format.alias["name"], format.match(command))
             for alias in ALIASES for format in formats_of(alias)]
    return [(name, match.executions[0]) for name, match in found if match]


def answer(name, succeeded, result):
    """What ChatOps says of an execution, whose own result holds the action's."""
    return said(name, succeeded, {"result": result})


def said(name, succeeded, result):
    template = next(alias for alias in ALIASES if alias["name"] == name)["result"]["format"]
    execution = {"status": "succeeded" if succeeded else "failed", "result": result}
    return render(template, {"execution": execution}).strip()


@pytest.mark.parametrize("command, name, found", [
    ("hipchat send Factor hello there", "send", {"room": "Factor", "message": "hello there"}),
    ('hipchat send "War Room" hipchat rooms', "send",
     {"room": "War Room", "message": "hipchat rooms"}),
    ("hipchat topic Factor Lunch at 12", "topic", {"room": "Factor", "topic": "Lunch at 12"}),
    ("hipchat rooms", "rooms", {}),
    ("hipchat who is @Anna", "who_is", {"user": "@Anna"}),
    ("hipchat check", "check", {})])
def test_a_command_matches_exactly_one_alias(command, name, found):
    assert matches(command) == [(name, found)]


@pytest.mark.parametrize("text", [
    "hipchat", "hipchat send", "hipchat send Factor", "hipchat who", "hipchat rooms please",
    "please hipchat rooms", "hipchat checks", "let us talk about hipchat rooms"])
def test_other_text_matches_none(text):
    assert not matches(text)


@pytest.mark.parametrize("alias", ALIASES, ids=lambda alias: alias["name"])
def test_an_alias_runs_an_action_with_parameters_that_it_has(alias):
    action = read(REPOSITORY / "actions" / (alias["action_ref"].partition(".")[2] + ".yaml"))
    declared = action.get("parameters") or {}
    given = {name for format in formats_of(alias) for name in format.names}
    required = {name for name, schema in declared.items() if schema.get("required")}
    assert required <= given <= set(declared)
    assert alias["ack"]["format"]


@pytest.mark.parametrize("name, action, given, words", [
    ("send", "send", {"room": "Factor", "message": "hello"}, "Sent to Factor."),
    ("topic", "set_topic", {"room": "Factor", "topic": "Lunch"},
     "The topic of Factor is now: Lunch"),
    ("rooms", "list_rooms", {}, "2 rooms:\nFactor (1001)\nWar Room (1002)"),
    ("who_is", "get_user", {"user": "@SandboxOwner"},
     "Sandbox Owner (@SandboxOwner, sandboxowner@example.com, ID 2001) is offline.")])
def test_says_what_was_done(act, start_hipchat, name, action, given, words):
    config = {"api_url": start_hipchat("--room", "Factor", "--room", "War Room").url}
    assert answer(name, *act(action, config=config, **given)) == words


@pytest.mark.parametrize("presence, word", [
    ({"is_online": True, "show": "chat"}, "online"), ({"is_online": False}, "offline"),
    ({"show": "xa"}, "offline"), (None, "offline")])
def test_says_whether_a_person_is_online(presence, word):
    ann = {"id": 1, "name": "Ann", "mention_name": "Ann", "email": None, "presence": presence}
    assert said("who_is", True, {"result": ann}).endswith(f" is {word}.")


def test_the_url_of_the_addon_is_not_posted_in_a_room():
    lines = ["ok: config: complete", "TO DO: add-on: it is not installed. As an admin, choose to "
             "install, paste this: http://st2.example.com/hipchat/addon/Zm9v_-x/descriptor"]
    text = said("check", False, {"result": {"lines": lines, "error": lines[1]}})
    assert "complete" in text and "Zm9v" not in text and "st2 run hipchat.check shows" in text


def test_gives_the_lines_of_a_check(act):
    lines = answer("check", *act("check")).splitlines()
    assert lines[0] == "ok: config: complete" and len(lines) > 3


@pytest.mark.parametrize("name, action, given", [
    ("send", "send", {"room": "Nowhere", "message": "x"}),
    ("topic", "set_topic", {"room": "Nowhere", "topic": "x"}),
    ("who_is", "get_user", {"user": "@nobody"})])
def test_says_what_was_wrong(act, name, action, given):
    assert "HipChat answered 404" in answer(name, *act(action, **given))


@pytest.mark.parametrize("result", [{"result": None}, {"result": "None"}, {}], ids=str)
@pytest.mark.parametrize("name", [alias["name"] for alias in ALIASES])
def test_says_that_it_failed_even_without_a_result(name, result):
    assert said(name, False, result) == "It failed."
