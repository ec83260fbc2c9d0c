"""hipchat.whoami: whose token it is, and what it may do. (That it is not shown: action_runner.)"""


def test_returns_owner_kind_and_scopes(act):
    succeeded, result = act("whoami")
    assert succeeded and (result["kind"], result["owner"]["name"]) == ("personal", "Sandbox Owner")
    assert "send_notification" in result["scopes"]


def test_knows_a_room_notification_token(act, start_hipchat):
    server = start_hipchat("--room", "Factor", "--room-token", "for-a-room:Factor")
    succeeded, result = act("whoami", config={"api_url": server.url, "api_key": "for-a-room"})
    assert succeeded and (result["kind"], result["scopes"]) == (
        "room notification", ["send_notification"])


def test_knows_an_integration(act, start_hipchat):
    server = start_hipchat("--oauth", "our-id:our-secret")
    oauth = {"id": "our-id", "secret": "our-secret"}
    succeeded, result = act("whoami", config={"api_url": server.url, "api_key": None,
                                              "oauth": oauth})
    assert succeeded and (result["kind"], result["owner"]["id"]) == ("integration", "our-id")
    assert 0 < result["expires_in"] <= 3600
