"""The action hipchat.send: what it sends, what it returns, and what it says when it cannot."""
import socket
import subprocess
import sys
import uuid

import jsonschema
import pytest
import yaml
from support import REPOSITORY
from support.waiting import wait_until

from sandbox.stackstorm import platform_modules, plugins

DEFAULTS = {"format": "text", "color": "gray", "notify": False, "from": None, "card": None,
            "attach_to": None}
CARD = {"style": "application", "id": "c1", "title": "Deployed", "format": "medium",
        "url": "https://ci.example.com/7", "description": "All is well",
        "attributes": [{"label": "by", "value": {"label": "Ann", "style": "lozenge-success"}}]}


@pytest.fixture(scope="module")
def definition():
    return yaml.safe_load((REPOSITORY / "actions" / "send.yaml").read_text())


@pytest.fixture(scope="module")
def action_class():
    platform_modules.install_base_classes()
    from st2common.runners.base_action import Action
    return plugins.load_class(REPOSITORY / "actions" / "send.py", (Action,))


@pytest.fixture
def send(hipchat, action_class, definition):
    """Run the action: send(config={...}, **parameters) -> (succeeded, result)."""

    def run(config=None, **parameters):
        config = dict({"api_key": hipchat.token, "api_url": hipchat.url}, **config or {})
        succeeded, result = action_class(config).run(**parameters)
        jsonschema.validate(result, definition["output_schema"])
        assert hipchat.token not in str(result)
        return succeeded, result

    return run


def last_line(hipchat, room):
    return hipchat.people.transcript(room)[-1]


class TestThroughStackstorm:
    """The action as StackStorm runs it, with the defaults of its YAML file."""

    def test_sends_a_gray_text_to_the_default_room(self, hipchat, stackstorm):
        text = "hello " + uuid.uuid4().hex
        succeeded, result = stackstorm.run_action("hipchat.send", message=text)
        assert succeeded
        assert result == dict(DEFAULTS, room=stackstorm.room, message=text)
        line = last_line(hipchat, stackstorm.room)
        assert (line["what"], line["color"], line["format"], line["type"]) == (
            text, "gray", "text", "notification")

    def test_sends_all_that_it_is_given(self, hipchat, stackstorm, room, definition):
        parameters = {"room": room, "message": "<b>done</b>", "format": "html", "color": "green",
                      "notify": True, "from": "CI", "card": CARD,
                      "attach_to": hipchat.people.say(room, "Anna", "What did you do?")}
        succeeded, result = stackstorm.run_action("hipchat.send", **parameters)
        assert succeeded and result == parameters
        jsonschema.validate(result, definition["output_schema"])
        line = last_line(hipchat, room)
        assert (line["who"], line["what"], line["color"], line["format"], line["card"],
                line["attach_to"]) == ("CI", "<b>done</b>", "green", "html", CARD,
                                       parameters["attach_to"])

    def test_fails_with_hipchats_words_and_the_remedy(self, stackstorm):
        succeeded, result = stackstorm.run_action("hipchat.send", message="hi", room="Nowhere")
        assert not succeeded
        assert result["status"] == 404
        assert "Nowhere" in result["error"] and result["remedy"] in result["error"]

    @pytest.mark.parametrize("wrong", [
        {}, {"message": "hi", "color": "blue"}, {"message": "hi", "format": "markdown"},
        {"message": "hi", "notify": "perhaps"}, {"message": "hi", "card": "no object"},
        {"message": "hi", "chat": "Factor"}])
    def test_is_refused_with_parameters_that_it_cannot_have(self, stackstorm, wrong):
        with pytest.raises(AssertionError, match="faultstring"):
            stackstorm.run_action("hipchat.send", **wrong)


