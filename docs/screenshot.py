"""Makes docs/chat-page.png: a picture of the sandbox's chat page while the pack is running.

The picture contains a digest of the page's sources, so that a test finds a picture that is older.
"""
import hashlib
import struct
import sys
import tempfile
import zlib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tests")]

from support.browser import Browser  # noqa: E402
from sandbox.both_servers import ROOM, BothServers  # noqa: E402

PICTURE = REPOSITORY / "docs/chat-page.png"
SERVER = REPOSITORY / "sandbox/hipchat_server"
SOURCES = [*sorted((SERVER / "page").iterdir()), SERVER / "event_trace.py"]
PNG_END = struct.pack(">I", 0) + b"IEND"
WIDTH, HEIGHT = 1280, 760
RULES = ["hipchat.ping_pong", "hipchat.topic_change"]
CARD = {
    "style": "application", "id": "build-43", "title": "Build 43 of website", "format": "medium",
    "url": "https://ci.example.com/builds/43", "description": "All 312 tests pass.",
    "attributes": [
        {"label": "state", "value": {"label": "passed", "style": "lozenge-success"}},
        {"label": "took", "value": {"label": "3 min 12 s"}},
        {"label": "started by", "value": {"label": "Ann"}}]}


def talk(servers):
    """Post messages and events as people, up to "ping hello"."""
    servers.wait_for("webhooks", lambda: {"room_message", "room_topic_change"} <= {
        hook["event"] for hook in servers.webhooks()}, 20)
    people = servers.people
    for person in ("Bob", "Ann"):
        people.act(ROOM, person, "enter")
    people.act(ROOM, "Ann", "topic_change", topic="The website's releases")
    servers.wait_for("reply to the topic", lambda: len(people.transcript(ROOM)) == 2, 20)
    people.say(ROOM, "Bob", "Is it green again? https://ci.example.com/builds/43")
    people.act(ROOM, "CI", "notification", card=CARD, message="Build 43 passed", color="gray")
    people.say("Ops", "Carol", "Good morning.")
    people.say(ROOM, "Ann", "ping hello")


def note():
    """Return a text chunk of a PNG with the digest of the page's sources."""
    digest = hashlib.sha256()
    for path in SOURCES:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    text = b"tEXt" + b"Source\0" + digest.hexdigest().encode()
    return struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))


def is_current():
    """Return whether the picture shows the present page."""
    return note() in PICTURE.read_bytes()


def main():
    """Make the picture; return the exit status."""
    with tempfile.TemporaryDirectory(prefix="screenshot-") as directory:
        log = Path(directory, "log").open("w")
        both = BothServers(Path(directory), RULES, [ROOM, "Ops", "Website"], log=log)
        with log, both as servers, Browser() as browser:
            talk(servers)
            browser.open(servers.hipchat_url[:-len("v2")], WIDTH, HEIGHT)
            browser.wait_for("document.querySelector('#log').textContent.includes('pong hello')")
            browser.wait_for("document.querySelector('#trace').textContent.includes('succeeded')")
            PICTURE.write_bytes(browser.screenshot().replace(PNG_END, note() + PNG_END))
    print(f"{PICTURE.name}: {PICTURE.stat().st_size // 1000} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
