"""`sandbox alias` and `sandbox rule` say what StackStorm would do, on the kinds of public packs."""
import json
from pathlib import Path

import pytest
import yaml

from sandbox import alias, rule

TRIALS = Path(__file__).parent / "trials"
ALIASES = yaml.safe_load((TRIALS / "aliases.yaml").read_text("utf-8"))
RULES = yaml.safe_load((TRIALS / "rules.yaml").read_text("utf-8"))


def case_name(case):
    about = case.get("alias") or case["rule"]["trigger"]
    return " ".join(str(each) for each in (about.get("formats") or about["type"], case.get("say")))


each_alias = pytest.mark.parametrize("case", ALIASES, ids=case_name)
each_rule = pytest.mark.parametrize("case", RULES, ids=case_name)


def whole_alias(case):
    return dict({"name": "own", "pack": "ops"}, **case["alias"])


def whole_rule(case):
    return dict({"name": "own", "pack": "ops", "enabled": True}, **case["rule"])


@pytest.fixture
def run(tmp_path, run_command):
    """Run a command on a definition: run(module, definition, options) -> (status, output)."""
    def run(module, definition, *options):
        file = tmp_path / "own.yaml"
        file.write_text(yaml.safe_dump(definition))
        return run_command(module, file, *options)

    return run


def shown(output, heading="action"):
    """The rows below each heading, "name: JSON", as mappings."""
    found, inside = [], False
    for line in output.splitlines():
        if line.startswith(heading + " "):
            found.append({})
            inside = True
        elif not line.startswith(" "):
            inside = False
        elif inside:
            name, _, value = line.strip().partition(": ")
            found[-1][name] = json.loads(value)
    return found


@each_alias
def test_alias(case, run):
    status, output = run(alias, whole_alias(case), "--say", case["say"],
                         "--result", '{"stdout": "pong"}')
    if "gives" in case:
        assert (status, shown(output)) == (0, case["gives"]), output
        is_known = case["alias"]["action_ref"].startswith("hipchat.")
        assert is_known or "another pack's" in output and "It runs, if " in output
        for key, heading in (("first", "ack       "), ("then", "reply     ")):
            assert f"{heading} {case.get(key, '')}" in output
    elif "wrong" in case:
        assert status == 2 and case["wrong"] in output, output
    else:
        assert status == 1 and case["refuses"] in output, output


@each_rule
def test_rule(case, run):
    options = ["--payload", json.dumps(case["payload"])] if "payload" in case else []
    status, output = run(rule, whole_rule(case), *options)
    if "gives" in case:
        assert (status, shown(output)) == (0, [case["gives"]]), output
    elif "no" in case:
        assert status == 1, output
    else:
        assert status == 2, output
        assert next(case[key] for key in ("fails", "wrong", "drops") if key in case) in output


