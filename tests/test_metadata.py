"""The pack's YAML files and what a StackStorm Exchange pack must have."""
import ast
import pkgutil
import re
import struct
from pathlib import Path

import pytest
import yaml
from support import REPOSITORY
from support.servers import EVENTS

from hipchat.config.sensor_settings import SensorSettings
from hipchat.config.api_settings import ApiSettings
from sandbox.stackstorm import config as sandbox_config, pack

KEYS = {"event", "oauth_client_id", "webhook_id", "hook_id", "service_id", "listener_id",
        "instance_id", "message", "matches", "item"}


def read(*path):
    return pack.read(REPOSITORY.joinpath(*path))


def files(*patterns):
    """Files of the pack, with their path below it as the test's name."""
    found = sorted(file.relative_to(REPOSITORY) for pattern in patterns
                   for file in REPOSITORY.glob(pattern))
    return pytest.mark.parametrize("file", found, ids=str)


class TestPack:
    """pack.yaml and the files beside it."""

    def test_has_what_stackstorm_needs(self):
        about = read("pack.yaml")
        assert about["ref"] == about["name"] == "hipchat"
        assert re.match(r"^\d+\.\d+\.\d+$", about["version"])
        assert about["python_versions"] == ["3"]
        assert re.match(r"^>=\d+\.\d+\.\d+", about["stackstorm_version"])
        assert about["author"] and "@" in about["email"] and about["description"]

    def test_has_an_entry_in_changes_for_its_version(self):
        changes = (REPOSITORY / "CHANGES.md").read_text()
        headings = [line for line in changes.splitlines() if line.startswith("#")]
        assert [line for line in headings if read("pack.yaml")["version"] in line]

    def test_is_licensed_under_apache_2(self):
        text = (REPOSITORY / "LICENSE").read_text()
        assert "Apache License" in text and "Version 2.0, January 2004" in text

    def test_has_an_icon_of_64_by_64(self):
        head = (REPOSITORY / "icon.png").read_bytes()[:24]
        assert head[:8] == b"\x89PNG\r\n\x1a\n"
        assert struct.unpack(">II", head[16:24]) == (64, 64)

    def test_shares_its_library_with_the_sensor_by_a_link(self):
        link = REPOSITORY / "sensors" / "hipchat"
        assert link.is_symlink()
        assert link.resolve() == (REPOSITORY / "actions" / "lib" / "hipchat").resolve()

    def test_leaves_eventlet_to_stackstorm(self):
        lines = (REPOSITORY / "requirements.txt").read_text().splitlines()
        names = {re.split("[<>=!~ ]", line)[0].lower() for line in lines if line.strip()}
        assert "eventlet" not in names and "requests" in names

    @files("*.yaml", "*.example", ".github/**/*.yaml", "actions/**/*.yaml", "aliases/*.yaml",
           "policies/*.yaml", "rules/*.yaml", "sensors/*.yaml", "tests/**/*.yaml")
    def test_has_one_document_in_each_yaml_file(self, file):
        text = (REPOSITORY / file).read_text()
        assert len(list(yaml.load_all(text, Loader=pack.LOADER))) == 1

    def test_has_python_files_that_3_8_can_read(self):
        found = [file for directory in ("actions", "sensors", "sandbox", "tests", "benchmarks")
                 for file in (REPOSITORY / directory).glob("**/*.py")]
        assert found
        for file in found:
            ast.parse(file.read_text(), str(file), feature_version=(3, 8))  # an error names it

    def test_shadows_no_module_of_the_standard_library_or_the_platform(self):
        library = str(Path(ast.__file__).parent)
        standard = {module.name for module in pkgutil.iter_modules([library])}
        ours = {file.stem for file in (REPOSITORY / "actions" / "lib").iterdir()
                if not file.name.startswith("__")}
        assert not ours & (standard | {"utils", "manager", "partitioners", "hash_partitioner"})


