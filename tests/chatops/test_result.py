"""The acknowledgement of a command, and its result in the room."""
import pytest
from jinja2.defaults import DEFAULT_FILTERS

from chatops.reply import Reply, ack_of
from chatops.result import result_of
from chatops.stackstorm import command_key, room_of, source_of
from sandbox.stackstorm import platform_modules

URL = "https://st2/#/history/5f"
CONTEXT = {"action_alias_ref": {"id": "a1", "name": "x"}, "source_channel": "1001",
           "api_user": "2002"}


@pytest.fixture(autouse=True)
def filters():
    platform_modules.install_base_classes()


def execution(status="succeeded", result=None, runner="python-script", **more):
    return dict({"id": "5f", "status": status, "action": {"ref": "ops.deploy"}, "web_url": URL,
                 "runner": {"name": runner}, "parameters": {}, "context": CONTEXT,
                 "result": result or {}}, **more)


def rendered(format=None, extra=None, **more):
    wanted = {key: value for key, value in (("format", format), ("extra", extra)) if value}
    return result_of(execution(**more), {"name": "deploy", "result": wanted})


@pytest.mark.parametrize("status, color", [
    ("succeeded", "green"), ("failed", "red"), ("timeout", "red"), ("abandoned", "red"),
    ("canceled", "gray")])
def test_color_shows_how_it_ended(status, color):
    assert rendered("{{ execution.status }}!", status=status) == Reply(
        status + "!", color=color, web_url=URL)


def test_text_and_code_are_parted():
    assert rendered("Done: {~}\n  a\n  b\n")[:2] == ("Done:", "  a\n  b")


HOSTILE = "{{ execution.id }} {% raw %} <% 7*7 %> {{ nosuch.x }}"


@pytest.mark.parametrize("format, result, text", [
    ("It says {{ execution.result.stdout }}", {"stdout": HOSTILE}, "It says " + HOSTILE),
    ("[{{ nosuch }}]", {}, "[]"),
    ("{{ execution.result | to_json_string }}", {"a": 1}, '{"a": 1}'),
], ids=["output-once", "undefined-names-empty", "filters-of-stackstorm"])
def test_is_rendered_as_by_stackstorms_own_chatops(format, result, text):
    assert rendered(format, result=result).text == text


def test_map_knows_stackstorms_filters(monkeypatch):
    monkeypatch.setattr("chatops.result._ENVIRONMENT.filters", dict(DEFAULT_FILTERS))
    assert rendered('{{ execution.result.files | map("basename") | join(", ") }}',
                result={"files": ["/tmp/a", "b"]}).text == "a, b"


@pytest.mark.parametrize("format", ["{{ nosuch.x.y }}", "{{", "{{ 1 / 0 }}", "{{ x | nofilter }}"])
def test_where_it_cannot_be_rendered_the_room_learns_no_more_than_how_it_ended(format):
    result = {"stderr": "secret", "result": "secret"}
    text = rendered(format, status="failed", result=result).text
    assert text.startswith("ops.deploy ended: failed. (A template of the alias deploy fails")
    assert text.endswith(URL) and "secret" not in text
    assert rendered(format, web_url=None).text.endswith("Its execution is 5f")


def test_an_extra_that_cannot_be_rendered_leaves_the_default_text():
    text = rendered(extra={"hipchat": {"color": "{{ nosuch.x.y }}"}},
                    result={"stderr": "no host"}).text
    assert "stderr : no host" in text and "A template of the alias deploy fails" in text


@pytest.mark.parametrize("private", [True, "yes", "{{ execution.status == 'failed' }}"])
def test_a_private_result_stays_private_where_it_cannot_be_rendered(private):
    extra = {"hipchat": {"private": private}}
    assert rendered("{{ execution.result.result.user.password }}", extra, status="failed",
                result={"result": None}).private
    assert not rendered("{{ nosuch.x.y }}", {"hipchat": {"private": False}}).private


def test_a_result_of_a_deleted_alias_is_not_shown():
    text = result_of(execution(result={"result": "secret"}), None).text
    assert "ops.deploy ended: succeeded." in text and URL in text and "secret" not in text


def test_output_of_a_command_is_not_treated_as_html():
    html = {"hipchat": {"format": "html"}}
    assert rendered(extra=html, result={"result": "<a href=x>"}).format == "text"
    assert rendered("<b>x</b>", html).format == "html"


