"""hipchat.get_room: what HipChat tells of a room."""


def test_gives_hipchats_own_fields(act, hipchat, room):
    succeeded, result = act("get_room", room=room)
    assert succeeded and result == hipchat.api("GET", "/room/" + room).json()


def test_text_from_chat_is_neutralized_unless_the_config_says_otherwise(act, hipchat, room):
    topic = "{{ config_context.api_key }} <% 7 * 7 %>"
    hipchat.api("PUT", "/room/" + room + "/topic", json={"topic": topic})
    guarded = act("get_room", room=room)[1]["topic"]
    assert "{{" not in guarded and "<%" not in guarded
    assert guarded.replace("\u200b", "") == topic
    assert act("get_room", config={"template_guard": False}, room=room)[1]["topic"] == topic
