"""The sandbox's StackStorm against the platform's semantics, with a tiny pack of its own."""

import functools
import json
import signal
import textwrap

import pytest
from support import processes
from support.servers import direct
from support.waiting import wait_until
from support.warm import WarmServer

from sandbox.stackstorm import config, criteria, parameters, templates
from sandbox.stackstorm.datastore import CryptoKeyNotSetupException, Datastore
from sandbox.stackstorm.errors import Invalid, Unsupported
from sandbox.stackstorm.schemas import Schema
from sandbox.stackstorm.triggers import Triggers, TriggerType
from sandbox.stackstorm.unknown import Unknown

TOY = {
    "pack.yaml": "{ref: toy, name: toy, version: 0.1.0}",
    "config.schema.yaml": """
        token: {type: string, required: true}
        inbox: {type: string}
        story: {type: string}
        nested: {type: object, properties: {port: {type: integer, default: 8088}}}
        """,
    "sensors/ears.yaml": """
        class_name: Ears
        entry_point: ears.py
        poll_interval: 0.01
        trigger_types:
          - name: said
            payload_schema:
              type: object
              additionalProperties: false
              properties:
                text: {type: string, required: true}
                room: {type: string}
        """,
    "sensors/ears.py": """
        import json
        from st2reactor.sensor.base import PollingSensor
        from st2common.persistence.trigger import Trigger
        from st2common.models.api.trigger import TriggerAPI

        class Ears(PollingSensor):
            def setup(self):
                self._inbox = open(self.config["inbox"])
                found = [TriggerAPI.from_model(each).to_dict()["ref"]
                         for each in Trigger.query(type__in=["toy.said"])]
                self.tell("setup", refs=found, port=self.config["nested"]["port"])

            def poll(self):
                for line in self._inbox:
                    order = json.loads(line)
                    try:
                        self.sensor_service.dispatch(**order)
                    except Exception as error:
                        self.tell("raised", error=repr(error))
                    else:
                        self.tell("dispatched")

            def tell(self, what, **more):
                with open(self.config["story"], "a") as story:
                    story.write(json.dumps(dict(more, what=what)) + "\\n")

            def cleanup(self):
                self.tell("cleanup")

            def add_trigger(self, trigger):
                if trigger["parameters"].get("room") == "missed of":
                    raise ValueError("no such room")
                self.tell("add", trigger=trigger)

            def update_trigger(self, trigger):
                self.tell("update", trigger=trigger)

            def remove_trigger(self, trigger):
                self.tell("remove", trigger=trigger)
        """,
    "actions/lib/toybox.py": "def loud(text): return text.upper()",
    "actions/answer.yaml": """
        name: answer
        runner_type: python-script
        entry_point: answer.py
        parameters:
          text: {type: string, required: true}
          times: {type: integer, default: 1}
          mood: {type: string, enum: [calm, cross], default: calm}
          fixed: {type: string, default: stays, immutable: true}
          note: {type: string}
          timeout: {default: 2}
        """,
    "actions/answer.py": """
        import eventlet
        from st2common.runners.base_action import Action
        from toybox import loud

        class Answer(Action):
            def run(self, text, times, mood, fixed, note):
                if text == "explode":
                    raise RuntimeError("boom")
                if text == "sleep":
                    eventlet.sleep(30)
                return mood == "calm", {"said": loud(text) * times, "note": note,
                                        "fixed": fixed, "token": self.config["token"]}
        """,
    "actions/chain.yaml": "{name: chain, runner_type: orquesta, entry_point: chain.yaml}",
    "rules/echo.yaml": """
        name: echo
        trigger: {type: toy.said, parameters: {room: Den}}
        criteria: {trigger.text: {type: regex, pattern: "^echo "}}
        action: {ref: toy.answer, parameters: {text: "{{ trigger.text }}!", times: "{{ 1 + 1 }}"}}
        """,
}


