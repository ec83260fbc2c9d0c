"""The errors of actions: what each refuses before it calls HipChat, and what HipChat refuses."""
import pytest

LINK = "https://example.com/report"


@pytest.mark.parametrize("action, parameters", [
    ("archive_room", {}), ("unarchive_room", {}), ("delete_room", {}), ("get_room", {}),
    ("list_members", {}), ("list_participants", {}), ("set_topic", {"topic": "Lunch"}),
    ("send_message", {"message": "hello"}), ("get_history", {}),
    ("send", {"message": "hello"})])
def test_a_room_that_does_not_exist_is_named_with_the_remedy(act, action, parameters):
    succeeded, result = act(action, room="Nowhere & never", **parameters)
    assert not succeeded and result["status"] == 404
    assert "Room 'Nowhere & never' not found" in result["error"]
    assert result["remedy"].startswith("Check the name or id")


@pytest.mark.parametrize("action, parameters", [
    ("add_member", {"room": "Factor"}), ("remove_member", {"room": "Factor"}), ("get_user", {}),
    ("invite", {"room": "Factor"}), ("send_private_message", {"message": "hi"})])
def test_a_person_who_does_not_exist_is_named(act, action, parameters):
    succeeded, result = act(action, user="@nobody", **parameters)
    assert not succeeded and result["status"] == 404
    assert "User '@nobody' not found" in result["error"]


@pytest.mark.parametrize("action, parameters", [("get_message", {}), ("reply", {"message": "x"})])
def test_a_message_that_does_not_exist_is_an_error(act, room, action, parameters):
    succeeded, result = act(action, room=room, message_id="no-such-id", **parameters)
    assert not succeeded and result["status"] == 404


@pytest.mark.parametrize("action, parameters, words", [
    ("add_member", {"room": "Factor", "user": ""}, "user has 0 characters; HipChat takes 1 to"),
    ("remove_member", {"room": "Factor", "user": ""}, "user has 0 characters; HipChat takes"),
    ("get_room", {"room": "x" * 101}, "must have at most 100 characters"),
    ("get_message", {"room": "Factor", "message_id": "x" * 37}, "message_id has 37 characters"),
    ("reply", {"room": "Factor", "message_id": "1", "message": ""}, "message has 0 characters"),
    ("invite", {"room": "Factor", "user": "@Ann", "reason": "x" * 251}, "reason has 251"),
    ("send_message", {"message": "hello"}, "set default_room"),
    ("send_message", {"room": "Factor", "message": "x" * 10001}, "message has 10001 characters"),
    ("send", {"message": "hi"}, "set default_room"),
    ("send", {"room": ".", "message": "hi"}, "'.' is no name and no id."),
    ("send", {"room": "..", "message": "hi"}, "'..' is no name and no id."),
    ("send", {"room": "Factor", "message": "hi", "from": "x" * 65}, "from has 65 characters"),
    ("send", {"room": "Factor", "message": "hi", "attach_to": "x" * 37},
     "attach_to has 37 characters"),
    ("send_private_message", {"user": "", "message": "hi"}, "user has 0 characters"),
    ("send_private_message", {"user": "x" * 101, "message": "hi"}, "user has 101 characters"),
    ("send_private_message", {"user": "@Ann", "message": "x" * 10001}, "message has 10001"),
    ("create_room", {"name": ""}, "name has 0 characters"),
    ("create_room", {"name": "x" * 51}, "name has 51 characters"),
    ("create_room", {"name": "x", "topic": "x" * 251}, "topic has 251 characters"),
    ("update_room", {"room": "Factor"}, "Give at least one of the room's fields."),
    ("update_room", {"room": "Factor", "topic": "x" * 251}, "HipChat takes 0 to 250."),
    ("share_link", {"room": "Factor", "link": "http://x"},
     "link has 8 characters; HipChat takes 10 to 1000."),
    ("share_link", {"room": "Factor", "link": LINK, "message": "x" * 1001},
     "message has 1001 characters"),
    ("share_link", {"room": "Factor", "link": LINK, "user": "@Ann"},
     "Give either a room or a user."),
    ("get_history", {"room": "Factor", "end_date": "2018-01-01"},
     "end_date without date has no effect"),
    ("get_history", {"room": "Factor", "date": "2018-01-02", "end_date": "2018-01-01",
                     "timezone": "Europe/Berlin"},
     "HipChat refuses timezone together with end_date."),
    ("get_history", {"room": "Factor", "limit": 1001},
     "Without date, HipChat returns at most 1000 messages, not 1001.")])
def test_a_parameter_that_hipchat_would_refuse_is_refused_before_the_call(
        act, hipchat, action, parameters, words):
    before = hipchat.people.transcript("Factor")
    succeeded, result = act(action, **parameters)
    assert not succeeded and words in result["error"] and "status" not in result
    assert hipchat.people.transcript("Factor") == before


@pytest.mark.parametrize("action", ["send", "delete_room", "archive_room", "unarchive_room",
                                    "update_room", "get_room"])
def test_the_default_room_does_not_stand_in_for_an_empty_name(act, hipchat, room, action):
    before = hipchat.api("GET", "/room/" + room).json()
    more = {"message": "hi"} if action == "send" else {}
    succeeded, result = act(action, config={"default_room": room}, room="", **more)
    assert not succeeded and result["error"].startswith("The room '' must be the name or the id")
    assert hipchat.api("GET", "/room/" + room).json() == before


@pytest.mark.parametrize("config, words", [
    ({"api_key": None}, "personal access token"), ({"api_url": "hipchat.example.com"}, "https://"),
    ({"timeout": 0}, "timeout is 0"), ({"verify_tls": "no"}, "true or false")])
def test_a_wrong_config_is_named(act, config, words):
    succeeded, result = act("send", config=config, room="Factor", message="hi")
    assert not succeeded and words in result["error"]


@pytest.mark.parametrize("action, parameters, scope", [
    ("list_users", {}, "view_group"), ("list_webhooks", {"room": "Factor"}, "admin_room"),
    ("send", {"room": "Factor", "message": "hi"}, "send_notification")])
def test_a_scope_that_the_token_lacks_is_named(act, start_hipchat, action, parameters, scope):
    server = start_hipchat("--room", "Factor", "--token", "narrow:view_room")
    succeeded, result = act(action, config={"api_url": server.url, "api_key": "narrow"},
                            **parameters)
    assert not succeeded and result["status"] == 403
    assert scope in result["error"] and "scope" in result["remedy"]


@pytest.mark.parametrize("action, parameters", [
    ("list_rooms", {}), ("whoami", {}), ("send", {"room": "Factor", "message": "hi"})])
def test_a_wrong_token_is_an_error_with_the_remedy_and_is_not_shown(act, action, parameters):
    succeeded, result = act(action, config={"api_key": "wrong" * 8}, **parameters)
    assert not succeeded and (result["status"], result["field"]) == (401, None)
    assert "Invalid OAuth session" in result["error"] and "wrongwrong" not in str(result)
    for words in ("Set api_key", "personal access token", "Group API (v1) key"):
        assert words in result["remedy"]
