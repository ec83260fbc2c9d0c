"""hipchat.run_command and hipchat.tell_result: from a line of chat to an execution, and back."""
import uuid
from datetime import datetime, timedelta, timezone

import pytest
from support import REPOSITORY
from support.action_runner import ActionRunner
from support.waiting import wait_until

from chatops.errors import StackStormError
from chatops.stackstorm import StackStorm
from hipchat.config.addon import Addon
from hipchat.api.credentials import Integration
from hipchat.errors import NoAnswer


class Commands:
    """A room in which people give commands, and what stands in it since."""

    def __init__(self, act, hipchat, stackstorm, room):
        self._act, self._people, self._stackstorm, self._room = (
            act, hipchat.people, stackstorm, room)
        self.room_id = hipchat.api("GET", "/room/" + room).json()["id"]
        self.ids = {name: self._id(hipchat, name) for name in ("Ann", "Bob")}
        self.allow = [{"commands": ["hipchat.*"], "people": [self.ids["Ann"]]}]

    def _id(self, hipchat, name):
        self._people.say(self._room, name, "hello")
        return hipchat.api("GET", "/user/@" + name).json()["id"]

    def be_run(self, monkeypatch):
        """Let the action run here as an execution of StackStorm's."""
        monkeypatch.setenv("ST2_ACTION_API_URL", self._stackstorm._url + "/v1")
        monkeypatch.setenv("ST2_ACTION_EXECUTION_ID", self.begin("hello")["id"])

    def config(self, **chatops):
        return {"chatops": dict({"rooms": [self.room_id], "allow": self.allow}, **chatops)}

    def say(self, text, person="Ann", seconds_ago=0, config=None, **more):
        """Run the action for a message; returns its result."""
        date = datetime.now(timezone.utc) - timedelta(seconds=seconds_ago)
        given = dict({"message": text, "message_id": str(uuid.uuid4()), "room": self.room_id,
                      "person": self.ids.get(person, person), "date": date.isoformat(),
                      "mention": person if isinstance(person, str) else ""}, **more)
        self._before = len(self._people.transcript(self._room))
        self.succeeded, result = self._act("run_command", config=config or self.config(), **given)
        return result

    def told(self):
        """What the room was told of the last command."""
        return [line["what"] for line in self._people.transcript(self._room)[self._before:]]

    def begin(self, message, **given):
        """An execution of the action in StackStorm, such as its own one is."""
        return self._stackstorm.api("POST", "/v1/executions", json={
            "action": "hipchat.run_command", "parameters": dict({
                "message": message, "message_id": str(uuid.uuid4()), "room": self.room_id,
                "person": self.ids["Ann"], "date": datetime.now(timezone.utc).isoformat()},
                **given)})

    def end(self, execution_id):
        """An execution that has ended."""
        return wait_until(lambda: self._ended(execution_id), what="the execution's end")

    def _ended(self, execution_id):
        found = self._stackstorm.api("GET", "/v1/executions/" + execution_id)
        return found if "end_timestamp" in found else None

    def tell(self, execution_id):
        """Run hipchat.tell_result; returns its result."""
        self._before = len(self._people.transcript(self._room))
        return self._act("tell_result", config=self.config(), execution_id=execution_id)[1]


@pytest.fixture
def commands(act, hipchat, stackstorm, room, monkeypatch):
    commands = Commands(act, hipchat, stackstorm, room)
    commands.be_run(monkeypatch)
    return commands


def test_a_command_runs_its_alias_and_is_answered(commands):
    result = commands.say("!HipChat Who Is @Ann")
    assert (result["outcome"], result["alias"]) == ("ran", "hipchat.who_is")
    assert commands.told() == ["@Ann Looking for them."]
    execution = commands.end(result["executions"][0])
    assert execution["parameters"] == {"user": "@Ann"}
    assert execution["context"]["source_channel"] == str(commands.room_id)
    assert execution["context"]["api_user"] == str(commands.ids["Ann"])
    said = commands.tell(execution["id"])["said"]
    assert said[0].startswith("Ann (@Ann, ann@example.com, id ")


def test_a_command_that_fails_is_answered_in_red(commands, hipchat):
    result = commands.say("!hipchat topic Nowhere Lunch")
    commands.tell(commands.end(result["executions"][0])["id"])
    line = hipchat.people.transcript(commands._room)[-1]
    assert line["color"] == "red" and "HipChat answered 404" in line["what"]


