"""The people of the sandbox's HipChat, and its emoticons."""

import pytest

from sandbox.control_client import SandboxError


class TestPeople:
    ACCOUNT = {"name": "Lou Marsh", "mention_name": "lou", "email": "lou@example.com",
               "title": "Cook", "timezone": "Europe/Berlin"}

    @pytest.fixture
    def lou(self, hipchat):
        """The path of a person whom a client created."""
        answer = hipchat.post("/user", self.ACCOUNT)
        assert answer.status_code == 201 and answer.json()["password"]
        path = answer.json()["links"]["self"][len(hipchat.url):]
        yield path
        hipchat.delete(path)

    def test_are_made_changed_and_deleted_by_administrators(self, hipchat, lou, room):
        whole = hipchat.get(lou).json()
        assert {name: whole[name] for name in self.ACCOUNT} == self.ACCOUNT
        assert hipchat.put(lou, {**self.ACCOUNT, "title": "Chef"}).status_code == 204
        assert hipchat.get("/user/@lou").json()["title"] == "Chef"
        hipchat.people.say(room, "Lou Marsh", "Dinner!")
        assert hipchat.delete("/user/lou@example.com").status_code == 204
        assert hipchat.get(lou).status_code == 404
        assert hipchat.get(f"/room/{room}/participant").json()["items"] == []

    def test_are_not_made_by_others(self, hipchat):
        assert hipchat.post("/user", self.ACCOUNT, token="READER").status_code == 403

    def test_have_an_email_of_their_own(self, hipchat, lou):
        answer = hipchat.post("/user", {**self.ACCOUNT, "mention_name": "other"})
        assert answer.status_code == 409
        assert hipchat.put(lou, self.ACCOUNT).status_code == 204

    def test_have_a_photo(self, hipchat, lou):
        assert hipchat.put(lou + "/photo", {"photo": "aGk="}).status_code == 204
        assert hipchat.get(lou).json()["photo_url"]
        assert hipchat.delete(lou + "/photo").status_code == 204
        assert hipchat.get(lou).json()["photo_url"] is None

    def test_join_rooms(self, hipchat, lou, room):
        hipchat.people.act(room, "Lou Marsh", "enter")
        joined = hipchat.get(lou + "/preference/auto-join").json()["items"]
        assert [each["name"] for each in joined] == [room]

    def test_have_a_history_of_private_messages(self, hipchat, lou):
        hipchat.post(lou + "/message", {"message": "psst"})
        item = hipchat.get(lou + "/history/latest").json()["items"][0]
        assert hipchat.get(f"{lou}/history/{item['id']}").json()["message"] == item

    def test_cannot_speak_in_a_room_that_does_not_exist(self, hipchat):
        with pytest.raises(SandboxError, match="Room 'Nowhere' not found"):
            hipchat.people.say("Nowhere", "Robin Reed", "hi")

    def test_cannot_do_what_is_no_event(self, hipchat):
        with pytest.raises(SandboxError, match="No such event: dance"):
            hipchat.people.act("Factor", "Robin Reed", "dance")


class TestEmoticons:
    def test_are_listed_and_found_by_id_and_shortcut(self, hipchat):
        page = hipchat.get("/emoticon?max-results=15").json()
        assert len(page["items"]) == 15 and page["links"]["next"]
        first = page["items"][0]
        whole = hipchat.get("/emoticon/%d" % first["id"]).json()
        assert {name: whole[name] for name in first} == first and whole["width"]
        assert hipchat.get("/emoticon/" + first["shortcut"]).json() == whole

    def test_are_of_a_type(self, hipchat):
        assert hipchat.get("/emoticon?type=group").json()["items"] == []
