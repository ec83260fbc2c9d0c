"""What is posted to an installed add-on: believed if HipChat signed it for this installation."""
import time

import jwt
import pytest
from support.addon import installed_addon
from support.servers import direct
from support.wire import delivery


@pytest.fixture(scope="module")
def addon(tmp_path_factory):
    """An installed add-on, and a rule of it; url_of_messages is where HipChat posts these."""
    with installed_addon(tmp_path_factory.mktemp("deliveries"), "Factor", "Ops") as process:
        with direct() as http:
            webhooks = http.get(process.url, timeout=60).json()["capabilities"]["webhook"]
        process.url_of_messages, = [
            each["url"] for each in webhooks if each["event"] == "room_message"]
        process.trigger = process.trigger_of(process.add_rule("message"))
        yield process


@pytest.fixture
def post(addon):
    """Post a message in a room with a JWT, or with None."""
    def post(token, room="Factor", url=addon.url_of_messages, **more):
        body = delivery("a message", name=room, id=addon.hipchat.room_id(room))
        headers = {} if token is None else {"Authorization": "JWT " + token}
        with direct() as http:
            return http.post(url, json=dict(body, **more), headers=headers, timeout=60).status_code

    return post


@pytest.fixture
def sign(addon):
    """A JWT as HipChat makes it, but for what is given."""
    number, secret = addon.credentials()

    def sign(key=secret, **claims):
        now = int(time.time())
        return jwt.encode(dict({"iss": number, "sub": "2001", "iat": now, "exp": now + 3600},
                               **claims), key, algorithm="HS256")

    return sign


def test_signed_by_hipchat_is_dispatched(addon, post, sign):
    received = len(addon.payloads(addon.trigger))
    assert post(sign()) == post(sign(), room="Ops") == 204
    assert len(addon.received(addon.trigger, received + 2)) == received + 2


def test_signed_otherwise_is_refused(addon, post, sign):
    """How a JWT can be wrong is in test_jwt_check.py."""
    accepted = addon.health()["accepted"]
    for wrong in (None, sign(iss="another-installation"), sign(key=3 * "of another installation")):
        assert post(wrong) == 401
    assert addon.health()["accepted"] == accepted


def test_of_another_installation_is_refused_though_it_is_signed(addon, post, sign):
    assert post(sign(), oauth_client_id="another-installation") == 400
    assert post(sign(), oauth_client_id=addon.credentials()[0]) == 204


def test_at_an_address_that_is_not_signed_is_refused_though_it_has_the_jwt(addon, post, sign):
    url = addon.url_of_messages
    changed = url[:-1] + ("A" if url[-1] != "A" else "B")
    other_event = url.replace("/room_message/", "/room_enter/")
    assert post(sign(), url=changed) == post(sign(), url=other_event) == 404


@pytest.mark.parametrize("room", [
    None, {}, {"name": "Factor"}, {"id": "Factor"}, {"id": True}, {"id": 0}, {"id": -1},
    {"id": 1.5}, [1], "Factor"], ids=repr)
def test_that_names_no_room_by_its_id_is_refused(post, sign, room):
    body = delivery("a message")
    body["item"]["room"] = room
    assert post(sign(), item=body["item"]) == 400