class TestSent:
    """What HipChat gets."""

    @pytest.mark.parametrize("color, sent", [
        ("grey", "gray"), ("gray", "gray"), ("yellow", "yellow"), ("green", "green"),
        ("red", "red"), ("purple", "purple"), ("random", "random")])
    def test_color(self, hipchat, send, room, color, sent):
        succeeded, result = send(room=room, message="hi", color=color)
        assert succeeded and result["color"] == sent
        assert last_line(hipchat, room)["color"] == sent

    @pytest.mark.parametrize("text", [
        "x", "x" * 10000, "☃ \U0001f389 wörld\nsecond line", "{{ 7 * 7 }} <% 7 %>",
        "(success) @all https://example.com/?a=b&c=d", "\U0001f389" * 10000])
    def test_message(self, hipchat, send, room, text):
        succeeded, result = send(room=room, message=text)
        # What is returned may be passed on to a workflow, so templates in it are broken up.
        assert succeeded and result["message"].replace("\u200b", "") == text
        assert last_line(hipchat, room)["what"] == text

    @pytest.mark.parametrize("label", ["", "CI", "x" * 64, "Bäckerei ☃"])
    def test_from(self, hipchat, send, room, label):
        succeeded, result = send(room=room, message="hi", **{"from": label})
        assert succeeded and result["from"] == label
        assert last_line(hipchat, room)["who"] == (label or "Sandbox Owner")

    @pytest.mark.parametrize("name", [
        "Ops & Dev #1?", "50% + more", "Grüße aus Köln ☃", "a;b=c", "..", "\"'<>"])
    def test_room_whatever_its_name(self, hipchat, send, name):
        if name != "..":
            name += " " + uuid.uuid4().hex[:6]
            assert hipchat.api("POST", "/room", json={"name": name}).status_code == 201
            succeeded, result = send(room=name, message="hi")
            assert succeeded and result["room"] == name
            assert last_line(hipchat, name)["what"] == "hi"

    def test_room_by_its_id(self, hipchat, send, room):
        number = str(hipchat.api("GET", "/room/" + room).json()["id"])
        succeeded, result = send(room=number, message="hi")
        assert succeeded and result["room"] == number
        assert last_line(hipchat, room)["what"] == "hi"

    def test_default_room_where_none_is_given(self, hipchat, send, room):
        succeeded, result = send({"default_room": room}, message="hi", room=None)
        assert succeeded and result["room"] == room

    def test_nowhere_where_the_name_of_the_room_is_empty(self, send, room):
        succeeded, result = send({"default_room": room}, message="hi", room="")
        assert not succeeded and "The room '' must be the name or the id" in result["error"]


class TestCheckedBeforehand:
    """What is wrong without asking HipChat, which then is not asked."""

    @pytest.mark.parametrize("parameters, named", [
        ({"message": ""}, ["message", "0", "10000"]),
        ({"message": "x" * 10001}, ["message", "10001", "10000"]),
        ({"message": "hi", "from": "x" * 65}, ["from", "65", "64"]),
        ({"message": "hi", "attach_to": "x" * 37}, ["attach_to", "37", "36"]),
        ({"message": "hi", "room": "."}, ["'.'"]),
        ({"message": "hi", "room": ".."}, ["'..'"]),
        ({"message": "hi", "room": None}, ["room", "default_room"]),
    ])
    def test_parameters(self, hipchat, send, room, parameters, named):
        def sent():  # what other tests have begun may still ask the same HipChat
            return [call for call in hipchat.people.requests()
                    if call["path"].endswith("/notification")]

        before = sent()
        succeeded, result = send(**dict({"room": room}, **parameters))
        assert not succeeded
        for words in named:
            assert words in result["error"]
        assert sent() == before

    @pytest.mark.parametrize("config, named", [
        ({"api_key": None}, ["api_key", "personal access token"]),
        ({"api_key": "two words"}, ["api_key", "copy"]),
        ({"api_url": "hipchat.example.com"}, ["api_url", "hipchat.example.com", "https://"]),
        ({"api_url": "https://hipchat.example.com/v1"}, ["api_url", "/v2"]),
        ({"timeout": 0}, ["timeout", "0", "number"]),
        ({"verify_tls": "no"}, ["verify_tls", "true or false"]),
    ])
    def test_config(self, send, room, config, named):
        succeeded, result = send(config, room=room, message="hi")
        assert not succeeded
        for words in named:
            assert words in result["error"]


