"""From ping to pong, taken apart, on a real StackStorm with the pack installed.

Environment: as benchmarks/platform_chatops.py says; TOKEN of the sandbox's HipChat is the pack's.
"""
import os
import statistics
import time
import uuid
from typing import Any, Dict, List, NamedTuple

from benchmarks.measure import Row, alternate, compared, plain
from benchmarks.platform_start import added, measured
from benchmarks.stackstorm import Api, moment
from benchmarks.waiting import SELDOM, wait
from sandbox.control_client import ControlClient

ROUNDS = 10
PACE = 2.0  # seconds between two
ROOM, PERSON = "Factor", "Ann"
TOKEN = os.environ.get("HIPCHAT_TOKEN", "TOKEN")


class _Way(NamedTuple):
    """Seconds: until the trigger's rule had been enforced, until the runner began, until the
    action's end, and until the answer stood in the room (0 where there is none)."""

    rule: float
    scheduled: float
    ran: float
    answered: float


def rows() -> List[Row]:
    with Api() as api:
        people = ControlClient(os.environ["HIPCHAT_URL"])
        url = os.environ["HIPCHAT_URL"].rstrip("/") + f"/v2/room/{ROOM}/notification"
        starts = {
            "send": ("hipchat.send", {"room": ROOM, "message": "pong {{ trigger.matches[0] }}"}),
            "workflow": ("hipchat.announce", {
                "room": ROOM, "what": "{{ trigger.matches[0] }}", "action": "core.noop"}),
            "http": ("core.http", {
                "url": url, "method": "POST", "headers": {
                    "Authorization": "Bearer " + TOKEN, "Content-Type": "application/json"},
                "body": '{"message": "pong {{ trigger.matches[0] }}"}'}),
            "noop": ("core.noop", {})}
        for name, (action, parameters) in starts.items():
            api.make_rule("ping " + name, "hipchat.message",
                          {"room": ROOM, "filter": f"^ping-{name} (.+)$"}, action,
                          parameters)
        send, workflow, http, noop = alternate(ROUNDS, *(
            lambda name=name, action=action: _way(api, people, name, action)
            for name, (action, _) in starts.items()))
    sent, _, nothing = measured()
    own = statistics.median(added(sent, nothing)) / 1000
    parts = "HipChat to rule {:.2f} s, to the runner {:.2f}, the action {:.2f}".format(
        *(statistics.median(values) for values in list(zip(*send))[:3]))
    return [
        plain("the pack's part of the time from ping to pong: `hipchat.send` minus an empty "
              "action", "the whole time", ("<=", 0.2), "", [own / way.answered for way in send],
              "{}; a `core.noop` has ended after {:.2f} s".format(
                  parts, statistics.median(sum(way[:3]) for way in noop))),
        compared("from ping to pong by `hipchat.send`", "by `core.http`, which starts no process "
                 "and does nothing else for the message", ("<=", 3), "s",
                 [way.answered for way in send], [way.answered for way in http]),
        compared("from ping to the first message of the workflow `hipchat.announce`",
                 "from ping to the message of `hipchat.send`", ("<=", 3), "s",
                 [way.answered for way in workflow], [way.answered for way in send])]


def _way(api: Api, people: ControlClient, name: str, action: str) -> _Way:
    time.sleep(PACE)

    def executions() -> List[Dict[str, Any]]:
        return api.get("/executions", action=action, limit=5)

    known, word = {each["id"] for each in executions()}, uuid.uuid4().hex
    message = people.say(ROOM, PERSON, f"ping-{name} {word}")
    begun = moment(next(line for line in people.transcript(ROOM) if line["id"] == message)["when"])

    done = wait(lambda: next((each for each in executions() if each["id"] not in known and
                              "end_timestamp" in each), None), pause=SELDOM)
    states: Dict[str, float] = {each["status"]: moment(each["timestamp"]) for each in done["log"]}
    answered = 0.0
    if name != "noop":
        answer = wait(lambda: next((line for line in people.transcript(ROOM)
                                    if word in line["what"] and line["id"] != message), None),
                      pause=SELDOM)
        answered = moment(answer["when"]) - begun
    requested = moment(done["start_timestamp"])
    return _Way(requested - begun, states["running"] - requested,
                moment(done["end_timestamp"]) - states["running"], answered)
