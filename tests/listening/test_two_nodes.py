"""Two sensors, each with its share of the rooms of one HipChat."""
import pytest

from support.load import Journal, Load, signed_url
from support.waiting import wait_until

from sandbox.both_servers import free_port


@pytest.fixture
def rooms(hipchat):
    """The rooms of the one node, and of the other."""
    return [[hipchat.make_room() for _ in range(2)] for _ in range(2)]


@pytest.fixture
def nodes(hipchat, rooms, start_stackstorm, tmp_path):
    """Two sensors, each with a path of its own in its public_url; each has all the rules."""
    started = []
    for number, share in enumerate(rooms):
        port = free_port()
        journal = Journal(tmp_path / "journals" / str(number))
        (tmp_path / "journals" / str(number)).mkdir(parents=True)
        node = start_stackstorm(
            hipchat, options=journal.options, rooms=share, only_rooms=share, events=["message"],
            webhook={"public_url": f"http://127.0.0.1:{port}/node-{number}",
                     "port": port})
        node.journal = journal
        node.add_rule("message")
        for room in rooms[0] + rooms[1]:
            node.add_rule("message", {"room": room})
        started.append(node)
    for node in started:
        wait_until(node.has_its_webhooks)
    return started


class TestTwoNodes:
    def test_each_node_has_webhooks_in_its_own_rooms_alone(self, nodes, rooms):
        for node, own, other in zip(nodes, rooms, reversed(rooms)):
            assert [len(node.webhooks(room)) for room in own] == [1, 1]
            assert [node.webhooks(room) for room in other] == [[], []]
            assert node.health()["webhooks"] == {"wanted": 2, "present": 2}

    def test_a_message_reaches_each_rule_once_through_one_node(self, nodes, rooms, hipchat):
        hipchat.people.say(rooms[0][0], "Ann", "to the first")
        hipchat.people.say(rooms[1][0], "Ann", "to the second")
        for node in nodes:  # a rule of the room, and one of all rooms
            wait_until(lambda: len(node.journal.dispatched()) == 2)
            assert node.health()["accepted"] == 1

    def test_under_load_nothing_is_lost_and_rooms_keep_their_order(self, nodes, rooms):
        urls = [{room: signed_url(node, room) for room in share}
                for node, share in zip(nodes, rooms)]
        with Load(urls[0], deliveries=30) as first, Load(urls[1], deliveries=30) as second:
            first.wait()
            second.wait()
        assert first.statuses == second.statuses == {204: 60}
        nodes[0].journal.wait_for(first.accepted)
        nodes[1].journal.wait_for(second.accepted)
        assert not set(nodes[0].journal.dispatched()) & set(nodes[1].journal.dispatched())

    def test_a_node_that_restarts_leaves_the_webhooks_of_the_other(self, nodes, rooms):
        before = [nodes[1].webhooks(room) for room in rooms[1]]
        nodes[0].restart()
        wait_until(lambda: nodes[0].health().get("status") == "ok")
        assert [nodes[1].webhooks(room) for room in rooms[1]] == before

    def test_a_room_is_moved_and_what_waits_is_dispatched_where_it_came(
            self, nodes, rooms, hipchat):
        moved = rooms[0][0]
        nodes[0].api("POST", "/sandbox/dispatch_faults", json={"mode": "fail"})
        waits = hipchat.people.say(moved, "Ann", "before the move")
        wait_until(lambda: nodes[0].health()["waiting"])
        for node, share in zip(nodes, (rooms[0][1:], rooms[1] + [moved])):
            node.stop()
            node.config.update(rooms=rooms[0] + rooms[1], only_rooms=share)
            node.start()
            wait_until(node.health)  # else the other takes its webhooks for some that nobody has
        wait_until(lambda: nodes[0].journal.dispatched() == [waits])
        wait_until(lambda: nodes[1].webhooks(moved))
        new = hipchat.people.say(moved, "Ann", "after the move")
        wait_until(lambda: nodes[1].journal.dispatched() == [new])
        wait_until(lambda: nodes[0].health()["dropped"] == {"unwanted": 1})
        assert nodes[0].journal.dispatched() == [waits]


def test_a_node_that_the_config_does_not_name_says_so(hipchat, start_stackstorm):
    node = start_stackstorm(hipchat, nodes={"st2-elsewhere": {"only_rooms": ["Factor"]}})
    wait_until(lambda: "something in the config is hardly meant" in str(node.health()))
    assert "names st2-elsewhere, and not this host" in node.log()