class TestConfig:
    """config.schema.yaml and the example."""

    def test_has_one_example_that_the_schema_accepts(self):
        example, = REPOSITORY.glob("*.yaml.example")
        assert example.name == "hipchat.yaml.example"
        values = yaml.safe_load(example.read_text())
        schema = read("config.schema.yaml")
        assert set(values) <= set(schema)
        completed = sandbox_config.complete(values, schema)
        assert SensorSettings.from_config(completed).rooms == values["rooms"]

    def test_takes_its_own_defaults(self):
        values = {"api_key": "token", "api_url": "https://hipchat.example.com",
                  "webhook": {"public_url": "https://st2.example.com/hipchat"}}
        completed = sandbox_config.complete(dict(values), read("config.schema.yaml"))
        assert SensorSettings.from_config(completed)._replace(chatops={}) == (
            SensorSettings.from_config(values))
        assert ApiSettings.from_config(completed)

    def test_describes_every_key_and_hides_every_secret(self):
        for name, key in self.keys(read("config.schema.yaml")):
            assert key.get("description"), name
            if re.search("api_key|secret", name):
                assert key.get("additionalProperties", key).get("secret") is True, name

    def keys(self, properties, above=""):
        for name, key in properties.items():
            yield above + name, key
            yield from self.keys(key.get("properties", {}), above + name + ".")


class TestSensor:
    """sensors/webhook_sensor.yaml"""

    sensor = read("sensors", "webhook_sensor.yaml")

    def test_is_enabled_and_has_the_ten_trigger_types(self):
        assert self.sensor["enabled"] is True
        assert [each["name"] for each in self.sensor["trigger_types"]] == EVENTS

    each_trigger = pytest.mark.parametrize("trigger", sensor["trigger_types"],
                                           ids=lambda each: each["name"])

    @each_trigger
    def test_documents_the_parameters_of_each_and_has_no_schema_for_them(self, trigger):
        assert "parameters_schema" not in trigger  # it would refuse rules without parameters
        assert "`room`" in trigger["description"]
        with_text = trigger["name"] in ("message", "notification", "topic_change")
        assert ("`filter`" in trigger["description"]) == with_text

    @each_trigger
    def test_describes_the_ten_keys_of_each_payload_as_required(self, trigger):
        schema = trigger["payload_schema"]
        assert set(schema["properties"]) == KEYS
        assert schema["additionalProperties"] is False
        for name, key in schema["properties"].items():
            assert key["required"] is True, name
            assert key["type"] and key["description"], name


class TestDescriptions:
    """What StackStorm's client shows in a narrow column, or in a line: one short sentence."""

    @staticmethod
    def check(owner, text):
        text = text.strip()
        assert text.endswith(".") and ". " not in text and len(text) <= 100, (owner, text)

    @files("actions/*.yaml", "aliases/*.yaml", "rules/*.yaml", "sensors/*.yaml")
    def test_are_one_sentence_of_at_most_100_letters(self, file):
        resource = read(file)
        self.check(file, resource["description"])
        for trigger in resource.get("trigger_types", ()):
            self.check(trigger["name"], trigger["description"])

    def test_are_so_in_the_config_schema(self):
        for name, key in TestConfig().keys(read("config.schema.yaml")):
            self.check(name, key["description"])


class TestOthers:
    """rules, aliases and policies"""

    @files("rules/*.yaml", "aliases/*.yaml", "policies/*.yaml")
    def test_belong_to_the_pack_and_refer_to_actions_that_there_are(self, file):
        actions = {"hipchat." + each.stem for each in (REPOSITORY / "actions").glob("*.yaml")}
        resource = read(file)
        assert (resource["name"], resource["pack"]) == (file.stem, "hipchat")
        assert resource["description"].strip()
        ref = (resource.get("action_ref") or resource.get("resource_ref") or
               resource["action"]["ref"])
        assert ref in actions or not ref.startswith("hipchat.")
