"""The chat page of the sandbox, in a headless Chromium."""
import json
import re
import uuid
from urllib.parse import quote

import pytest
from support import processes
from support.browser import CHROMEDRIVER, Browser
from support.waiting import wait_until
from support.web_server import HttpServer

from sandbox.both_servers import ROOM, BothServers

pytestmark = pytest.mark.skipif(not CHROMEDRIVER, reason="chromedriver is not here")

HURT = "<b>bold</b><script>window.hurt = 1</script><img src=x onerror='window.hurt = 1'>" \
       "<svg onload='window.hurt = 1'></svg><a href='javascript:window.hurt = 1'>link</a>" \
       "<a href='https://example.com/' onclick='window.hurt = 1'>good</a>" \
       "<iframe srcdoc='<script>parent.hurt = 1</script>'></iframe><p style='color: red'>end</p>"
COLOR_OF = "getComputedStyle({}).backgroundColor"


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Both servers of the sandbox, with a rule for messages and none for entering."""
    directory = tmp_path_factory.mktemp("chat-page")
    with (directory / "log").open("w") as log, \
            BothServers(directory, ["hipchat.ping_pong"], [ROOM, "Ops"], log=log) as pair:
        pair.wait_for("webhook", lambda: any(
            hook["event"] == "room_message" for hook in pair.webhooks()), 60)
        processes.watch(directory / "log", "both servers of the sandbox", pair)
        yield pair
    processes.mark_ended(directory / "log")


@pytest.fixture(scope="module")
def browser():
    with Browser() as browser:
        yield browser


@pytest.fixture
def page(pair, browser):
    """The page, newly opened."""
    return Page(pair, browser)


class Page:
    def __init__(self, pair, browser):
        self.people, self.browser = pair.people, browser
        self.url = pair.hipchat_url[:-len("v2")]
        self.open()

    def open(self, **more):
        self.browser.open(self.url, **more)
        self.browser.wait_for("document.querySelector('#room').textContent !== '…'")

    def message(self, text):
        """An expression for the element of the message that has this text."""
        self.browser.wait_for(f"document.querySelector('#log').textContent.includes({text!r})")
        return "[...document.querySelectorAll('.what')].find(" \
               "(each) => each.textContent.includes(%r))" % text

    def trace(self, words):
        """The steps of the path of the event with this text, once all are done.

        Returns: kind, state and text of each.
        """
        def steps():
            found = self.browser.run(
                "return [...document.querySelectorAll('#trace li')].map((each) => ["
                "each.querySelector('strong').textContent, each.className, "
                "[...each.querySelectorAll('p')].map((p) => p.textContent).join(' ')])")
            return (found and words in found[0][2] and
                    "waiting" not in [state for _, state, _ in found] and found)
        return wait_until(steps)

    def focused(self):
        return self.browser.run("return document.activeElement.id")

    def tab_to(self, name):
        """Press Tab until the focus is there."""
        for _ in range(20):
            if self.focused() == name:
                return
            self.browser.press("Tab")
        raise AssertionError("Tab does not lead to " + name)


class TestTalk:
    """What people say and do."""

    def test_pong_stands_in_green_after_a_ping(self, page):
        text = uuid.uuid4().hex
        page.browser.press("ping " + text, "Enter")
        pong = page.message("pong " + text)
        assert "green" in page.browser.run(f"return {pong}.className")
        red, green, blue = page.browser.run(
            f"return {COLOR_OF.format(pong)}.match(/\\d+/g).map(Number)")
        assert green > red and green > blue

    def test_keyboard_alone_is_enough(self, page):
        browser = page.browser
        assert page.focused() == "message"
        page.tab_to("enter")
        browser.press("Space")
        browser.wait_for("document.querySelector('#present').textContent === 'Ann'")
        page.tab_to("change-topic")
        browser.press("Enter")
        browser.wait_for("document.querySelector('dialog').open")
        browser.press("Lunch", "Enter")
        browser.wait_for("document.querySelector('#topic').textContent === 'Lunch'")
        page.tab_to("exit")
        browser.press("Enter")
        browser.wait_for("document.querySelector('#present').textContent === ''")

    def test_another_person_in_another_room(self, page):
        browser = page.browser
        browser.run("document.querySelectorAll('#rooms button')[1].click()")
        browser.wait_for("document.querySelector('#room').textContent === 'Ops'")
        browser.run("document.querySelector('#person').value = 'Dora'")
        browser.press("hello from Ops", "Enter")
        page.message("hello from Ops")
        assert page.people.transcript("Ops")[-1]["who"] == "Dora"

    def test_new_room_stands_in_the_list_and_news_of_it_too(self, page):
        name = "Room " + uuid.uuid4().hex[:8]
        page.tab_to("room-name")
        page.browser.press(name, "Enter")
        page.browser.wait_for(f"document.querySelector('#rooms').textContent.includes({name!r})")
        page.people.say(name, "Bob", "hello")
        page.browser.wait_for(
            "document.querySelector('#rooms li:last-child').textContent.includes('1 new')")

    def test_refusal_is_shown(self, page):
        page.browser.run("document.querySelector('#change-topic').click();"
                         "document.querySelector('#new-topic').removeAttribute('maxlength');"
                         "document.querySelector('#new-topic').value = 'x'.repeat(251)")
        page.browser.press("Enter")
        page.browser.wait_for(
            "document.querySelector('#notice').textContent.includes('less than or equal')")


class TestPath:
    """The path of the last event."""

    def test_leads_to_the_action(self, page):
        text = uuid.uuid4().hex
        page.people.say(ROOM, "Ann", "ping " + text)
        steps = page.trace(text)
        assert [step[:2] for step in steps[:5]] == [
            ["event", "ok"], ["webhook", "ok"], ["trigger", "ok"], ["rule", "ok"],
            ["action", "ok"]]
        assert re.search(r"/hipchat/room_message/\d+/\*\*\* answered 204", steps[1][2])
        assert f'matches ["{text}"]' in steps[2][2]
        assert steps[3][2].startswith("hipchat.ping_pong matched")
        assert steps[4][2].endswith("succeeded")

    def test_ends_where_the_criteria_do_not_hold(self, page):
        page.people.say(ROOM, "Ann", "I ping you")
        assert page.trace("I ping you")[3][:2] == ["rule", "stopped"]

    def test_ends_at_a_filter_that_is_not_found(self, page):
        page.people.say(ROOM, "Ann", "something else")
        assert page.trace("something else")[2][:2] == ["trigger", "stopped"]

    def test_ends_where_no_webhook_is(self, page):
        page.people.act(ROOM, "Ann", "archived")
        page.people.act(ROOM, "Ann", "unarchived")
        assert page.trace("unarchived")[1][:2] == ["webhook", "stopped"]

    def test_says_how_to_get_a_stackstorm(self, hipchat, browser):
        browser.open(hipchat.url[:-len("v2")])
        browser.wait_for("!document.querySelector('#no-stackstorm').hidden")


class TestHtml:
    """Chat text that is HTML."""

    def test_never_runs(self, page):
        page.people.act(ROOM, "Bob", "notification", message=HURT, message_format="html")
        element = page.message("end")
        shown = page.browser.run(f"return {element}.innerHTML")
        assert shown == ('<b>bold</b><span>link</span>'
                         '<a href="https://example.com/" target="_blank" '
                         'rel="noopener noreferrer">good</a><p>end</p>')
        assert page.browser.run("return window.hurt === undefined")

    def test_that_was_said_as_text_is_shown_as_text(self, page):
        page.people.say(ROOM, "Bob", "<b>not bold</b>")
        page.message("<b>not bold</b>")

    def test_that_stands_in_a_card_does_not_run(self, page):
        page.people.act(ROOM, "Bob", "notification", message="x", card={
            "style": "application", "id": "1", "title": "a card", "url": "javascript:hurt = 1",
            "activity": {"html": "<i>activity</i><script>window.hurt = 1</script>"},
            "description": {"value": HURT, "format": "html"},
            "attributes": [{"label": "state", "value": {
                "label": "good", "style": "lozenge-success"}}]})
        card = page.message("a card")
        assert page.browser.run("return {}.querySelectorAll('script, [onerror], [onclick], "
                                "[href^=javascript]').length".format(card)) == 0
        assert page.browser.run(f"return {card}.querySelector('.lozenge').textContent") \
            == "good"
        assert page.browser.run("return window.hurt === undefined")


class TestLook:
    """Wide and narrow, light and dark."""

    @pytest.mark.parametrize("width", [320, 390, 700, 1280])
    def test_nothing_has_to_be_scrolled_sideways(self, page, width):
        page.people.say(ROOM, "Bob", "x" * 400)
        page.people.act(ROOM, "Bob", "notification", message=f"<pre>{'y' * 400}</pre>")
        page.open(width=width)
        page.message("y" * 400)
        wide = page.browser.run("return document.documentElement.scrollWidth")
        assert wide <= width

    def test_dark_is_dark_and_light_is_light(self, page):
        def brightness():
            return sum(page.browser.run("return {}.match(/\\d+/g).map(Number)".format(
                COLOR_OF.format("document.body")))[:3])
        page.open(dark=True)
        dark = brightness()
        page.open(dark=False)
        assert dark < 150 < 600 < brightness()

    def test_nothing_is_loaded_from_other_hosts(self, page):
        names = page.browser.run(
            "return performance.getEntriesByType('resource').map((each) => each.name)")
        assert names and all(name.startswith(page.url) for name in names)


class TestAddons:
    DESCRIPTOR = {
        "key": "com.example.tea", "name": "<b>Tea</b>", "description": "Tells when tea is ready.",
        "links": {"self": "https://example.com/descriptor"},
        "capabilities": {"hipchatApiConsumer": {"scopes": ["send_notification", "view_room"]},
                         "installable": {}}}

    def look_at(self, page, descriptor):
        """Paste the URL of a descriptor, which is its content."""
        url = "data:," + quote(json.dumps(descriptor))
        page.browser.run(f"document.querySelector('#addon-url').value = {json.dumps(url)}")
        page.browser.run("document.querySelector('#new-addon').requestSubmit()")

    @pytest.fixture
    def callback(self, pair):
        """A URL that answers to an installation as add-ons do."""
        with HttpServer() as server:
            yield server.url + "/installed"
            for each in pair.people.addons():
                pair.people.uninstall(each["id"])

    def test_show_their_scopes_before_they_are_installed(self, page, callback):
        descriptor = json.loads(json.dumps(self.DESCRIPTOR))
        descriptor["capabilities"]["installable"]["callbackUrl"] = callback
        self.look_at(page, descriptor)
        page.browser.wait_for("document.querySelector('#addon-dialog').open")
        assert page.browser.run("return document.querySelector('#addon-scopes').innerText") == (
            "send_notification\nview_room")
        assert page.browser.run("return document.querySelector('#addon-name').innerText") == (
            "<b>Tea</b>")
        assert page.people.addons() == []
        page.browser.run("document.querySelector('#addon-dialog [value=install]').click()")
        wait_until(page.people.addons)
        page.browser.wait_for("document.querySelector('#addons button')")
        page.browser.run("document.querySelector('#addons button').click()")
        wait_until(lambda: page.people.addons() == [])

    def test_with_a_wrong_descriptor_are_refused_with_the_reason(self, page):
        self.look_at(page, self.DESCRIPTOR)
        page.browser.wait_for(
            "document.querySelector('#notice').textContent.includes('callbackUrl')")
