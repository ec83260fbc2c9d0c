"""`python -m sandbox rule`: whether a rule would fire, why not, and what it would send."""
import json

import pytest
import yaml
from support import REPOSITORY

from sandbox import rule
from sandbox.sample_event import sample_body

SEND = {"ref": "hipchat.send", "parameters": {"room": "Factor", "message": "received"}}


@pytest.fixture
def attempt(tmp_path, run_command):
    """Try a rule: a file's name, or what is to stand in it; returns (status, all its output)."""
    def attempt(file, *options):
        path = REPOSITORY / "rules" / f"{file}.yaml"
        if isinstance(file, dict):
            path = tmp_path / "rule.yaml"
            path.write_text(yaml.safe_dump(dict({"name": "toy", "action": SEND}, **file)))
        return run_command(rule, path, *options)

    return attempt


def on(event="message", criteria=None, action=SEND, **parameters):
    """A rule's definition."""
    trigger = {"type": "hipchat." + event, "parameters": parameters}
    return {"trigger": trigger, "criteria": criteria or {}, "action": action}


ONLY_17 = {"trigger.item.message.from.id": {"type": "equals", "pattern": 17}}


class TestRuleThatFires:
    """Exit status 0, and all that leads to the action."""

    def test_shows_what_was_captured_and_what_would_be_sent(self, attempt):
        status, output = attempt("ping_pong", "--say", "ping hello")
        assert status == 0
        assert output == """\
rule       hipchat.ping_pong (disabled)
event      Ann in Factor: ping hello
trigger    hipchat.message with room "Factor", filter "ping (.*)"
           captures matches ["hello"]
criterion  trigger.message regex "^ping ": yes, it is "ping hello"
action     hipchat.send
           room: "Factor"
           message: "pong hello"
           color: "green"

It fires.
"""

    @pytest.mark.parametrize("event, say", [
        ("message", "x"), ("notification", "x"), ("topic_change", "x"), ("enter", None),
        ("exit", None), ("archived", None), ("unarchived", None), ("created", None),
        ("deleted", None), ("file_upload", None)])
    def test_can_be_on_any_event(self, attempt, event, say):
        options = ["--say", say] if say else []
        status, output = attempt(on(event, room="Factor"), "--event", event, *options)
        assert status == 0, output

    @pytest.mark.parametrize("file, options, shown", [
        ("enter", ["--user", "Dora"], "Dora entered the room"),
        (on(criteria=ONLY_17), ["--say", "x", "--user-id", "17"], "it is 17"),
        (on(action={"ref": "core.local", "parameters": {"cmd": "echo {{ trigger.message }}"}}),
         ["--say", "hello"], "(another pack's: its parameters are not checked)\n"
                             '           cmd: "echo hello"'),
        ("build", ["--say", "build web"], "The build of web"),
        ("ping_pong", ["--say", "ping {{ st2kv }}"],
         r'message: "pong \u200b{\u200b{ st2kv }\u200b}"')],
        ids=["its own event", "for a person", "another pack's action", "workflow", "guarded text"])
    def test_shows(self, attempt, file, options, shown):
        status, output = attempt(file, *options)
        assert (status, shown in output) == (0, True), output


class TestRuleThatTakesCharactersOut:
    """It fires, with a warning."""

    @pytest.mark.parametrize("template, named", [
        ("{{ trigger.message | replace('\\n', '') }}", "replace"),
        ("{{ trigger.message | regex_replace('x', '') }}", "regex_replace"),
        ("<b>{{ trigger.message | striptags | upper }}</b>", "striptags"),
        ("{{ trigger.matches[0] | from_json_string }}", "from_json_string"),
        ("{{ trigger.message.replace('x', '') }}", "replace()"),
        ("{{ trigger.message[::2] }}", "a slice with a step"),
        ("{% if trigger.message | striptags %}x{% endif %}", "striptags")])
    def test_is_warned_of(self, attempt, template, named):
        action = {"ref": "core.echo", "parameters": {"deep": {"list": [template]}, "x": "y"}}
        status, output = attempt(on(action=action, filter="(.*)"), "--say", "1")
        warning, = [line for line in output.splitlines() if line.startswith("warning")]
        assert status == 0 and f"{named} in deep: " in warning

    @pytest.mark.parametrize("template", [
        "{{ trigger.message }}", "{{ trigger.matches[0] }}", "{{ trigger.message | upper }}",
        "{{ trigger.message | truncate(9) }}", "{{ trigger.message[1:] }}",
        "{{ 'a b' | replace('a', 'b') }}", "replace this", "{% raw %}x"])
    def test_which_takes_none_is_not(self, attempt, template):
        action = {"ref": "core.echo", "parameters": {"text": template}}
        assert "warning" not in attempt(on(action=action, filter="(.*)"), "--say", "hi")[1]