class TestRefusedByHipchat:
    """HipChat's own words, with status and field, and what to do."""

    def test_an_unknown_token(self, send, room):
        succeeded, result = send({"api_key": "wrong" * 8}, room=room, message="hi")
        assert (succeeded, result["status"], result["field"]) == (False, 401, None)
        assert "Invalid OAuth session" in result["error"]
        for words in ("api_key", "personal access token", "Group API (v1) key"):
            assert words in result["remedy"]
        assert "wrongwrong" not in str(result)

    def test_a_token_without_the_scope(self, start_hipchat, send):
        hipchat = start_hipchat("--room", "Factor", "--token", "weak:view_room,view_group")
        succeeded, result = send({"api_key": "weak", "api_url": hipchat.url}, room="Factor",
                                 message="hi")
        assert (succeeded, result["status"]) == (False, 403)
        assert "send_notification" in result["error"]
        assert "scope" in result["remedy"]

    def test_an_unknown_room(self, send):
        succeeded, result = send(room="Nowhere & never", message="hi")
        assert (succeeded, result["status"]) == (False, 404)
        assert "Room 'Nowhere & never' not found" in result["error"]
        assert "name or id" in result["remedy"]

    @pytest.mark.parametrize("parameters, field", [
        ({"color": "blue"}, "color"), ({"format": "markdown"}, "message_format")])
    def test_a_wrong_field(self, send, room, parameters, field):
        succeeded, result = send(room=room, message="hi", **parameters)
        assert (succeeded, result["status"]) == (False, 400)
        assert result["field"].startswith(field)
        assert repr(result["field"]) in result["error"] and "field" in result["remedy"]

    def test_trouble_of_its_own(self, hipchat, send, room):
        self.fault(hipchat, room, status=500, body="<html>a proxy's page</html>")
        succeeded, result = send(room=room, message="hi")
        assert (succeeded, result["status"]) == (False, 500)
        assert "later" in result["remedy"] and "<html>" not in result["error"]

    @pytest.mark.parametrize("reset", ["float", "relative"])
    def test_too_many_calls_are_waited_out(self, hipchat, send, room, reset):
        self.fault(hipchat, room, rate_limited=reset, resets_in=1, times=1)
        succeeded, _ = send(room=room, message="at last")
        assert succeeded
        assert last_line(hipchat, room)["what"] == "at last"
        assert len(hipchat.people.transcript(room)) == 1

    def test_too_many_calls_fail_if_that_would_take_longer_than_is_configured(
            self, hipchat, send, room):
        self.fault(hipchat, room, rate_limited=True, resets_in=30)
        succeeded, result = send({"rate_limit_wait": 1}, room=room, message="hi")
        assert (succeeded, result["status"]) == (False, 429)
        assert any(f"in {seconds} s" in result["remedy"] for seconds in (29, 30, 31))
        assert hipchat.people.transcript(room) == []

    def fault(self, hipchat, room, **fault):
        hipchat.people.faults(dict({
            "paths": room.replace(" ", "%20") + "/notification", "times": 1}, **fault))


class TestNoAnswer:
    """HipChat that cannot be reached, or does not answer."""

    def test_within_the_timeout(self, hipchat, send, room):
        hipchat.people.faults({"paths": room.replace(" ", "%20"), "delay": 1, "times": 1})
        succeeded, result = send({"timeout": 0.2}, room=room, message="hi")
        assert not succeeded
        assert "0.2 s" in result["error"] and "timeout" in result["error"]
        wait_until(lambda: hipchat.people.transcript(room))  # else the delay outlives the test

    def test_where_nobody_listens(self, send, room, monkeypatch):
        monkeypatch.setattr("hipchat.timing.RETRY_DELAYS", ())
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{unused.getsockname()[1]}"
            succeeded, result = send({"api_url": "http://" + address}, room=room, message="hi")
        assert not succeeded
        assert address in result["error"] and "api_url" in result["error"]

    def test_over_a_connection_that_breaks(self, hipchat, send, room):
        hipchat.people.faults({"paths": room.replace(" ", "%20"), "reset": True, "times": 1})
        succeeded, result = send(room=room, message="hi")
        assert not succeeded
        assert "api_url" in result["error"]


def test_the_action_needs_little_to_start():
    """Each run is a process of its own: the sensor's dependencies must not be paid for."""
    code = ("import sys; sys.path[:0] = sys.argv[1:]\n"
            "from sandbox.stackstorm import platform_modules\n"
            "before = set(sys.modules)\n"
            "import hipchat.api.client, hipchat.config.api_settings\n"
            "print(sorted({'eventlet', 're2', 'sqlite3'} & (set(sys.modules) - before)))")
    out = subprocess.check_output([sys.executable, "-c", code, str(REPOSITORY),
                                   str(REPOSITORY / "actions" / "lib")], universal_newlines=True)
    assert out.strip() == "[]"
