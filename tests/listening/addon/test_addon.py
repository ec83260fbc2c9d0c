"""The pack as a HipChat add-on: from the installation URL to deliveries and actions."""
import base64
import json
import threading

import pytest
from support.addon import AddonStackstorm, installed_addon
from support.servers import EVENTS, direct
from support.waiting import wait_until

from sandbox.hipchat_server.group import OWNER

SCOPES = ["admin_room", "manage_rooms", "send_notification", "view_group", "view_messages",
          "view_room"]


@pytest.fixture(scope="module")
def addon(tmp_path_factory):
    with installed_addon(tmp_path_factory.mktemp("addon")) as process:
        yield process


@pytest.fixture
def addon_room(addon):
    return addon.hipchat.make_room()


class TestInstalledAddon:
    def test_asks_for_the_scopes_that_its_actions_need(self, addon):
        shown, = addon.hipchat.people.addons()
        assert shown["scopes"] == SCOPES
        assert sorted(shown["events"]) == sorted("room_" + event for event in EVENTS)
        assert (shown["name"], shown["room"]) == ("StackStorm", None)

    def test_is_reported_by_health_and_check(self, addon):
        assert addon.is_installed()
        wait_until(lambda: addon.health()["status"] == "ok", what="health: ok")
        succeeded, result = addon.run_action("hipchat.check")
        assert succeeded, result
        assert "ok: add-on: it is installed in HipChat's group 1" in result["lines"]

    def test_receives_from_every_room_without_a_webhook_in_it(self, addon, addon_room):
        trigger = addon.trigger_of(addon.add_rule("message"))
        addon.hipchat.people.say(addon_room, "Ann", "hello")
        wait_until(lambda: addon_room in [
            payload["item"]["room"]["name"] for payload in addon.payloads(trigger)])
        assert addon.hipchat.webhooks(addon_room) == []
        assert addon.health()["webhooks"] == {"wanted": 0, "present": 0}

    def test_receives_from_a_new_room_from_its_creation_on(self, addon):
        created = addon.trigger_of(addon.add_rule("created"))
        said = addon.trigger_of(addon.add_rule("message", {"filter": "^first in (.*)"}))
        room = addon.hipchat.make_room()
        addon.hipchat.people.say(room, "Ann", "first in " + room)
        wait_until(lambda: room in [
            payload["item"]["room"]["name"] for payload in addon.payloads(created)])
        wait_until(lambda: [room] in [payload["matches"] for payload in addon.payloads(said)])

    def test_sends_as_itself(self, addon, addon_room):
        assert addon.run_action("hipchat.send", room=addon_room, message="hello")[0]
        said, = addon.hipchat.people.transcript(addon_room)
        assert (said["who"], said["what"]) == ("StackStorm", "hello")

    @pytest.mark.parametrize("action, parameters", [
        ("send_message", {"message": "x"}),
        ("reply", {"message": "x", "message_id": "y"}),
        ("send_private_message", {"user": "2001", "message": "x"}),
        ("share_link", {"link": "http://example.com/"}),
        ("share_file", {"content": "x", "name": "x.txt"}),
        ("invite", {"user": "2001"})])
    def test_says_that_it_may_not_do_what_users_may(self, addon, addon_room, action, parameters):
        if action != "send_private_message":
            parameters = dict(parameters, room=addon_room)
        succeeded, result = addon.run_action("hipchat." + action, **parameters)
        assert not succeeded
        assert result["error"].startswith("HipChat allows this to users, not to add-ons. Set")

    def test_shows_its_picture_to_everybody(self, addon):
        with direct() as http:
            answer = http.get(addon.listener + "/addon/avatar.png", timeout=60)
        assert answer.content.startswith(b"\x89PNG") and answer.headers["Content-Type"] == (
            "image/png")

    def test_lives_on_after_a_restart_without_a_call_for_webhooks(self, addon, addon_room):
        addon.hipchat.people.forget()
        addon.restart()
        wait_until(addon.is_installed)
        assert addon.url_to_paste() is None
        trigger = addon.trigger_of(addon.add_rule("message"))
        addon.hipchat.people.say(addon_room, "Ann", "after the restart")
        wait_until(lambda: "after the restart" in addon.texts(trigger))
        calls = [call["path"] for call in addon.hipchat.people.requests()]
        assert not [path for path in calls if "webhook" in path]