@pytest.mark.parametrize("status", [400, 500, None])
def test_what_runs_though_its_ack_cannot_be_rendered_is_acknowledged(commands, monkeypatch, status):
    """StackStorm starts it first, and then answers with an error."""
    run_alias = StackStorm.run_alias

    def run(stackstorm, **what):
        run_alias(stackstorm, **what)
        raise StackStormError("POST /v1/aliasexecution", status, "unexpected character")

    monkeypatch.setattr(StackStorm, "run_alias", run)
    commands.say("!hipchat who is @Ann")
    result = commands.say("!hipchat who is @Bob")
    assert result["outcome"] == "ran" and "Running hipchat.get_user." in commands.told()[0]
    assert commands.end(result["executions"][0])["parameters"] == {"user": "@Bob"}


@pytest.mark.parametrize("status, words", [
    (400, "@Ann the words"), (500, "may run all the same"), (502, "may run all the same")])
def test_what_perhaps_runs_is_not_called_refused(commands, monkeypatch, status, words):
    def run(stackstorm, **what):
        raise StackStormError("POST /v1/aliasexecution", status, "the words")

    monkeypatch.setattr(StackStorm, "run_alias", run)
    assert commands.say("!hipchat rooms")["outcome"] == "refused"
    told, = commands.told()
    assert words in told


def test_what_stackstorm_evaluates_on_the_way_are_ids_alone(commands):
    message_id = str(uuid.uuid4())
    result = commands.say("!hipchat rooms", message_id=message_id)
    notify = commands.end(result["executions"][0])["liveaction"]["notify"]["on-complete"]
    source = notify["data"].pop("source_context")
    assert notify == {"routes": ["hipchat"], "data": {
        "user": str(commands.ids["Ann"]), "source_channel": str(commands.room_id)}}
    assert source["message_id"] == message_id and set(source) == {"message_id", "heard_by"}


def test_a_message_id_that_is_none_is_not_passed_on(commands):
    result = commands.say("!hipchat rooms", message_id="<% st2kv('secret') %>")
    notify = commands.end(result["executions"][0])["liveaction"]["notify"]["on-complete"]
    assert notify["data"]["source_context"]["message_id"] == ""


@pytest.mark.parametrize("text", ["hello", "!", "!!!", "!?", "hi !hipchat rooms"])
def test_what_is_no_command_gets_silence(commands, text):
    assert commands.say(text)["outcome"] == "ignored"
    assert commands.told() == []


def test_another_room_gets_silence(commands):
    assert commands.say("!hipchat rooms", config=commands.config(rooms=[1]))["reason"] == (
        f"The room {commands.room_id} is not among chatops.rooms.")
    assert commands.told() == []


def test_the_packs_own_words_are_no_command(commands, hipchat):
    owner = hipchat.api("GET", "/user/@SandboxOwner").json()["id"]
    config = commands.config(allow=[{"commands": ["*"], "people": "*"}])
    result = commands.say("!hipchat rooms", owner, config=config)
    assert result["reason"] == "The pack itself said it."
    assert commands.told() == []


def test_nor_are_those_of_the_user_beside_an_addon(start_hipchat, stackstorm, monkeypatch):
    """Workflows say things as the user of api_key, and those come back as that person's."""
    hipchat = start_hipchat("--room", "Factor", "--oauth", "addon:secret")
    act = ActionRunner(REPOSITORY / "actions", hipchat)
    commands = Commands(act, hipchat, stackstorm, "Factor")
    commands.be_run(monkeypatch)
    kept = Addon("a secret of the pack's", Integration("addon", "secret"), 1).text()
    config = dict(commands.config(allow=[{"commands": ["*"], "people": "*"}]),
                  addon={"enabled": True, "credentials": kept})
    owner = hipchat.api("GET", "/user/@SandboxOwner").json()["id"]
    assert commands.say("!hipchat rooms", owner, config=config)["reason"] == (
        "The pack itself said it.")
    assert commands.say("!hipchat rooms", config=config)["outcome"] == "ran"
    # An add-on alone speaks as nobody.
    assert commands.say("!hipchat rooms", owner, config=dict(config, api_key=None))[
        "outcome"] == "ran"


@pytest.mark.parametrize("text", ["!!!", "!?"])
def test_who_may_run_nothing_and_means_no_command_is_not_told_so(commands, text):
    assert commands.say(text, "Bob")["outcome"] == "ignored" and commands.told() == []


def test_a_hipchat_that_does_not_tell_whose_token_it_is_is_told(commands, monkeypatch):
    def session(client):
        raise NoAnswer("HipChat answered 403")
    monkeypatch.setattr("hipchat.api.client.Client.token_info", session)
    assert commands.say("!hipchat rooms")["error"] == "HipChat answered 403"
    assert "HipChat answered 403" in commands.told()[0]