class Sandbox:
    """The toy pack in a sandbox process, seen from outside."""

    def __init__(self, directory, *options):
        self.directory = directory
        for name, text in TOY.items():
            file = directory / "pack" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(text))
        for name in ("inbox", "story", "journal"):
            (directory / name).touch()
        values = {"token": "secret", "inbox": str(directory / "inbox"),
                  "story": str(directory / "story")}
        (directory / "config.yaml").write_text(json.dumps(values))
        self.options = ["--pack", str(directory / "pack"), "--config",
                        str(directory / "config.yaml"), *options]
        self.session = direct()

    def __enter__(self):
        self._server = WarmServer(
            "stackstorm", *self.options, "--api-port", "0", "--journal",
            str(self.directory / "journal"), log_path=self.directory / "log", is_forked=True)
        processes.watch(self.directory / "log", "the toy pack's StackStorm", self)
        self.process, self.url = self._server._process, self._server.url()
        wait_until(lambda: self.story("setup"))
        return self

    def __exit__(self, *_):
        self.process.kill()  # it need not end in order
        self._server.stop()

    def call(self, method, path, status=200, **body):
        answer = self.session.request(method, self.url + path, json=body or None, timeout=60)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.text else None

    def lines(self, name):
        return [json.loads(line) for line in (self.directory / name).read_text().splitlines()]

    def story(self, what, ref=None):
        return [line for line in self.lines("story")
                if line["what"] == what and ref in (None, line.get("trigger", {}).get("ref"))]

    def dispatch(self, trigger, payload, **more):
        """Have the sensor dispatch; returns the error it got, or None."""
        def answers():
            return [line for line in self.lines("story")
                    if line["what"] in ("dispatched", "raised")]
        before = len(answers())
        with (self.directory / "inbox").open("a") as inbox:
            inbox.write(json.dumps(dict(more, trigger=trigger, payload=payload)) + "\n")
        return wait_until(lambda: answers()[before:])[0].get("error")

    def log(self):
        return (self.directory / "log").read_text()

    def put_rule(self, name, method="POST", room=None, **more):
        trigger = {"type": "toy.said", "parameters": {"room": room} if room else {}}
        rule = {"name": name, "pack": "toy", "trigger": trigger, "enabled": True,
                "action": {"ref": "toy.answer", "parameters": {"text": "hi"}}, **more}
        path = "/v1/rules" + ("/toy." + name if method == "PUT" else "")
        return self.call(method, path, 201 if method == "POST" else 200, **rule)

    def run_action(self, **given):
        started = self.call("POST", "/v1/executions", 201, action="toy.answer", parameters=given)

        def ended():
            execution = self.call("GET", "/v1/executions/" + started["id"])
            return execution if "end_timestamp" in execution else None
        return wait_until(ended)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with Sandbox(tmp_path_factory.mktemp("toy"), "--enable", "toy.echo") as toy:
        yield toy


def holds(operator, pattern, value):
    wanted = {"trigger.key": {"type": operator, "pattern": pattern}}
    criteria.check(wanted)
    return criteria.match(wanted, {"key": value, "other": 1})