class TestBesideAToken:
    """A personal token hears by webhooks in rooms until the add-on is installed."""

    @pytest.fixture
    def both(self, tmp_path, start_hipchat):
        hipchat = start_hipchat("--room", "Factor", "--room", "Ops")
        with AddonStackstorm(tmp_path, hipchat, api_key=hipchat.token) as process:
            yield process

    def rooms_with_webhooks(self, process):
        return [room for room in ("Factor", "Ops") if process.hipchat.webhooks(room)]

    def test_each_message_is_received_once_while_the_add_on_replaces_the_webhooks(self, both):
        trigger = both.trigger_of(both.add_rule("message"))
        topics = both.trigger_of(both.add_rule("topic_change"))
        wait_until(both.has_its_webhooks)
        said, ended = [], threading.Event()

        def talk():
            while not ended.is_set() or len(said) % 2:
                room = ("Factor", "Ops")[len(said) % 2]
                said.append(f"message {len(said)}")
                both.hipchat.people.say(room, "Ann", said[-1])
                if len(said) % 10 == 0:
                    both.hipchat.people.act(room, "Ann", "topic_change", topic=said[-1])
                ended.wait(0.01)

        talking = threading.Thread(target=talk)
        talking.start()
        try:
            wait_until(lambda: len(said) > 20)
            both.hipchat.people.install(both.url)
            wait_until(lambda: not self.rooms_with_webhooks(both))
        finally:
            ended.set()
            talking.join()
        for room in ("Factor", "Ops"):
            said.append("the last in " + room)
            both.hipchat.people.say(room, "Ann", said[-1])
        received = both.texts(trigger, len(said))
        assert sorted(received) == sorted(said)
        set_topics = said[9:-2:10]
        found = {each["item"]["topic"] for each in both.received(topics, len(set_topics))}
        assert found <= set(set_topics), "a topic may come twice: it has no ID"

    def test_uses_webhooks_again_when_the_add_on_is_uninstalled(self, both):
        trigger = both.trigger_of(both.add_rule("message"))
        addon = both.hipchat.people.install(both.url)["id"]
        both.hipchat.people.say("Ops", "Ann", "it delivers")
        wait_until(lambda: not self.rooms_with_webhooks(both))
        both.hipchat.people.uninstall(addon)
        wait_until(both.has_its_webhooks)
        both.hipchat.people.say("Ops", "Ann", "hello")
        assert both.texts(trigger, 2) == ["it delivers", "hello"]

    def test_does_with_it_what_hipchat_lets_users_do_only(self, both):
        both.hipchat.people.install(both.url)
        assert both.run_action("hipchat.send_message", room="Ops", message="hello")[0]
        assert both.run_action("hipchat.send", room="Ops", message="hello, too")[0]
        assert [each["who"] for each in both.hipchat.people.transcript("Ops")] == [
            OWNER, "StackStorm"]

    def test_uses_webhooks_where_the_public_url_has_changed_since_it_was_installed(self, both):
        old = both.listener
        trigger = both.trigger_of(both.add_rule("message"))
        both.hipchat.people.install(both.url)
        both.hipchat.people.say("Ops", "Ann", "it delivers")
        assert both.received(trigger)
        wait_until(lambda: not self.rooms_with_webhooks(both))
        both.stop()
        both.listener = both.config["webhook"]["public_url"] = old + "/moved"
        both.start()
        trigger = both.trigger_of(both.add_rule("message"))
        wait_until(both.has_its_webhooks)
        assert "add-on: it is installed for another webhook.public_url" in both.health()["reasons"]
        lines = both.run_action("hipchat.check")[1]["lines"]
        line, = [line for line in lines if "add-on: it is installed for " + old in line]
        both.hipchat.people.say("Ops", "Ann", "hello")
        assert both.texts(trigger, 1) == ["hello"]
        addon, = both.hipchat.people.addons()
        both.hipchat.people.uninstall(addon["id"])
        both.hipchat.people.install(line.split()[-1])
        wait_until(lambda: not any("another" in each for each in both.health()["reasons"]))


