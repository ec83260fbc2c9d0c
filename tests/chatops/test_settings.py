"""The config of ChatOps: deny by default, ids only, and words for what is wrong."""
import pytest

from chatops.permissions import Permissions
from chatops.settings import ChatOpsSettings
from hipchat.errors import ConfigError

ROOM, OTHER_ROOM, ANN, BOB = 1001, 1002, 2002, 2003


def settings(config=None, **chatops):
    return ChatOpsSettings.from_config(dict(config or {}, chatops=dict({"rooms": [ROOM]},
                                                                       **chatops)))


def permissions(*allow, **more):
    return Permissions(settings(allow=list(allow), **more))


@pytest.mark.parametrize("key, value, words", [
    ("rooms", ["Factor"], "chatops.rooms[0] is 'Factor': it must be the id of a room"),
    ("rooms", [], "chatops.rooms: list the ids"),
    ("rooms", 1001, "chatops.rooms is 1001: it must be a list"),
    ("rooms", [True], "chatops.rooms[0] is True: it must be the id of a room"),
    ("prefix", "{!", "chatops.prefix is '{!'"),
    ("prefix", "st2 ", "chatops.prefix is 'st2 '"),
    ("allow", "all", "chatops.allow is 'all': it must be a list"),
    ("allow", [{"commands": ["*"]}], "chatops.allow[0].people: it must be a list of ids, or \"*\""),
    ("allow", [{"commands": ["*"], "people": ["@Ann"]}],
     "allow[0].people is '@Ann': it must be the id of a person"),
    ("allow", [{"commands": "*", "people": "*"}], "chatops.allow[0].commands is '*'"),
    ("allow", [{"command": ["*"], "people": "*"}], "it must be an object with commands, people"),
    ("api_keys", {"@Ann": "key"}, "chatops.api_keys is '@Ann': it must be the id of a person"),
    ("extra_parameters", "yes", "chatops.extra_parameters is 'yes'"),
    ("people", [2002], "chatops.people: there is no such key"),
])
def test_a_wrong_value_is_named_with_its_remedy(key, value, words):
    with pytest.raises(ConfigError) as error:
        settings(**{key: value})
    assert words in str(error.value)


def test_a_wrong_key_of_stackstorms_is_not_shown():
    with pytest.raises(ConfigError) as error:
        settings(api_key="a secret", api_keys={"2002": "b secret"})
    assert "secret" not in str(error.value) and "chatops.api_keys.2002" in str(error.value)


@pytest.mark.parametrize("chatops, there", [
    (None, False), ({}, False), ({"prefix": "!", "rooms": [], "allow": []}, False),
    ({"rooms": [1]}, True), ({"allow": [{}]}, True), ("yes", True)])
def test_stackstorms_defaults_do_not_switch_chatops_on(chatops, there):
    assert ChatOpsSettings.are_in({"chatops": chatops}) is there


class TestPermissions:
    def test_deny_without_a_grant(self):
        assert not permissions().may_any(ANN, ROOM) and not permissions().may("a.b", ANN, ROOM)

    def test_are_for_commands_by_pack_and_alias(self):
        found = permissions({"commands": ["deploy.*", "core.local"], "people": [ANN]})
        assert found.may("deploy.run", ANN, ROOM) and found.may("core.local", ANN, ROOM)
        assert not found.may("core.remote", ANN, ROOM) and not found.may("DEPLOY.run", ANN, ROOM)

    def test_are_for_people_by_id_as_number_or_text(self):
        found = permissions({"commands": ["*"], "people": [str(ANN)]})
        assert found.may("a.b", ANN, ROOM) and not found.may("a.b", BOB, ROOM)

    def test_are_for_rooms_and_only_where_commands_are_taken(self):
        found = permissions({"commands": ["*"], "people": "*", "rooms": [ROOM, OTHER_ROOM]})
        assert found.may("a.b", BOB, ROOM) and not found.may("a.b", BOB, OTHER_ROOM)
        found = permissions({"commands": ["*"], "people": "*"}, rooms=[ROOM, OTHER_ROOM])
        assert found.may("a.b", BOB, OTHER_ROOM)

    def test_name_the_people_who_may(self):
        found = permissions({"commands": ["a.*"], "people": [BOB]},
                            {"commands": ["a.b"], "people": [ANN]},
                            {"commands": ["z.*"], "people": "*"})
        assert found.people_for("a.b", ROOM) == [ANN, BOB]
        assert found.people_for("a.c", ROOM) == [BOB]
        assert found.people_for("z.z", ROOM) is None and found.people_for("b.b", ROOM) == []