class TestCriteria:
    """Operators, keys and patterns of rule criteria."""

    @pytest.mark.parametrize("operator, pattern, yes, no", [
        ("eq", "a", "a", "A"), ("equals", 1, 1, "1"), ("neq", "a", "b", "a"),
        ("nequals", "a", None, "a"), ("ieq", "A", "a", "b"), ("iequals", "É", "é", "e"),
        ("contains", "b", "abc", "ac"), ("contains", "b", ["a", "b"], ["ab"]),
        ("icontains", "B", "abc", "ac"), ("ncontains", "b", "ac", "abc"),
        ("incontains", "B", "ac", "abc"), ("startswith", "a", "ab", "ba"),
        ("istartswith", "A", "ab", "ba"), ("endswith", "b", "ab", "ba"),
        ("iendswith", "B", "ab", "ba"), ("in", ["a", "b"], "a", "c"),
        ("inside", ["a", None], None, "b"), ("nin", ["a"], None, "a"),
        ("ninside", ["a"], "b", "a"), ("lt", 2, 1, 2), ("lessthan", 2, 1, 3),
        ("gt", 2, 3, 2), ("greaterthan", 2, 3, 1), ("matchwildcard", "a*", "abc", "cab"),
        ("matchregex", "a.b", "a\nb", "xa\nb"), ("regex", "a.b", "xa-b", "a\nb"),
        ("iregex", "A$", "xa", "ab"), ("exists", True, "", None), ("nexists", True, None, ""),
        ("timediff_lt", 300, "2999-01-01T00:00:00", "2018-05-04T09:30:01+02:00"),
        ("timediff_gt", "300", "2018-05-04T09:30:01Z", "2999-01-01T00:00:00+00:00"),
        ("td_lt", 300, "2999-01-01T00:00:00", "2018-05-04T09:30:01+02:00"),
        ("td_gt", 300, "2018-05-04T09:30:01Z", "2999-01-01T00:00:00+00:00"),
    ])
    def test_operator(self, operator, pattern, yes, no):
        assert holds(operator, pattern, yes) is True
        assert holds(operator, pattern, no) is False

    @pytest.mark.parametrize("operator", sorted(set(criteria.OPERATORS) - {"search"}))
    def test_null_raises_but_for_operators_that_take_it(self, operator):
        if operator in ("eq", "equals", "neq", "nequals", "in", "inside", "nin", "ninside",
                        "exists", "nexists"):
            assert holds(operator, "none" if "eq" in operator else [], None) in (True, False)
        else:
            with pytest.raises((TypeError, AttributeError)):
                holds(operator, 1 if operator[:2] in ("lt", "gt", "le", "gr") else "a", None)

    @pytest.mark.parametrize("condition, expected", [
        ("any", True), ("all", False), ("any2any", True), ("all2any", True)])
    def test_search(self, condition, expected):
        wanted = {"trigger.people": {"type": "search", "condition": condition, "pattern": {
            "item.name": {"type": "eq", "pattern": "Ann"},
            "item.age#1": {"type": "gt", "pattern": 20},
            "item.age#2": {"type": "lt", "pattern": 60}}}}
        criteria.check(wanted)
        people = [{"name": "Ann", "age": 30}, {"name": "Bo", "age": 70}]
        assert criteria.match(wanted, {"people": people}) is expected

    @pytest.mark.parametrize("key, value", [
        ("trigger.item.name", "x"), ("trigger.list[1]", "b"), ("trigger.list[1]#again", "b"),
        ("trigger.list[7]", None), ("trigger.none.deeper", None), ("trigger.item.name.no", None),
        ("trigger['item'].name", "x"), ("trigger.list[*]", "a"), ("trigger.no[*].name", None),
        ("item.name", None)])
    def test_key(self, key, value):
        wanted = {key: {"type": "eq", "pattern": value} if value else
                  {"type": "nexists", "pattern": True}}
        criteria.check(wanted)
        payload = {"item": {"name": "x"}, "list": ["a", "b"], "none": None}
        assert criteria.match(wanted, payload)

    def test_all_criteria_must_hold(self):
        wanted = {"trigger.a": {"type": "eq", "pattern": 1},
                  "trigger.b": {"type": "eq", "pattern": 2}}
        assert criteria.match(wanted, {"a": 1, "b": 2})
        assert not criteria.match(wanted, {"a": 1, "b": 3})
        assert not criteria.match(wanted, {})
        assert criteria.match({}, {})

    @pytest.mark.parametrize("pattern, value", [
        ("{{ trigger.other }}", 1), ("{{ trigger.key }}", "x"), ("n {{ trigger.other }}", "n 1"),
        ("a{2}", "a{2}")])
    def test_pattern_is_rendered(self, pattern, value):
        assert holds("eq", pattern, value)

    def test_undefined_name_in_pattern_raises(self):
        with pytest.raises(TypeError, match="Undefined"):
            holds("eq", "{{ trigger.nothing }}", "x")

    @pytest.mark.parametrize("key, criterion, words", [
        ("trigger.a", {"type": "resembles", "pattern": 5}, "resembles"),
        ("trigger.a", {"type": "Regex", "pattern": "a"}, "Regex"),
        ("trigger.a", {"type": "exists"}, "pattern"),
        ("trigger.a b", {"type": "eq", "pattern": 1}, "no JSONPath"),
        ("trigger.a", {"type": "eq", "pattern": "{{ x | no_filter }}"}, "no_filter"),
    ])
    def test_refusal(self, key, criterion, words):
        with pytest.raises(Invalid, match=words):
            criteria.check({key: criterion})