class TestStackStorm:
    """StackStorm's own code gives the same: run with its site-packages on PYTHONPATH."""

    @pytest.fixture(autouse=True)
    def stackstorm(self):
        pytest.importorskip("st2reactor.rules.tester")

    @pytest.fixture
    def evaluate(self, monkeypatch):
        """Evaluate a rule: whether it matches and its parameters, or the failures on the way."""
        from unittest import mock

        from st2common.util import param
        from st2reactor.rules import filter as rule_filter
        from st2reactor.rules.enforcer import RuleEnforcer

        from st2common.models.db.rule import RuleDB
        from st2common.models.db.trigger import TriggerDB, TriggerInstanceDB
        from st2common.models.system.common import ResourceReference

        failures = []
        monkeypatch.setattr(rule_filter.RuleFilter, "_create_rule_enforcement",
                            lambda self, failure_reason, exc: failures.append(str(exc)))
        monkeypatch.setattr(param, "get_config", lambda pack, user: {})

        def evaluate(case):
            definition = whole_rule(case)
            ref = ResourceReference.from_string_reference(definition["trigger"]["type"])
            trigger = TriggerDB(pack=ref.pack, name=ref.name, type=ref.ref)
            instance = TriggerInstanceDB(trigger=ref.ref, payload=case.get("payload", {}))
            rule_db = RuleDB(pack="ops", name="own", trigger=ref.ref, enabled=True,
                             criteria=definition.get("criteria") or {},
                             action=definition["action"])
            if not rule_filter.RuleFilter(instance, trigger, rule_db).filter():
                return failures or None
            action, runner = mock.Mock(), mock.Mock(runner_parameters={})
            action.parameters = case.get("schemas", {})
            try:
                return RuleEnforcer(instance, rule_db).get_resolved_parameters(
                    action, runner, definition["action"].get("parameters", {}),
                    {"pack": "ops", "user": "ops"}, {"trigger": instance.payload})
            except Exception as error:
                return [str(error)]

        return evaluate

    @each_alias
    def test_takes_the_same_from_an_alias(self, case):
        from jsonschema import ValidationError

        from st2common.models.api.action import ActionAliasAPI
        from st2common.models.utils import action_alias_utils as utils
        from st2common.util.actionalias_matching import normalise_alias_format_string

        if case.get("by") or case.get("datastore") or not case["alias"].get("enabled", True):
            pytest.skip("it is up to the pack, the action or the datastore")
        if "wrong" in case:
            with pytest.raises(ValidationError):
                ActionAliasAPI(**whole_alias(case)).validate()
            return
        db = ActionAliasAPI.to_model(ActionAliasAPI(**whole_alias(case)).validate())
        found = []
        for each in db.formats:
            _, representations, multiple = normalise_alias_format_string(each)
            for representation in representations:
                for said in (case["say"], case["say"][0].upper() + case["say"][1:]):
                    try:
                        values = utils.extract_parameters(representation, said, multiple)
                    except utils.ParseException:
                        continue
                    except Exception:
                        assert case.get("fails")
                        return
                    found.append(values if multiple else [values])
        expected = case.get("gives")
        if expected is None and not case["alias"].get("immutable_parameters"):
            assert not any(found)
            return
        context = {"source_channel": "1001", "user": "ops"}
        if expected is None:
            with pytest.raises(ValueError, match=case["refuses"]):
                utils.inject_immutable_parameters(db, found[0], context)
            return
        assert utils.inject_immutable_parameters(db, found[0], context) == expected

    @each_rule
    def test_makes_the_same_of_a_rule(self, case, evaluate):
        from st2common.constants.triggers import INTERNAL_TRIGGER_TYPES, SYSTEM_TRIGGER_TYPES
        from st2common.models.api.rule import RuleAPI
        from st2common.validators.api import reactor

        if case.get("datastore"):
            pytest.skip("it is up to the datastore")
        internal = {f"core.{each['name']}" for kind in INTERNAL_TRIGGER_TYPES.values()
                    for each in kind}
        trigger = case["rule"]["trigger"]
        kind, is_system = trigger["type"], trigger["type"] in SYSTEM_TRIGGER_TYPES

        def create():
            RuleAPI(**whole_rule(case)).validate()
            reactor.validate_criteria(case["rule"].get("criteria", {}))
            if is_system:
                reactor.validate_trigger_parameters(kind, dict(trigger["parameters"]))
            elif kind.startswith("core.") and kind not in internal:
                raise ValueError(kind)

        if "wrong" in case:
            with pytest.raises(Exception, match=case["wrong"]):
                create()
            return
        create()
        if "drops" in case:
            with pytest.raises(Exception, match=case["payload"]["body"]):
                reactor.validate_trigger_payload(kind, case["payload"])
            return
        if is_system and "payload" in case:
            reactor.validate_trigger_payload(kind, dict(case["payload"]))
        found = evaluate(case)
        if "gives" in case:
            assert found == case["gives"]
        else:
            assert found is None if "no" in case else isinstance(found, list)