class TestRuleThatDoesNotFire:
    """Exit status 1, and the reason with the value that was seen."""

    @pytest.mark.parametrize("file, options, reason", [
        ("ping_pong", ["--say", "hello"], 'the filter "ping (.*)" is not found in "hello"'),
        ("ping_pong", ["--say", "I ping you"],
         'trigger.message regex "^ping " does not hold, it is "I ping you"'),
        ("ping_pong", ["--say", "ping x", "--room", "Ops"],
         'the room is "Ops", and the rule is for "Factor"'),
        ("ping_pong", ["--say", "ping x", "--event", "notification"],
         "the event is notification, and the rule is for message"),
        (on(), ["--say", "x", "--room", "Ops"],
         'the room "Ops" is not among the config\'s rooms, ["Factor"]'),
        (on("archived"), [], "archived is not among the config's events"),
        (on(criteria=ONLY_17), ["--say", "x"], "from.id equals 17 does not hold, it is 2002"),
    ])
    def test_says_why(self, attempt, file, options, reason):
        status, output = attempt(file, *options)
        assert (status, "It does not fire: " in output) == (1, True)
        assert reason in output

    def test_names_every_criterion_that_does_not_hold(self, attempt):
        criteria = {"trigger.message": {"type": "startswith", "pattern": "a"},
                    "trigger.message#2": {"type": "endswith", "pattern": "b"}}
        status, output = attempt(on(criteria=criteria), "--say", "c")
        assert (status, output.count("does not hold, it is")) == (1, 2)

    def test_applies_to_the_rooms_of_the_given_config(self, attempt, tmp_path):
        config = yaml.safe_load((REPOSITORY / "hipchat.yaml.example").read_text())
        file = tmp_path / "hipchat.yaml"
        file.write_text(yaml.safe_dump(dict(config, rooms=["Ops"])))
        options = ["--say", "x", "--config", file, "--room"]
        assert attempt(on(), *options, "Ops")[0] == 0
        assert attempt(on(), *options, "Factor")[0] == 1


class TestRuleThatIsWrong:
    """Exit status 2, and what is wrong."""

    @pytest.mark.parametrize("definition, what", [
        (on(filter="ping ("), "does not compile"),
        (on("enter", filter="x"), "carries no text"),
        (on(rooms="Factor"), "'rooms'"),
        (on("massage"), "no trigger type 'hipchat.massage'"),
        (on(criteria={"trigger.message": {"type": "matches", "pattern": "x"}}), "'matches'"),
        (on(criteria={"trigger.item.none": {"type": "regex", "pattern": "x"}}), "fails on null"),
        (on(action={"ref": "hipchat.shout", "parameters": {}}), "no action 'hipchat.shout'"),
        (on(action=dict(SEND, parameters={"massage": "x"})), "'massage' was unexpected"),
        (on(action=dict(SEND, parameters={"message": "{{ trigger.matches[0] }}"})), "message"),
        ({"trigger": {}}, "type"),
    ])
    def test_says_what_is_wrong(self, attempt, definition, what):
        status, output = attempt(definition, *([] if "enter" in str(definition) else
                                               ["--say", "x"]))
        assert (status, "This is wrong: " in output) == (2, True), output
        assert what in output

    def test_needs_something_to_be_said(self, attempt):
        assert attempt("ping_pong") == (2, "\nThis is wrong: the event message needs --say TEXT.\n")

    def test_needs_a_file_that_is_there(self, attempt):
        status, output = attempt("none", "--say", "x")
        assert (status, "cannot read" in output) == (2, True)