def test_a_prefix_of_letters_is_told_with_its_blank(commands):
    config = commands.config(prefix="st2")
    commands.say("st2 help", config=config)
    assert "st2 hipchat rooms" in commands.told()[1]
    commands.say("st2 answer 5f", config=config)
    assert "Write st2 answer, the question's id" in commands.told()[0]


@pytest.mark.parametrize("text, words", [
    ("!hipchat romos", "There is no such command. Did you mean: hipchat rooms"),
    ("!hipchat rooms " + "x" * 1000, "at most 1000 characters"),
    ("!hipchat rooms" + " a=b" * 6, "at most 5 equals signs"),
    ("!hipchat rooms timeout=1", "no parameter \"timeout\""),
    ("!answer 5f", "Write !answer, the question's id, and your answer."),
])
def test_what_is_wrong_is_told_in_a_sentence(commands, text, words):
    assert commands.say(text)["outcome"] == "refused"
    told, = commands.told()
    assert told.startswith("@Ann ") and words in told and "\n" not in told


def test_an_unknown_person_may_run_nothing(commands):
    commands.say("!hipchat rooms", "Bob")
    assert "You may not run commands here." in commands.told()[0]


def test_who_may_run_it_is_told_to_whom_may_not(commands):
    config = commands.config(allow=commands.allow + [
        {"commands": ["other.*"], "people": [commands.ids["Bob"]]}])
    commands.say("!hipchat rooms", "Bob", config=config)
    assert commands.told() == [
        "@Bob You may not run hipchat.rooms here. Those who may: Ann."]


def test_a_person_known_by_a_mention_name_alone_is_not_known(commands):
    config = commands.config(allow=[{"commands": ["*"], "people": ["@Ann"]}])
    assert "'@Ann' is no id of a person" in commands.say("!hipchat rooms", config=config)["error"]


def test_who_has_no_key_is_refused_where_there_are_keys(commands):
    commands.say("!hipchat rooms", config=commands.config(api_keys={"7": "key"}))
    assert "You have no account of StackStorm's here." in commands.told()[0]


def test_an_old_message_is_to_be_said_again(commands):
    commands.say("!hipchat rooms", seconds_ago=400)
    assert "Say it again if you still want it." in commands.told()[0]


def test_a_message_that_comes_twice_runs_once(commands):
    """Through StackStorm's own executions, which tell the two apart."""
    message_id = str(uuid.uuid4())
    commands.end(commands.begin("!hipchat rooms", message_id=message_id)["id"])
    again = commands.say("!hipchat rooms", message_id=message_id)
    assert (again["outcome"], commands.told()) == ("repeated", [])


def test_one_that_has_run_is_not_to_be_said_again_however_late_it_comes(commands):
    message_id = str(uuid.uuid4())
    commands.end(commands.begin("!hipchat rooms", message_id=message_id)["id"])
    again = commands.say("!hipchat rooms", message_id=message_id, seconds_ago=400)
    assert (again["outcome"], commands.told()) == ("repeated", [])


def test_clocks_that_are_wrong_are_told_of(commands):
    commands.say("!hipchat rooms", seconds_ago=-400)
    assert "minutes ahead of StackStorm's" in commands.told()[0]


def test_help_names_what_the_person_may_run(commands):
    commands.say("!help topic")
    mention, code = commands.told()
    assert mention == "@Ann You may run here:"
    assert code.startswith("<pre>!hipchat topic &lt;room&gt; &lt;topic&gt; - Set the topic")
    commands.say("!help", config=commands.config(allow=[
        {"commands": ["hipchat.rooms"], "people": "*"}]))
    assert "hipchat rooms" in commands.told()[1] and "topic" not in commands.told()[1]


def test_stackstorm_that_does_not_answer_is_told(commands, monkeypatch):
    monkeypatch.setenv("ST2_ACTION_API_URL", "http://127.0.0.1:1/v1")
    monkeypatch.setattr("hipchat.timing.RETRY_DELAYS", ())
    result = commands.say("!hipchat rooms")
    assert not commands.succeeded and result["error"].startswith("StackStorm did not answer GET")
    assert "StackStorm did not answer" in commands.told()[0]


def test_an_execution_that_no_command_started_is_not_told(commands, stackstorm):
    execution = stackstorm.api("POST", "/v1/executions", json={"action": "hipchat.list_rooms"})
    commands.end(execution["id"])
    assert commands.tell(execution["id"])["said"] == [] and commands.told() == []


def test_the_template_guard_is_needed(commands):
    config = dict(commands.config(), template_guard=False)
    assert "template_guard: commands need it" in commands.say("!x", config=config)["error"]