def prepared(given, schemas, **context):
    return parameters.prepare(given, schemas, context)


class TestParameters:
    """Templates, casts and defaults of action parameters."""

    @pytest.mark.parametrize("template, expected", [
        ("{{ t.text | regex_match('PING', ignorecase=True) }}", "True"),
        ("{{ t.text | regex_search('pong') }}", "False"),
        ("{{ t.text | regex_replace('ping (.*)', 'pong \\\\1') }}", "pong a b"),
        ("{{ t.text | regex_substring('[a-z]+', 1) }}", "a"),
        ("{{ t.list | to_json_string }}", '[1,{"a": null}]'),
        ("{{ t.list | to_complex }}", '[1, {"a": null}]'),
        ("{{ t.list | to_yaml_string }}", "- 1\n- a: null\n"),
        ("{{ ('{\"a\": 1}' | from_json_string).a }}", "1"),
        ("{{ ('a: 1' | from_yaml_string).a }}", "1"),
        ("{{ 'a \"x\" b' | json_escape }}", 'a \\"x\\" b'),
        ("{{ '/a/b' | basename }}{{ '/a/b' | dirname }}", "b/a"),
        ("{{ t | jsonpath_query('list[*].a') }}{{ t | jsonpath_query('no') }}", "[None]None"),
        ("{{ 0 | to_human_time_from_seconds }} {{ 0.5 | to_human_time_from_seconds }}", "0s 0.5μs"),
        ("{{ 3720.4 | to_human_time_from_seconds }}", "1h2m0s"),
        ("{{ '1.2.3' | version_compare('1.10.0') }} {{ '1.2.3' | version_match('>=1.2.0') }}",
         "-1 True"),
        ("{{ '1.2.3' | version_bump_minor }} {{ '1.2.3' | version_strip_patch }}", "1.3.0 1.2"),
        ("{{ t.text | upper }}", "PING A B"),
        ("{% if t.text %}\nyes\n{% endif %}", "yes\n"),
        ("no template } }", "no template } }"),
        ("{{ not closed", "{{ not closed"),
    ])
    def test_template(self, template, expected):
        context = {"text": "ping a b", "list": [1, {"a": None}]}
        assert prepared({"p": template}, {"p": {"type": "string"}}, t=context)["p"] == expected

    def test_values_are_rendered_once(self):
        given = prepared({"p": "{{ t }}"}, {"p": {"type": "string"}}, t="{{ 7 * 7 }}")
        assert given == {"p": "{{ 7 * 7 }}"}

    @pytest.mark.parametrize("kind, template, expected", [
        ("integer", "{{ 2 }}", 2), ("number", "{{ 2 }}", 2.0), ("boolean", "{{ true }}", True),
        ("array", "{{ [1] }}", [1]), ("object", "{{ {'a': 1} }}", {"a": 1}),
        ("object", {"a": "{{ t }}", "b": 1}, {"a": "x", "b": 1}), ("array", ["{{t}}"], ["x"]),
        ("string", "{{ none | use_none }}", None), ("boolean", "{{ none | use_none }}", None),
        ("integer", None, None)])
    def test_cast(self, kind, template, expected):
        assert prepared({"p": template}, {"p": {"type": kind}}, t="x") == {"p": expected}

    @pytest.mark.parametrize("given, words", [
        ({"p": "{{ nothing }}"}, "'nothing' is undefined"),
        ({"p": "{{ t.nothing }}"}, "no attribute 'nothing'"),
        ({"p": "{{ p }}"}, "refers to itself"),
        ({"p": "{{ st2kv.system.secret }}"}, "datastore"),
        ({"p": "{{ t | regex_replace }}"}, "cannot render"),
        ({"p": 5}, "not a string"), ({"n": "many"}, "'n'"), ({"e": "c"}, "not one of"),
        ({"n": "{{ none | use_none }}"}, "'n': cannot take"),
        ({"q": "x"}, "'q' was unexpected"), ({"f": "x"}, "immutable"),
        ({}, "'p' is a required property")])
    def test_failure(self, given, words):
        schemas = {"p": {"type": "string", "required": True}, "n": {"type": "integer"},
                   "e": {"type": "string", "enum": ["a", "b"]},
                   "f": {"type": "string", "default": "y", "immutable": True}}
        with pytest.raises(Invalid, match=words):
            prepared({"p": "x", **given} if given else given, schemas, t={"a": 1})

    def test_defaults_fill_what_is_absent_or_null(self):
        schemas = {"a": {"type": "string", "default": "x"}, "b": {"type": "string"},
                   "c": {"type": "string", "default": "{{ config_context.key }}"},
                   "d": {"type": "string", "default": "{{ a }}!"}}
        assert prepared({"a": None}, schemas, config_context={"key": "k"}) == {
            "a": "x", "b": None, "c": "k", "d": "x!"}

    def test_filter_that_is_not_here_is_named(self):
        with pytest.raises(Invalid, match="no_filter"):
            templates.check({"a": [{"b": "{{ 1 | no_filter('>1') }}"}]})

    def test_what_only_a_real_datastore_knows_stays_an_expression(self):
        given = {"p": "key {{ st2kv.system.title.x | decrypt_kv }}", "n": "{{ st2kv.user['n'] }}"}
        schemas = {"p": {"type": "string"}, "n": {"type": "integer"}}
        assert prepared(given, schemas, st2kv=Unknown("st2kv")) == {
            "p": "key {{ st2kv.system.title.x }}", "n": "{{ st2kv.user.n }}"}


