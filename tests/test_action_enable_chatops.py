"""hipchat.enable_chatops and what hipchat.check finds of ChatOps."""
import pytest

from chatops.command import prefix_filter
from chatops.stackstorm import StackStorm
from hipchat.errors import NoAnswer

RULES = ["hipchat.run_command", "hipchat.tell_result", "hipchat.tell_inquiry"]


@pytest.fixture
def rules(stackstorm, monkeypatch):
    """The three rules, by ref."""
    monkeypatch.setenv("ST2_ACTION_API_URL", stackstorm._url + "/v1")
    return lambda: {ref: stackstorm.api("GET", "/v1/rules/" + ref) for ref in RULES}


@pytest.fixture
def config(hipchat, stackstorm):
    room = hipchat.api("GET", "/room/" + stackstorm.room).json()["id"]
    hipchat.people.say(stackstorm.room, "Ann", "hello")
    ann = hipchat.api("GET", "/user/@Ann").json()["id"]
    return dict(stackstorm.config, chatops={"rooms": [room], "allow": [
        {"commands": ["*"], "people": [ann]}]})


def test_rules_are_enabled_with_the_prefix_and_disabled_again(act, rules, config):
    config["chatops"]["prefix"] = "!!"
    assert act("enable_chatops", config=config) == (True, {"rules": RULES, "enabled": True})
    assert all(rule["enabled"] for rule in rules().values())
    assert rules()[RULES[0]]["trigger"]["parameters"] == {"filter": prefix_filter("!!")}
    assert act("enable_chatops", config=config, enabled=False)[0]
    assert not any(rule["enabled"] for rule in rules().values())


def test_nothing_is_enabled_with_a_wrong_config(act, rules, config):
    config["chatops"]["rooms"] = ["Factor"]
    succeeded, result = act("enable_chatops", config=config)
    assert not succeeded and "'Factor' is no id of a room" in result["error"]


def test_rules_are_disabled_where_the_config_has_no_chatops_any_more(
        act, rules, config, stackstorm):
    act("enable_chatops", config=config)
    line, = TestCheck().lines(act, stackstorm.config)
    assert line.startswith("TO DO: chatops: the config has none, but hipchat.run_command and")
    assert act("enable_chatops", config=stackstorm.config, enabled=False)[0]
    assert not any(rule["enabled"] for rule in rules().values())
    assert TestCheck().lines(act, stackstorm.config) == []


class TestCheck:
    """hipchat.check, the lines that are about ChatOps."""

    def lines(self, act, config):
        return [line for line in act("check", config=config)[1]["lines"] if "chatops" in line]

    def test_says_nothing_without_chatops(self, act, rules, stackstorm):
        assert self.lines(act, stackstorm.config) == []

    def test_of_a_healthy_set_up_has_a_line_for_each_thing(self, act, rules, config, stackstorm):
        act("enable_chatops", config=config)
        assert self.lines(act, config) == [
            "ok: chatops: its rules are enabled, commands begin with !",
            "ok: chatops: without chatops.api_key, commands run as StackStorm's system user, who "
            "may do everything",
            f"ok: chatops.rooms: {config['chatops']['rooms'][0]} is {stackstorm.room}",
            "ok: chatops.allow: HipChat knows all whom it names"]
        act("enable_chatops", config=config, enabled=False)

    @pytest.mark.parametrize("change, words", [
        ({}, "hipchat.tell_inquiry are disabled (an update of the pack does that). Run hipchat."),
        ({"rooms": [9]}, "chatops.rooms: 9: HipChat answered 404"),
        ({"allow": [{"commands": ["*"], "people": [9]}]}, "HipChat knows nobody with the id 9"),
        ({"allow": []}, "it allows nothing"),
        ({"rooms": ["Factor"]}, "config: chatops.rooms: 'Factor' is no id of a room")])
    def test_says_what_is_to_be_done(self, act, rules, config, change, words):
        config["chatops"].update(change)
        assert any(line.startswith("TO DO: ") and words in line
                   for line in self.lines(act, config))

    def test_finds_a_room_that_is_not_listened_to(self, act, rules, config, hipchat):
        config["rooms"] = ["Factor"]
        assert any("whose messages are not listened for. Name it in rooms, too." in line
                   for line in self.lines(act, config))

    @pytest.mark.parametrize("rooms", ["all", "capitals"])
    def test_knows_a_room_that_is_listened_to(self, act, rules, config, stackstorm, rooms):
        config["rooms"] = rooms if rooms == "all" else [stackstorm.room.upper()]
        assert "ok: chatops.rooms: {} is {}".format(
            config["chatops"]["rooms"][0], stackstorm.room) in self.lines(act, config)

    def test_goes_on_where_people_cannot_be_looked_up(self, act, rules, config, start_hipchat):
        server = start_hipchat("--room", "Factor", "--token", "narrow:view_room")
        config.update(api_url=server.url, api_key="narrow", rooms="all")
        assert any("whom it names cannot be looked up: HipChat answered 403" in line
                   for line in self.lines(act, config))

    def test_finds_a_hipchat_that_does_not_tell_whose_token_it_is(
            self, act, rules, config, monkeypatch):
        def session(client):
            raise NoAnswer("HipChat answered 404")
        monkeypatch.setattr("hipchat.api.client.Client.token_info", session)
        assert any("no command is run. HipChat answered 404" in line
                   for line in self.lines(act, config))

    @pytest.mark.parametrize("key, named", [
        ("allow", lambda owner: [{"commands": ["*"], "people": [owner]}]),
        ("api_keys", lambda owner: {str(owner): "key"})])
    def test_finds_a_person_whom_the_pack_takes_for_itself(
            self, act, rules, config, hipchat, key, named):
        owner = hipchat.api("GET", "/user/@SandboxOwner").json()["id"]
        config["chatops"][key] = named(owner)
        assert self.lines(act, config)[-1] == (
            "TO DO: chatops: {} is the owner of api_key, whose words are taken for the pack's own "
            "and ignored. Make the token with an account of its own.".format(owner))

    def test_finds_aliases_that_have_one_name(self, act, rules, config, monkeypatch):
        aliases = StackStorm.aliases
        monkeypatch.setattr(StackStorm, "aliases", lambda own: [
            *aliases(own), {"pack": "web", "name": "rooms", "enabled": False}])
        assert any("and hipchat.rooms and web.rooms have the same" in line
                   for line in self.lines(act, config))

    def test_finds_a_prefix_that_the_rule_does_not_hear(self, act, rules, config):
        act("enable_chatops", config=config)
        config["chatops"]["prefix"] = "?"
        assert any("does not listen to the prefix ?" in line for line in self.lines(act, config))
        act("enable_chatops", config=config, enabled=False)