def message(text, date="2018-03-01T09:30:00.000000+00:00", **more):
    return dict({"id": f"id of {text}", "date": date, "message": text, "type": "message",
                 "from": {"id": 1, "name": "Ann", "mention_name": "Ann", "links": {}},
                 "mentions": []}, **more)


MESSAGES = [message("ping one"), message("hello"), message("ping \x1b[2J two"),
            message("ping", type="notification", **{"from": "Bot"}),
            message("a file", file={"name": "x"}), message("Lunch", type="topic")]


class TestRuleOnWhatWasSaid:
    """--history: each message of a room's history, and the count."""

    @pytest.fixture
    def try_on(self, attempt, tmp_path):
        """Try a rule on what a file holds: an object, or text."""
        def try_on(rule, found, *options):
            file = tmp_path / "history.json"
            file.write_text(found if isinstance(found, str) else json.dumps(found))
            return attempt(rule, "--history", file, *options)

        return try_on

    @pytest.mark.parametrize("found", [
        {"status": "succeeded", "result": {"exit_code": 0, "result": {
            "room": "Factor", "messages": MESSAGES}}},
        {"result": {"result": {"room": "1001", "messages": MESSAGES}}},
        {"items": MESSAGES, "startIndex": 0}, MESSAGES])
    def test_says_for_each_whether_it_would_have_fired(self, try_on, found):
        assert try_on("ping_pong", found) == (0, """\
fires  2018-03-01 09:30  Ann in Factor: ping one
no     2018-03-01 09:30  Ann in Factor: hello
       the filter "ping (.*)" is not found in "hello"
fires  2018-03-01 09:30  Ann in Factor: ping  [2J two
no     2018-03-01 09:30  Bot notified Factor: ping
       the event is notification, and the rule is for message
no     2018-03-01 09:30  Ann changed the topic of Factor: Lunch
       the event is topic_change, and the rule is for message

It fires for 2 of 5 events.
""")

    def test_takes_webhook_bodies_one_a_line_or_in_a_list(self, try_on):
        bodies = [sample_body("enter", "Factor", "Dora"),
                  sample_body("message", "Ops", "Ann", 7, "x")]
        lines = "\n".join(map(json.dumps, bodies))
        for found in (bodies, lines):
            status, output = try_on("enter", found)
            assert status == 0 and "Dora entered Factor" in output
            assert output.endswith("It fires for 1 of 2 events.\n")

    def test_compares_dates_with_when_it_was_said(self, try_on):
        young = {"trigger.item.message.date": {"type": "timediff_lt", "pattern": 300}}
        assert try_on(on(criteria=young), MESSAGES[:1])[1].endswith("It fires for 1 of 1 event.\n")

    @pytest.mark.parametrize("rule_room, named, options, count", [
        ("1001", "Factor", [], 1), ("Factor", "1001", [], 1), ("Ops", "Factor", [], 0),
        ("Ops", "Factor", ["--room", "Ops"], 1), ("1002", "1001", [], 0)])
    def test_takes_the_room_for_the_rules_unless_it_is_another(self, try_on, rule_room, named,
                                                               options, count):
        found = {"result": {"room": named, "messages": MESSAGES[:1]}}
        output = try_on(on(room=rule_room), found, *options)[1]
        assert output.endswith(f"It fires for {count} of 1 event.\n")

    def test_says_where_stackstorm_fails(self, try_on):
        on_null = {"trigger.item.message.color": {"type": "regex", "pattern": "x"}}
        status, output = try_on(on(criteria=on_null), MESSAGES[:2])
        assert status == 2 and "fails on null" in output
        assert output.endswith("It fires for 0 of 2 events, and fails for 2.\n")

    @pytest.mark.parametrize("found, words", [
        ("{", "cannot read"), ({"result": {"error": "no"}}, "is neither"), ([1], "is neither"),
        ([], "contains no message"), ("[" * 99999, "cannot read"),
        ([{"item": {}, "event": []}], "contains no")])
    def test_needs_a_history_or_bodies(self, try_on, found, words):
        status, output = try_on("ping_pong", found)
        assert (status, words in output) == (2, True), output
