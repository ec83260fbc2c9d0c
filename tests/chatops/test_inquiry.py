"""Questions of workflows in a room: the text, the permission and the format of answers."""
from contextlib import nullcontext

import pytest

from chatops.errors import CommandRejected, StackStormError
from chatops.inquiry import about_question, check_may_answer, question, response_of
from chatops.settings import ChatOpsSettings

YES_NO = {"type": "object", "properties": {
    "continue": {"type": "boolean", "description": "Go on?", "required": True}}}
TWO = {"type": "object", "properties": {"host": {"type": "string"}, "count": {"type": "integer"}}}
LIST = {"type": "object", "properties": {"hosts": {"type": "array"}}}
ANN, BOB, ROOM = 2002, 2003, 1001


def inquiry(schema=YES_NO, users=(), roles=()):
    return {"id": "5f", "route": "", "ttl": 60, "users": list(users), "roles": list(roles),
            "schema": schema}


def settings(**more):
    return ChatOpsSettings.from_config({"chatops": dict({"rooms": [ROOM], "allow": [
        {"commands": ["ops.deploy"], "people": [ANN]}]}, **more)})


def test_the_question_says_who_asks_and_how_to_answer():
    assert question(inquiry(), "ops.deploy", "!").splitlines() == [
        "ops.deploy asks, for at most 60 minutes:", "continue: Go on?",
        "Answer with: !answer 5f yes (or no)"]


def n(**field):
    """The schema of a question with one field."""
    return {"properties": {"n": field}}


@pytest.mark.parametrize("schema, example", [
    (TWO, '{"host": "string", "count": "integer"}'), (LIST, "<one, two>"), ({}, "ok"),
    (n(type="number"), "<number>"), (n(), "<text>")])
def test_the_question_shows_an_example(schema, example):
    assert question(inquiry(schema), "ops.deploy", "!").splitlines()[-1] == (
        f"Answer with: !answer 5f {example}")


def test_a_question_for_a_secret_says_that_the_room_reads_the_answer():
    words = "Everyone in this room can read"
    assert words in question(inquiry(n(type="string", secret=True)), "ops.deploy", "!")
    assert words not in question(inquiry(TWO), "ops.deploy", "!")


@pytest.mark.parametrize("schema, words, response", [
    (YES_NO, "yes", {"continue": True}), (YES_NO, "No", {"continue": False}),
    (YES_NO, "Yes!", {"continue": True}), (YES_NO, "no.", {"continue": False}),
    (LIST, "h1, h2", {"hosts": ["h1", "h2"]}), (LIST, "h1", {"hosts": ["h1"]}), ({}, "ok", {}),
    (n(type="array", items={"type": "integer"}), "1,2", {"n": [1, 2]}),
    (n(type="integer"), "12", {"n": 12}), (n(type="number"), "1.5", {"n": 1.5}),
    (n(type="string"), "as you like", {"n": "as you like"}),
    ({"properties": dict(TWO["properties"], why={"type": "string", "required": True})}, "so",
     {"why": "so"}),
    (n(type=["null", "boolean"]), "yes", {"n": True}), (n(type=[]), "yes", {"n": "yes"}),
    (TWO, '{"host": "h1", "count": 2}', {"host": "h1", "count": 2})])
def test_words_are_a_response(schema, words, response):
    assert response_of(words, inquiry(schema)) == response


@pytest.mark.parametrize("schema, words, said", [
    (YES_NO, "maybe", '"maybe" is no answer to that question. Answer with yes or no'),
    (YES_NO, "yes?", "Answer with yes or no"),
    (YES_NO, "yes, but tomorrow", "Answer with yes or no"),
    (n(type="array", items={"type": "integer"}), "1, x", "a number"),
    (TWO, "h1", "takes several answers"), (n(type="integer"), "many", "Answer with a number"),
    (n(type=["integer", "null"]), "many", "Answer with a number"),
    (n(type="number"), "nan", "only finite numbers"),
    (TWO, '{"count": [1e999]}', "only finite numbers"),
    (TWO, '{"host": "h1"', "is no JSON object"), (TWO, '{"a":' + "[" * 5000, "is no JSON object")])
def test_words_that_are_none_are_refused(schema, words, said):
    with pytest.raises(CommandRejected, match=said):
        response_of(words, inquiry(schema))


def test_templates_that_json_hides_are_neutralized():
    hidden = r'{"host": "\u007b\u007b st2kv.system.secret \u007d\u007d"}'
    assert "{{" not in response_of(hidden, inquiry(TWO))["host"]


@pytest.mark.parametrize("status, words, said", [
    (404, "The resource could not be found.", "There is no such question"),
    (403, "Requesting user \"<UserDB: UserDB(...)>\" does not have permission", "not for you"),
    (403, "User \"ann\" doesn't have required permission \"inquiry_respond\"", None),
    (500, "Internal Server Error", None)])
def test_stackstorms_errors_about_a_question_are_in_our_words(status, words, said):
    with pytest.raises(CommandRejected if said else StackStormError, match=said or words):
        with about_question():
            raise StackStormError("GET /v1/inquiries/5f", status, words)


NAMED, ROLE = inquiry(users=["st2admin", str(BOB)]), inquiry(roles=["admin"])
KEYS = {"api_keys": {str(ANN): "key", str(BOB): "key"}}


@pytest.mark.parametrize("asked, person, alias, rbac, config, may", [
    (inquiry(), ANN, "ops.deploy", True, {}, True),
    (inquiry(), BOB, "ops.deploy", True, {}, False),
    (inquiry(), ANN, "ops.other", True, {}, False),
    (NAMED, BOB, "ops.deploy", True, {}, True), (NAMED, ANN, "ops.deploy", True, {}, False),
    (ROLE, ANN, "ops.deploy", True, {}, False), (ROLE, ANN, "ops.deploy", True, KEYS, True),
    (ROLE, ANN, "ops.deploy", False, KEYS, False),
    (inquiry(users=["bob"]), BOB, "ops.deploy", True, KEYS, True),
], ids=["may-run", "may-not-run", "other-command", "named", "not-named", "role-without-keys",
        "role", "role-without-rbac", "stackstorm-looks-at-the-person"])
def test_who_may_answer(asked, person, alias, rbac, config, may):
    with nullcontext() if may else pytest.raises(CommandRejected):
        check_may_answer(asked, alias, person, ROOM, settings(**config), lambda: rbac)