class TestAllRoomsWithATokenAlone:
    def test_have_a_webhook_each_and_new_ones_get_theirs(
            self, start_hipchat, start_stackstorm):
        hipchat = start_hipchat("--room", "Factor", "--room", "Ops")
        stackstorm = start_stackstorm(hipchat, rooms="all", events=["message"])
        trigger = stackstorm.trigger_of(stackstorm.add_rule("message"))
        wait_until(lambda: stackstorm.webhooks("Factor") and stackstorm.webhooks("Ops"))
        hipchat.people.say("Ops", "Ann", "in Ops")
        room = hipchat.make_room()
        stackstorm.restart()  # as after LOOK_EVERY
        wait_until(lambda: stackstorm.webhooks(room))
        hipchat.people.say(room, "Ann", "in a new room")
        wait_until(lambda: "in a new room" in stackstorm.texts(trigger))


class TestLifeOfAnAddon:
    @pytest.fixture
    def life(self, tmp_path, start_hipchat):
        """An add-on that is not installed yet."""
        with AddonStackstorm(tmp_path, start_hipchat()) as process:
            yield process

    def test_begins_with_actions_that_say_what_is_missing(self, life):
        assert not life.is_installed()
        assert "add-on: it is not installed" in life.health()["reasons"]
        succeeded, result = life.run_action("hipchat.send", room="Factor", message="hello")
        assert not succeeded and "st2 run hipchat.check" in result["error"]

    def test_ends_when_it_is_uninstalled_and_is_installed_again_by_the_same_url(self, life):
        life.hipchat.people.uninstall(life.hipchat.people.install(life.url)["id"])
        wait_until(lambda: not life.is_installed())
        assert life.url_to_paste() == life.url
        assert '"integration": null' in life.kept().replace("\\", "")
        life.hipchat.people.install(life.url)
        assert life.is_installed()
        wait_until(lambda: life.health()["status"] == "ok", what="health: ok")
        room = life.hipchat.make_room()
        trigger = life.trigger_of(life.add_rule("message", {"filter": "again"}))
        life.hipchat.people.say(room, "Ann", "here again")
        assert life.received(trigger)
        assert life.run_action("hipchat.send", room=room, message="hello")[0]

    def test_goes_on_when_it_is_updated(self, life):
        first = life.hipchat.people.install(life.url)["id"]
        assert life.hipchat.people.install(life.url)["id"] == first
        assert life.is_installed()

    def test_is_found_to_be_over_though_the_uninstallation_was_not_delivered(self, life):
        addon = life.hipchat.people.install(life.url)["id"]
        life.stop()
        assert "error" in life.hipchat.people.uninstall(addon)
        life.start()
        wait_until(lambda: life.health().get("addon") == {"installed": False})

    def test_takes_a_new_installation_in_place_of_an_old_one(self, life):
        old = life.hipchat.people.install(life.url)["id"]
        with direct() as http:
            other = http.get(life.url, timeout=60).json()
        assert other["links"]["self"] == life.url
        del other["capabilities"]["installable"]["updateCallbackUrl"]
        document = "data:application/json;base64," + base64.b64encode(
            json.dumps(other).encode()).decode()
        new = life.hipchat.people.install(document)["id"]
        assert new != old and new in life.kept() and life.is_installed()

    def test_never_begins_where_the_datastore_takes_no_secrets(self, tmp_path, start_hipchat):
        process = AddonStackstorm(tmp_path, start_hipchat(), options=["--without-encryption-key"])
        reason = "add-on: it cannot be installed: StackStorm's datastore has no encryption key"
        wait_until(lambda: reason in process.health().get("reasons", ()))
        assert "st2-generate-symmetric-crypto-key" in process.log()
        succeeded, result = process.run_action("hipchat.check")
        assert not succeeded
        assert [line for line in result["lines"] if "it cannot be installed" in line]
        process.stop()
