"""hipchat.tell_inquiry and !answer: a workflow's question in a room, and who may answer it.

The sandbox runs no workflows: StackStorm's API is played here, by what a real one answered.
"""
import json
import threading
import uuid
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

ASKED, BEGUN, ALIAS, OWN = (each * 12 for each in ("5a", "5b", "5c", "5d"))
ALREADY = f"Inquiry {ASKED} has already been responded to"


class Api:
    """Answers by (method, path without a query); puts are the bodies of PUT."""

    def __init__(self, answers):
        self.puts, api = [], self

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                status, body = answers.get((self.command, self.path.partition("?")[0]), (404, {}))
                length = int(self.headers.get("Content-Length") or 0)
                if length:
                    api.puts.append(json.loads(self.rfile.read(length)))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            do_GET = do_PUT = answer

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


class Asking:
    """A room in which a workflow asks."""

    def __init__(self, act, hipchat, room, answers, api):
        self._act, self._people, self._room, self.api = act, hipchat.people, room, api
        self.room_id = hipchat.api("GET", "/room/" + room).json()["id"]
        self.ids = {}
        for name in ("Ann", "Bob"):
            self._people.say(room, name, "hello")
            self.ids[name] = hipchat.api("GET", "/user/@" + name).json()["id"]
        self.answers = answers
        self.begin(self.room_id)

    def begin(self, room_id, users=()):
        context = {"action_alias_ref": {"id": ALIAS, "name": "deploy"},
                   "source_channel": str(room_id), "api_user": str(self.ids["Ann"])}
        self.answers.update({
            ("GET", "/v1/executions"): (200, [{"id": OWN, "parameters": {}}]),
            ("GET", "/v1/executions/" + ASKED): (200, {"id": ASKED, "parent": BEGUN}),
            ("GET", "/v1/executions/" + BEGUN): (200, {
                "id": BEGUN, "context": context, "action": {"ref": "ops.deploy"}}),
            ("GET", "/v1/actionalias/" + ALIAS): (200, {"pack": "ops", "name": "deploy"}),
            ("PUT", "/v1/inquiries/" + ASKED): (200, {}),
            ("GET", "/v1/inquiries/" + ASKED): (200, {
                "id": ASKED, "route": "", "ttl": 60, "users": list(users), "roles": [],
                "schema": {"properties": {"go": {"type": "boolean", "description": "Go on?"}}}})})

    def run(self, action, **given):
        """The action's result, and what the room was told."""
        before = len(self._people.transcript(self._room))
        result = self._act(action, config={"chatops": {"rooms": [self.room_id], "allow": [
            {"commands": ["ops.deploy"], "people": [self.ids["Ann"]]},
            {"commands": ["other.*"], "people": "*"}]}}, **given)[1]
        return result, [line["what"] for line in self._people.transcript(self._room)[before:]]

    def answer(self, person, words):
        return self.run("run_command", message="!answer " + words, person=self.ids[person],
                        message_id=str(uuid.uuid4()), room=self.room_id, mention=person,
                        date=datetime.now(timezone.utc).isoformat())


@pytest.fixture
def asking(act, hipchat, room, monkeypatch):
    answers = {}
    api = Api(answers)
    monkeypatch.setenv("ST2_ACTION_API_URL", api.url)
    monkeypatch.setenv("ST2_ACTION_EXECUTION_ID", OWN)
    yield Asking(act, hipchat, room, answers, api)
    api.stop()


def test_the_question_stands_in_the_room_with_the_way_to_answer_it(asking):
    _, (told,) = asking.run("tell_inquiry", inquiry_id=ASKED)
    assert told == ("@Ann ops.deploy asks, for at most 60 minutes:\ngo: Go on?\n"
                    "Answer with: !answer {} yes (or no)".format(ASKED))


def test_a_question_that_no_command_led_to_is_not_told(asking):
    asking.begin("general")
    assert asking.run("tell_inquiry", inquiry_id=ASKED)[1] == []


def test_who_may_run_the_command_may_answer(asking):
    assert asking.answer("Ann", ASKED + " yes") == (
        {"outcome": "answered", "inquiry": ASKED, "said": ["Thank you, it goes on."]},
        ["@Ann Thank you, it goes on."])
    assert asking.api.puts == [{"id": ASKED, "response": {"go": True}}]


@pytest.mark.parametrize("users", [[], ["st2admin"]])
def test_somebody_else_may_not(asking, users):
    asking.begin(asking.room_id, users)
    _, (told,) = asking.answer("Bob", ASKED + " yes")
    assert "That question is not for you to answer" in told and asking.api.puts == []


def test_whom_the_question_names_may(asking):
    asking.begin(asking.room_id, ["st2admin", str(asking.ids["Bob"])])
    assert asking.answer("Bob", ASKED + " no")[0]["outcome"] == "answered"
    assert asking.api.puts == [{"id": ASKED, "response": {"go": False}}]


def test_it_is_answered_where_it_was_asked(asking):
    asking.begin(asking.room_id + 1)
    assert asking.answer("Ann", ASKED + " yes")[1] == ["@Ann That was not asked in this room."]


def test_what_stackstorm_refuses_is_told_in_its_words(asking):
    asking.answers["PUT", "/v1/inquiries/" + ASKED] = (400, {"faultstring": ALREADY})
    assert asking.answer("Ann", ASKED + " yes")[1] == ["@Ann " + ALREADY]
