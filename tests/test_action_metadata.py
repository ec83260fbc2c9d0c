"""The YAML files of the actions: complete, true to their classes, and fit for the platform."""
import inspect
import subprocess
import sys
from types import SimpleNamespace

import jsonschema
import pytest
from support import REPOSITORY

from sandbox.stackstorm import platform_modules, plugins
from sandbox.stackstorm.pack import read

FILES = sorted((REPOSITORY / "actions").glob("*.yaml"))
ERRORS = {"error", "status", "field", "remedy"}
RUNNERS = {"python-script": ".py", "orquesta": ".yaml"}


def test_every_action_of_the_pack_is_there():
    assert [file.stem for file in FILES] == sorted("""
        send send_message reply send_private_message send_card share_link share_file
        list_rooms get_room create_room update_room delete_room archive_room unarchive_room
        set_topic list_participants list_members add_member remove_member invite
        list_users get_user whoami get_history get_message wait_for_message
        list_webhooks remove_webhooks check announce ask put_question""".split())
    assert sorted(file.stem for file in (REPOSITORY / "actions").glob("*.py")) == [
        file.stem for file in FILES if read(file)["runner_type"] == "python-script"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
class TestFile:
    def test_has_what_stackstorm_needs(self, file):
        action = read(file)
        assert (action["name"], action["pack"], action["enabled"]) == (file.stem, "hipchat", True)
        entry_point = REPOSITORY / "actions" / action["entry_point"]
        assert entry_point.is_file() and entry_point.suffix == RUNNERS[action["runner_type"]]

    def test_says_what_each_parameter_is_and_has_defaults_that_it_takes(self, file):
        for name, parameter in read(file).get("parameters", {}).items():
            if name != "timeout":
                assert parameter["type"] and parameter["description"].endswith("."), name
            # A reference to a key that a config lacks refuses the execution.
            assert "config_context" not in str(parameter.get("default", "")), name
            if parameter.get("default") is not None:
                assert not parameter.get("required"), name
                assert parameter["default"] in parameter.get("enum", [parameter["default"]]), name

    def test_has_a_full_schema_of_what_it_returns(self, file):
        action = read(file)
        jsonschema.Draft4Validator.check_schema(action["output_schema"])
        assert action["output_schema"]["type"] == "object"
        keys = set(action["output_schema"]["properties"])
        if action["runner_type"] == "python-script":
            assert keys >= ({"error"} if file.stem == "check" else ERRORS)

    def test_is_explained_by_st2_run(self, file, capsys):
        """`st2 run hipchat.NAME -h`, which sorts by position where there is one, else by name."""
        commands = pytest.importorskip("st2client.commands.action")
        action = SimpleNamespace(**dict({"parameters": {}}, **read(file)))
        runner = SimpleNamespace(runner_parameters={
            "timeout": {"type": "integer", "description": "Of python-script and of orquesta."}})
        command = object.__new__(commands.ActionRunCommand)
        command.app = SimpleNamespace(client=SimpleNamespace(managers={
            "Action": SimpleNamespace(get_by_ref_or_id=lambda ref, **_: action),
            "RunnerType": SimpleNamespace(get_by_name=lambda name, **_: runner),
            "Execution": None}))
        assert command._print_help(SimpleNamespace(
            help=True, ref_or_id="hipchat." + file.stem, token=None, api_key=None))
        printed = capsys.readouterr().out
        assert "ERROR" not in printed
        assert all("\n    " + name + "\n" in printed for name in action.parameters)

    def test_has_no_yaml_merge_key_which_the_platform_refuses(self, file):
        assert "<<" not in file.read_text("utf-8")

    def test_has_the_parameters_that_its_class_takes(self, file):
        action = read(file)
        if action["runner_type"] != "python-script":
            return
        platform_modules.install_base_classes()
        from st2common.runners.base_action import Action
        cls = plugins.load_class(file.with_suffix(".py"), (Action,))
        taken = inspect.signature(cls.do).parameters.values()
        if not any(each.kind is each.VAR_KEYWORD for each in taken):
            given = set(action.get("parameters", {})) - {"timeout"}
            assert given == {each.name for each in taken} - {"self"}
        for each in taken:
            parameter = action.get("parameters", {}).get(each.name, {})
            if each.default is not each.empty:
                assert (parameter.get("default") or None) == (each.default or None), each.name
            elif each.name != "self" and each.kind is not each.VAR_KEYWORD:
                assert parameter["required"] is True, each.name


@pytest.mark.parametrize("imported, avoided", [
    ("chatops.accounts, chatops.command_handler, chatops.settings, chatops.reply_sender",
     "st2client st2common jinja2 yaml eventlet jwt sqlite3 difflib flask kombu"),
    ("hipchat.api.next_message, hipchat.api.notifications, hipchat.api.rooms, hipchat.api.uploads,"
     " hipchat.check.checkup, hipchat.api.webhook_list", "eventlet re2 jwt sqlite3")],
    ids=["commands, which would be acknowledged later", "the actions' library"])
def test_modules_that_are_slow_or_the_sensors_are_not_imported_by(imported, avoided):
    code = f"""import sys
before = set(sys.modules)  # a tool that measures may have brought its own
sys.path.insert(0, "actions/lib")
import {imported}
new = {{name.partition(".")[0] for name in set(sys.modules) - before}}
print(sorted(new.intersection({avoided.split()})))"""
    found = subprocess.run([sys.executable, "-c", code], cwd=str(REPOSITORY),
                           stdout=subprocess.PIPE, check=True)
    assert found.stdout == b"[]\n"