def test_extra_says_how_it_is_shown():
    answer = rendered("x", {"hipchat": {
        "color": "{{ 'purple' if execution.status == 'succeeded' else 'red' }}", "notify": True,
        "private": True, "reply": "{{ 1 == 1 }}", "format": "html",
        "card": {"title": "{{ execution.id }}"}}})
    assert answer == Reply("x", color="purple", format="html", notify=True, private=True,
                           reply=True, card={"title": "5f"}, web_url=URL)


def test_extra_cannot_be_changed_by_output():
    answer = rendered("x", {"hipchat": {"color": "{{ execution.result.stdout }}"}},
                  result={"stdout": '", "private": true, "x": "'})
    assert not answer.private and answer.color == "green"


def test_a_disabled_result_is_not_posted():
    assert result_of(execution(), {"name": "x", "result": {"enabled": False}}) is None


def test_a_template_that_computes_for_long_is_stopped(monkeypatch):
    monkeypatch.setattr("chatops.result.LONGEST_RENDERING", 0.05)
    loops = "{% for i in range(99999) %}" * 3 + "{% endfor %}" * 3
    answer = result_of(execution(), {"name": "x", "result": {"format": loops}})
    assert "A template of the alias x fails: TooSlow" in answer.text


def test_without_a_format_the_whole_result_is_posted():
    answer = result_of(execution(runner="local-shell-cmd", elapsed_seconds=65.2, result={
        "stdout": "a\nb\n", "stderr": "", "return_code": 0, "succeeded": True}), {"name": "x"})
    assert answer.text.splitlines() == [
        "Action ops.deploy completed.", "status : succeeded", "execution: 5f", "web_url: " + URL,
        "Took 1m5s to complete.", "result :", "--------", "stdout :", "  a", "b"]


@pytest.mark.parametrize("runner, result, lines", [
    ("python-script", {"result": {"a": {"b": [1]}}, "stdout": "", "exit_code": 0},
     ["result :", "  a :", "    b : [1]"]),
    ("remote-shell-cmd", {"h1": {"stdout": "x", "return_code": 0, "cwd": "/"}},
     ["h1 :", "  stdout : x"]),
    ("orquesta", {"output": None}, ["output : None"]),
    ("inquirer", "text", ["text"])])
def test_a_result_is_posted_in_the_shape_of_its_runner(runner, result, lines):
    text = result_of(execution(runner=runner, result=result), {}).text
    assert text.splitlines()[-len(lines):] == lines


def ack(options=None, **more):
    return ack_of({"execution": execution(), "actionalias": {"ack": options}, **more})


def test_an_ack_is_what_the_alias_says():
    assert ack().text == f"Running ops.deploy. (details available at {URL})"
    assert ack({"append_url": False}, message="On it {~} ls",
               extra={"hipchat": {"color": "yellow"}}) == Reply(
        "On it", "ls", color="yellow", web_url=URL)
    assert ack({"enabled": False}, message="On it") is None


def test_an_ack_is_private_where_stackstorm_cannot_render_its_extra():
    wanted = {"extra": {"hipchat": {"private": True, "color": "{{ alias.nosuch.x }}"}}}
    assert ack(wanted, message="On it", extra='Cannot render "extra"').private
    assert not ack({}, message="On it", extra='Cannot render "extra"').private


def test_the_origin_is_in_the_context_and_in_what_notifies():
    source = {"message_id": "m1", "room_id": "1001"}
    found = execution(liveaction={"notify": {"on-complete": {"data": {
        "source_context": source}}}})
    assert room_of(found) == 1001 and source_of(found) == source
    assert source_of(execution(liveaction={"notify": {}})) == {}  # the action's own section


@pytest.mark.parametrize("change", [
    {"context": {}}, {"context": dict(CONTEXT, source_channel="general")},
    {"context": dict(CONTEXT, action_alias_ref={})}])
def test_the_origin_of_other_executions_is_no_room(change):
    assert room_of(execution(**change)) is None


def test_a_command_key_is_no_message_id_that_stackstorm_could_evaluate():
    assert command_key("6f1c2a9e-3b58") == "6f1c2a9e-3b58"
    assert command_key("<% st2kv('secret') %>").isalnum()
