"""The workflows: what they call is there, and nothing that people write comes out of them."""
import pytest
import yaml
from support import REPOSITORY

FILES = sorted((REPOSITORY / "actions" / "workflows").glob("*.yaml"))


def read(*path):
    return yaml.safe_load(REPOSITORY.joinpath("actions", *path).read_text("utf-8"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
class TestWorkflow:
    def test_orquesta_finds_nothing_wrong(self, file):
        native = pytest.importorskip("orquesta.specs.native")
        spec = native.WorkflowSpec(read("workflows", file.name))
        assert spec.inspect(app_ctx={"st2": {}}) == {}

    def test_is_the_action_of_the_same_name_with_the_same_parameters(self, file):
        action = read(file.stem + ".yaml")
        assert (action["runner_type"], action["entry_point"]) == (
            "orquesta", "workflows/" + file.name)
        assert sorted(action["parameters"]) == sorted(read("workflows", file.name)["input"])

    def test_calls_actions_of_the_pack_with_parameters_that_they_have(self, file):
        for task in read("workflows", file.name)["tasks"].values():
            if task["action"].startswith("<%"):
                continue
            pack, _, name = task["action"].partition(".")
            parameters = read(name + ".yaml")["parameters"]
            required = {key for key, value in parameters.items() if value.get("required")}
            assert pack == "hipchat" and required <= set(task["input"]) <= set(parameters)

    def test_goes_on_to_tasks_that_exist(self, file):
        tasks = read("workflows", file.name)["tasks"]
        for task in tasks.values():
            for transition in task.get("next", []):
                assert transition.get("do", "noop") in {"noop", "fail", *tasks}

    def test_has_the_output_that_its_metadata_promises(self, file):
        promised = read(file.stem + ".yaml")["output_schema"]["properties"]
        assert sorted(promised) == sorted(
            name for each in read("workflows", file.name)["output"] for name in each)


class TestAsk:
    """An answer is text from chat, which a workflow would evaluate as a template."""

    tasks = read("workflows", "ask.yaml")["tasks"]

    def test_passes_on_one_of_two_words_and_an_id(self):
        transition, = self.tasks["wait"]["next"]
        assert transition["publish"] == [
            {"answer": "<% result().result.matches[0].toLower() %>"},
            {"user": "<% result().result.message.from.get(id) %>"}]

    def test_takes_only_what_answers_its_own_question(self):
        assert self.tasks["ask"]["action"] == "hipchat.put_question"
        assert self.tasks["wait"]["input"]["filter"] == "<% ctx(answer_filter) %>"
