"""Commands in a room, on a real StackStorm with the pack installed and ChatOps switched on.

Environment: ST2_API_URL, ST2_AUTH_TOKEN where it asks for one, and HIPCHAT_URL, the sandbox's
HipChat to which the installed pack is configured. Whoever speaks in the room Factor may run all.
"""
import os
import time
import uuid
from typing import Any, Dict, Iterator, List

from benchmarks.measure import Row, alternate, compared
from benchmarks.stackstorm import Api, moment
from benchmarks.waiting import SELDOM, wait
from sandbox.control_client import ControlClient

ROUNDS = 8
FEW, MANY = 5, 135  # aliases
PACE = 4.0  # seconds between two commands
ROOM, PERSON = "Factor", "Ann"
ALIAS = {"name": "benchmark_say", "pack": "default", "action_ref": "core.echo", "enabled": True,
         "description": "Says it again.", "formats": ["benchmark say {{ message }}"],
         "ack": {"format": "began", "append_url": False},
         "result": {"format": "{{ execution.result.stdout }}"}}


def rows() -> List[Row]:
    with Api() as api:
        chat = _Chat(api, ControlClient(os.environ["HIPCHAT_URL"]))
        api.make("/actionalias", ALIAS)
        api.make_rule("empty", "hipchat.message", {"room": ROOM, "filter": "^empty (?P<it>.+)$"},
                      "core.uuid")
        commands, empty, stock = alternate(ROUNDS, chat.command, chat.empty, chat.announced)
        acknowledged, answered = zip(*commands)
        few, many = _numbers_of_aliases(api, chat)
        return [
            compared("ChatOps: from the message to the acknowledgement",
                     "from the message to the end of `core.uuid`, a small Python action, by a "
                     "rule on the same event", ("<=", 0.15), "s", list(acknowledged), empty),
            compared("ChatOps: from a command's end to its reply in the room",
                     "to the announcement of StackStorm's `chatops.post_result`", ("<=", 0.05), "s",
                     list(answered), stock),
            compared(f"ChatOps: to the acknowledgement, with {MANY} aliases",
                     f"with {FEW} aliases", ("<=", 1.1), "s", many, few)]


def _numbers_of_aliases(api: Api, chat: "_Chat") -> List[List[float]]:
    """Seconds until acknowledgements with few aliases and with many, in alternating blocks."""
    seconds: List[List[float]] = [[], []]
    for _ in range(2):
        for values, count in zip(seconds, (FEW, MANY)):
            with api.only_aliases(count, ALIAS["name"]):
                values += [chat.command()[0] for _ in range(ROUNDS // 2)]
    return seconds


class _Chat:
    """The room, and what StackStorm did about what was said there."""

    def __init__(self, api: Api, people: ControlClient):
        self._api, self._people = api, people

    def command(self) -> List[float]:
        """Seconds from a command to its acknowledgement, and from its end to its answer."""
        word = uuid.uuid4().hex
        begun = self._say("!benchmark say " + word)
        answer = wait(lambda: self._line(word, "green"), pause=SELDOM)
        acknowledgement = next(line for line in self._since(begun) if "began" in line["what"])
        execution = next(each for each in self._executions("core.echo")
                         if each["parameters"].get("message") == word)
        return [moment(acknowledgement["when"]) - moment(begun["when"]),
                moment(answer["when"]) - moment(execution["end_timestamp"])]

    def empty(self) -> float:
        """Seconds from a message to the end of the action that a rule starts."""
        known = {each["id"] for each in self._executions("core.uuid")}
        begun = self._say("empty " + uuid.uuid4().hex)
        ended = wait(lambda: next((each for each in self._executions("core.uuid") if
                                   each["id"] not in known and "end_timestamp" in each), None),
                     pause=SELDOM)
        return moment(ended["end_timestamp"]) - moment(begun["when"])

    def announced(self) -> float:
        """Seconds from a command's end to the end of StackStorm's own announcement."""
        time.sleep(PACE)
        word = uuid.uuid4().hex
        self._api.post("/aliasexecution", {
            "name": ALIAS["name"], "format": ALIAS["formats"][0], "user": PERSON,
            "command": "benchmark say " + word, "source_channel": ROOM,
            "notification_route": "hubot"})
        told = wait(lambda: next((each for each in self._executions("chatops.post_message")
                                  if word in str(each["parameters"]) and
                                  "end_timestamp" in each), None), pause=SELDOM)
        execution = next(each for each in self._executions("core.echo")
                         if each["parameters"].get("message") == word)
        return moment(told["end_timestamp"]) - moment(execution["end_timestamp"])

    def _say(self, text: str) -> Dict[str, Any]:
        """The line of the transcript that it makes."""
        time.sleep(PACE)
        message = self._people.say(ROOM, PERSON, text)
        return next(line for line in self._people.transcript(ROOM) if line["id"] == message)

    def _line(self, word: str, color: str) -> Any:
        return next((line for line in self._people.transcript(ROOM)
                     if word in line["what"] and line["color"] == color), None)

    def _since(self, begun: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
        lines = iter(self._people.transcript(ROOM))
        return (line for line in lines if moment(line["when"]) >= moment(begun["when"]))

    def _executions(self, action: str) -> List[Dict[str, Any]]:
        return self._api.get("/executions", action=action, limit=5,
                             include_attributes="id,status,parameters,end_timestamp")
