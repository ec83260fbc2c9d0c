"""The time from ping to pong and its parts, on a real StackStorm with the pack installed.

Environment: as in benchmarks/platform_chatops.py; HIPCHAT_TOKEN, the token in the pack's config
(default: TOKEN).
"""
import os
import statistics
import time
import uuid
from typing import Any, Dict, List, NamedTuple

from benchmarks.measure import Row, alternate, compared, plain
from benchmarks.platform_start import added, measured
from benchmarks.stackstorm import Api, moment
from benchmarks.waiting import SLOW_PERIOD, wait
from sandbox.control_client import ControlClient

ROUNDS = 10
DELAY = 2.0  # seconds before each ping
ROOM, PERSON = "Factor", "Ann"
TOKEN = os.environ.get("HIPCHAT_TOKEN", "TOKEN")


class _Parts(NamedTuple):
    """The parts of the time from ping to pong, in seconds.

    Attributes:
        rule: from the message to the request for the execution.
        scheduled: from there until the runner has started.
        ran: from there to the end of the action.
        replied: from the message to the reply in the room; 0 without a reply.
    """

    rule: float
    scheduled: float
    ran: float
    replied: float


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
            lambda name=name, action=action: _ping(api, people, name, action)
            for name, (action, _) in starts.items()))
    sent, _, nothing = measured()
    own = statistics.median(added(sent, nothing)) / 1000
    rule, scheduled, ran = (statistics.median(values) for values in list(zip(*send))[:3])
    noop_seconds = statistics.median(sum(parts[:3]) for parts in noop)
    return [
        plain("the pack's part of the time from ping to pong: `hipchat.send` minus an empty "
              "action", "the whole time", ("<=", 0.2), "", [own / parts.replied for parts in send],
              f"HipChat to rule {rule:.2f} s, to the runner {scheduled:.2f}, the action {ran:.2f}; "
              f"a `core.noop` has ended after {noop_seconds:.2f} s"),
        compared("from ping to pong by `hipchat.send`", "by `core.http`, which starts no process "
                 "and does nothing else for the message", ("<=", 3), "s",
                 [parts.replied for parts in send], [parts.replied for parts in http]),
        compared("from ping to the first message of the workflow `hipchat.announce`",
                 "from ping to the message of `hipchat.send`", ("<=", 3), "s",
                 [parts.replied for parts in workflow], [parts.replied for parts in send])]


def _ping(api: Api, people: ControlClient, name: str, action: str) -> _Parts:
    """Post a ping, wait for its execution and reply, and return their times."""
    time.sleep(DELAY)

    def executions() -> List[Dict[str, Any]]:
        return api.get("/executions", action=action, limit=5)

    known, word = {each["id"] for each in executions()}, uuid.uuid4().hex
    message = people.say(ROOM, PERSON, f"ping-{name} {word}")
    posted_at = moment(next(
        line for line in people.transcript(ROOM) if line["id"] == message)["when"])

    done = wait(lambda: next((each for each in executions() if each["id"] not in known and
                              "end_timestamp" in each), None), period=SLOW_PERIOD)
    states: Dict[str, float] = {each["status"]: moment(each["timestamp"]) for each in done["log"]}
    replied = 0.0
    if name != "noop":
        reply = wait(lambda: next((line for line in people.transcript(ROOM)
                                   if word in line["what"] and line["id"] != message), None),
                     period=SLOW_PERIOD)
        replied = moment(reply["when"]) - posted_at
    requested = moment(done["start_timestamp"])
    return _Parts(rule=requested - posted_at, scheduled=states["running"] - requested,
                  ran=moment(done["end_timestamp"]) - states["running"], replied=replied)