class TestSchemas:
    """The platform's dialect, in payloads and in the config."""

    SCHEMA = {"type": "object", "additionalProperties": False, "properties": {
        "name": {"type": "string", "required": True}, "age": {"type": "integer"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "home": {"type": "object", "properties": {"city": {"type": "string"}}}}}

    @pytest.mark.parametrize("instance", [
        {"name": "x"}, {"name": "x", "age": None}, {"name": "x", "home": {"city": None}}])
    def test_takes(self, instance):
        assert Schema(self.SCHEMA).clean(instance) == instance

    @pytest.mark.parametrize("instance, words", [
        ({}, "required"), ({"name": None}, "name: None"), ({"name": "x", "more": 1}, "more"),
        ({"name": "x", "age": True}, "age"), ({"name": "x", "tags": [None]}, "tags.0"),
        ({"name": "x", "home": {"city": 1}}, "home.city")])
    def test_refuses(self, instance, words):
        with pytest.raises(Invalid, match=words):
            Schema(self.SCHEMA).clean(instance)

    def test_list_of_required_names_has_no_effect(self):
        assert Schema({"type": "object", "required": ["a"]}).clean({}) == {}

    def test_config_gets_defaults_of_nested_objects(self):
        schema = {"a": {"type": "string", "default": "x"},
                  "b": {"type": "object", "properties": {"c": {"type": "integer", "default": 1},
                                                         "d": {"type": "integer"}}},
                  "e": {"type": "array", "items": {"type": "string"}}}
        assert config.complete({"z": 1}, schema) == {"a": "x", "b": {"c": 1}, "e": [], "z": 1}

    def test_config_refers_to_the_datastore_where_its_schema_says_secret(self, tmp_path):
        schema = {"a": {"type": "object", "properties": {"b": {"secret": True}, "c": {}}}}
        values, file = {"a": {"b": "{{ st2kv.system.x }}"}}, tmp_path / "datastore.json"
        store = Datastore(file)
        assert store.resolved(values, schema) == {"a": {"b": None}}
        store.set_secret("pack", "x", "a secret", secret=True)
        assert Datastore(file).resolved(values, schema) == {"a": {"b": "a secret"}}
        store.delete(store.get_by_scope_and_name("st2kv.system", "x"))
        assert Datastore(file).resolved(values, schema) == {"a": {"b": None}}

    @pytest.mark.parametrize("value", [
        {"c": "{{ st2kv.system.x }}"}, {"b": "{{ st2kv.user.x }}"}, {"b": ["{{ st2kv.system.x }}"]},
        {"b": "x {{ st2kv.system.x }}"}, {"b": "{{ st2kv.system.x | decrypt_kv }}"}])
    def test_config_cannot_refer_to_it_in_other_ways(self, value):
        schema = {"a": {"type": "object", "properties": {"b": {"secret": True}, "c": {}}}}
        with pytest.raises(Unsupported, match=r"config\.a\.[bc]"):
            Datastore().resolved({"a": value}, schema)

    def test_datastore_without_an_encryption_key_takes_no_secrets(self):
        with pytest.raises(CryptoKeyNotSetupException):
            Datastore(has_encryption_key=False).set_secret("pack", "x", "secret", secret=True)


class TestTriggers:
    """Triggers that rules share, and their events for the sensor."""

    @pytest.fixture
    def events(self):
        return []

    @pytest.fixture
    def triggers(self, events):
        triggers = Triggers(lambda event, trigger: events.append((event, trigger.ref)))
        triggers.add_type(TriggerType("toy", {"name": "said"}))
        return triggers

    def test_equal_parameters_share_a_trigger(self, triggers, events):
        first = triggers.acquire("toy.said", {"room": "Den"})
        assert triggers.acquire("toy.said", {"room": "Den"}) is first
        assert triggers.acquire("toy.said", {"room": "Hall"}) is not first
        assert [event for event, ref in events if ref == first.ref] == [
            "create", "update", "update"]

    def test_last_rule_deletes_the_trigger(self, triggers, events):
        first = triggers.acquire("toy.said", {"room": "Den"})
        triggers.acquire("toy.said", {"room": "Den"})
        del events[:]
        triggers.release(first)
        assert [event for event, _ in events] == ["update"]
        triggers.release(first)
        assert [event for event, _ in events] == ["update", "update", "delete"]

    def test_shadow_trigger_stays(self, triggers, events):
        shadow = triggers.acquire("toy.said", {})
        triggers.release(shadow)
        assert (shadow.ref, shadow.parameters, events) == ("toy.said", {}, [])
        assert triggers.query(type="toy.said") == [shadow]

    def test_trigger_dictionary(self, triggers):
        trigger = triggers.acquire("toy.said", {"room": "Den"}).to_dict()
        assert set(trigger) == {"uid", "ref", "name", "pack", "type", "parameters", "id"}
        assert trigger["ref"] == "toy." + trigger["name"]
        assert trigger["uid"].startswith("trigger:toy:" + trigger["name"])

    def test_type_with_parameters_needs_them(self, triggers):
        triggers.add_type(TriggerType("toy", {"name": "done", "parameters_schema": {
            "type": "object", "properties": {"what": {"type": "string"}}}}))
        with pytest.raises(Invalid, match="needs parameters"):
            triggers.acquire("toy.done", {})
        with pytest.raises(Invalid, match="there is no trigger"):
            triggers.acquire("toy.gone", {})


class TestSensor:
    """The toy sensor in a process of its own."""

    def test_gets_triggers_and_config(self, sandbox):
        setup = sandbox.story("setup")[0]
        assert setup["port"] == 8088 and len(setup["refs"]) == 2
        wait_until(lambda: {line["trigger"]["ref"] for line in sandbox.story("add")} >=
                   set(setup["refs"]))

    def test_gets_changes_of_triggers(self, sandbox):
        rule = sandbox.put_rule("change", room="Loft")
        ref = rule["trigger"]["ref"]
        wait_until(lambda: sandbox.story("add", ref) and sandbox.story("update", ref))
        updates = len(sandbox.story("update", ref))
        sandbox.put_rule("change", "PUT", room="Loft", enabled=False)
        wait_until(lambda: len(sandbox.story("update", ref)) > updates)
        assert not sandbox.story("remove", ref)
        sandbox.call("DELETE", "/v1/rules/toy.change", 204)
        wait_until(lambda: sandbox.story("remove", ref))

    def test_that_raises_gets_the_next_trigger(self, sandbox):
        bad = sandbox.put_rule("missed", room="missed of")
        good = sandbox.put_rule("received", room="Attic")
        wait_until(lambda: sandbox.story("add", good["trigger"]["ref"]))
        assert not sandbox.story("add", bad["trigger"]["ref"])
        assert "no such room" in sandbox.log()
        for name in ("missed", "received"):
            sandbox.call("DELETE", "/v1/rules/toy." + name, 204)

    def test_that_raises_in_the_replay_ends_it(self, tmp_path):
        rule = ("{{name: {0}, pack: toy, trigger: {{type: toy.said, parameters: {{room: {1}}}}},"
                " action: {{ref: toy.answer}}}}")
        for name, room in (("first", "missed of"), ("second", "Attic")):
            (tmp_path / name).write_text(rule.format(name, room))
        with Sandbox(tmp_path, "--rule", str(tmp_path / "first"),
                     "--rule", str(tmp_path / "second")) as toy:
            wait_until(lambda: "not replayed" in toy.log())
            assert len(toy.story("setup")[0]["refs"]) == 4
            assert len(toy.story("add")) == 2

    def test_wrong_payload_is_logged_and_dropped(self, sandbox):
        before = len(sandbox.lines("journal"))
        assert sandbox.dispatch("toy.said", {"text": None}) is None
        assert sandbox.dispatch("toy.gone", {"text": "x"}) is None
        assert len(sandbox.lines("journal")) == before
        assert "payload validation failed" in sandbox.log() and "'toy.gone'" in sandbox.log()
        assert sandbox.dispatch("toy.said", {}) is None
        assert "'text' is a required property" in sandbox.log()

    def test_event_passes_a_rule_to_its_action(self, sandbox):
        ref = sandbox.call("GET", "/v1/rules/toy.echo")["trigger"]["ref"]
        sandbox.dispatch(ref, {"text": "echo {{ 7 * 7 }}"}, trace_tag="tag")

        def ended():
            return [each for each in sandbox.call("GET", "/v1/executions?action=toy.answer")
                    if each.get("rule", {}).get("ref") == "toy.echo" and
                    each["status"] == "succeeded"]
        execution = wait_until(ended)[0]
        assert execution["parameters"] == {"text": "echo {{ 7 * 7 }}!", "times": 2}
        assert execution["result"]["result"] == {
            "said": "ECHO {{ 7 * 7 }}!" * 2, "note": None, "fixed": "stays", "token": "secret"}
        instance = sandbox.call("GET", "/v1/triggerinstances?limit=1&trigger=" + ref)[0]
        assert instance["payload"] == {"text": "echo {{ 7 * 7 }}"}
        assert instance["id"] == execution["trigger_instance"]["id"]
        assert sandbox.lines("journal")[-1] == {
            "trigger": ref, "payload": instance["payload"], "trace_tag": "tag"}

    def test_rule_that_fails_disturbs_no_other(self, sandbox):
        failing = {"trigger.room": {"type": "regex", "pattern": "x"}}
        sandbox.put_rule("failing", criteria=failing)
        sandbox.put_rule("working")
        sandbox.dispatch("toy.said", {"text": "x"})
        instance = sandbox.call("GET", "/v1/triggerinstances?limit=1")[0]

        def enforced():
            found = sandbox.call("GET", "/v1/ruleenforcements?trigger_instance=" + instance["id"])
            return len(found) == 2 and {each["rule"]["ref"]: each for each in found}
        by_rule = wait_until(enforced)
        assert by_rule["toy.failing"]["status"] == "failed"
        assert "TypeError" in by_rule["toy.failing"]["failure_reason"]
        assert by_rule["toy.working"]["status"] == "succeeded"
        assert "toy.failing fails" in sandbox.log()
        for name in ("failing", "working"):
            sandbox.call("DELETE", "/v1/rules/toy." + name, 204)

    @pytest.mark.parametrize("signal_, status, cleaned_up", [
        (signal.SIGINT, 0, True), (signal.SIGTERM, -signal.SIGTERM, False)])
    def test_end(self, tmp_path, signal_, status, cleaned_up):
        with Sandbox(tmp_path) as toy:
            toy.process.send_signal(signal_)
            assert toy.process.wait(60) == status
            assert bool(toy.story("cleanup")) is cleaned_up


class TestFaults:
    """The broker's ways to fail."""

    @pytest.fixture
    def fail(self, sandbox):
        """Let the broker fail in a way: fail(mode)."""
        fail = functools.partial(sandbox.call, "POST", "/sandbox/dispatch_faults")
        yield lambda mode: fail(mode=mode)
        fail(mode="none")

    def test_outage(self, sandbox, fail):
        before = len(sandbox.lines("journal"))
        fail("fail")
        assert "ConnectionRefusedError" in sandbox.dispatch("toy.said", {"text": "x"})
        fail("none")
        assert sandbox.dispatch("toy.said", {"text": "x"}) is None
        assert [line["payload"]["text"] for line in sandbox.lines("journal")[before:]] == ["x"]

    def test_lost_trigger_changes(self, sandbox, fail):
        fail("drop_trigger_events")
        lost = sandbox.put_rule("lost", room="Loft")["trigger"]["ref"]
        fail("none")
        sent = sandbox.put_rule("sent", room="Attic")["trigger"]["ref"]
        wait_until(lambda: sandbox.story("add", sent))
        assert not sandbox.story("add", lost)
        for name in ("lost", "sent"):
            sandbox.call("DELETE", "/v1/rules/toy." + name, 204)

    def test_unknown(self, sandbox):
        assert sandbox.call("POST", "/sandbox/dispatch_faults", 400, mode="odd")["faultstring"]


class TestApi:
    """Rules and executions over HTTP."""

    def test_rule_lives_and_dies(self, sandbox):
        made = sandbox.put_rule("mine", room="Shed", description="Mine")
        assert made["ref"] == "toy.mine" and made["trigger"]["parameters"] == {"room": "Shed"}
        assert sandbox.call("GET", "/v1/rules/toy.mine") == made
        assert made in sandbox.call("GET", "/v1/rules")
        changed = sandbox.call("PUT", "/v1/rules/toy.mine", **dict(made, enabled=False))
        assert changed == dict(made, enabled=False)
        assert made["trigger"]["ref"] in {
            each["ref"] for each in sandbox.call("GET", "/v1/triggers?type=toy.said")}
        assert "already" in sandbox.call("POST", "/v1/rules", 409, **made)["faultstring"]
        sandbox.call("DELETE", "/v1/rules/toy.mine", 204)
        sandbox.call("GET", "/v1/rules/toy.mine", 404)

    @pytest.mark.parametrize("wrong, words", [
        ({"criteria": {"trigger.a": {"type": "no_such", "pattern": 1}}}, "no_such"),
        ({"action": {"ref": "toy.answer", "parameters": {"x": "{{ 1 | no_filter }}"}}},
         "no_filter"),
        ({"type": {"ref": "backstop"}}, "backstop"), ({"color": "red"}, "color"),
        ({"name": None}, "name")])
    def test_wrong_rule(self, sandbox, wrong, words):
        rule = {"name": "wrong", "trigger": {"type": "toy.said"}, "action": {"ref": "toy.answer"}}
        answer = sandbox.call("POST", "/v1/rules", 400, **{**rule, **wrong})
        assert words in answer["faultstring"]

    def test_action_fails(self, sandbox):
        assert sandbox.run_action(text="hi", mood="cross")["status"] == "failed"
        exploded = sandbox.run_action(text="explode")
        assert exploded["status"] == "failed"
        assert "RuntimeError: boom" in exploded["result"]["stderr"]

    def test_action_times_out(self, sandbox):
        assert sandbox.run_action(text="sleep", timeout=0)["status"] == "timeout"

    @pytest.mark.parametrize("action, given, words", [
        ("toy.answer", {"text": "x", "env": {}}, "'env'"),
        ("toy.gone", {}, "toy.gone"), ("toy.chain", {}, "orquesta")])
    def test_wrong_request(self, sandbox, action, given, words):
        answer = sandbox.call("POST", "/v1/executions", 400, action=action, parameters=given)
        assert words in answer["faultstring"]
