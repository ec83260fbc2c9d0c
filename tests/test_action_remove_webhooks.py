"""hipchat.remove_webhooks: the sensor's webhooks go, those of others stay."""
import pytest

LISTENER = "https://st2.example.com:8088/hipchat"
OTHER = "https://ci.example.com/hook"


@pytest.fixture
def server(start_hipchat):
    """A HipChat with two webhooks of ours in the room A, one in C, and one of others in each."""
    server = start_hipchat("--room", "A", "--room", "B", "--room", "C")
    for room, count in (("A", 2), ("B", 0), ("C", 1)):
        ours = [LISTENER + f"/room_enter/{number}/" + 43 * "y" for number in range(count)]
        for url in ours + [OTHER]:
            server.make_webhook(room, url, "room_enter")
    return server


@pytest.fixture
def config(server):
    return {"api_url": server.url, "webhook": {"public_url": LISTENER}}


def left(server):
    return [[hook["url"] for hook in server.webhooks(room)] for room in "ABC"]


def test_removes_ours_in_every_room_archived_ones_too(act, server, config):
    assert act("archive_room", config=config, room="C")[0]
    succeeded, result = act("remove_webhooks", config=config)
    assert succeeded and result["removed"] == 3
    assert [(each["room"], each["removed"]) for each in result["rooms"]] == [
        ("A", 2), ("B", 0), ("C", 1)]
    assert left(server) == [[OTHER]] * 3


def test_removes_ours_only_in_the_rooms_that_are_named(act, server, config):
    assert act("remove_webhooks", config=config, rooms=["C"]) == (
        True, {"removed": 1, "rooms": [{"room": "C", "removed": 1}]})
    assert [len(urls) for urls in left(server)] == [3, 1, 1]


def test_removes_none_where_an_empty_list_names_none(act, server, config):
    assert act("remove_webhooks", config=config, rooms=[]) == (True, {"removed": 0, "rooms": []})
    assert [len(urls) for urls in left(server)] == [3, 1, 2]


def test_a_room_that_fails_is_named_and_the_others_are_done(act, server, config):
    succeeded, result = act("remove_webhooks", config=config, rooms=["Nowhere", "C"])
    assert not succeeded and result["removed"] == 1
    assert "Webhooks may remain in 1 of 2 rooms: Nowhere." in result["error"]
    assert result["rooms"][0]["status"] == 404


def test_without_a_public_url_nothing_is_known_to_be_ours(act, server):
    succeeded, result = act("remove_webhooks", config={"api_url": server.url})
    assert not succeeded and "webhook.public_url: set it to a URL" in result["error"]
    assert [len(urls) for urls in left(server)] == [3, 1, 2]
