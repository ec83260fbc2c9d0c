"""Chat commands on a real StackStorm, with the pack installed and `chatops` in its config.

Environment: ST2_API_URL; ST2_AUTH_TOKEN if the API requires one; HIPCHAT_URL, the sandbox's HipChat
that the config of the installed pack names. Everyone in the room Factor may run every command.
"""
import os
import time
import uuid
from typing import Any, Dict, Iterator, List

from benchmarks.measure import Row, alternate, compared
from benchmarks.stackstorm import Api, moment
from benchmarks.waiting import SLOW_PERIOD, wait
from sandbox.control_client import ControlClient

ROUNDS = 8
FEW, MANY = 5, 135  # aliases
DELAY = 4.0  # seconds before each command
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
        acknowledged, replied = zip(*commands)
        few, many = _with_few_and_many_aliases(api, chat)
        return [
            compared("ChatOps: from the message to the acknowledgement",
                     "from the message to the end of `core.uuid`, a small Python action, by a "
                     "rule on the same event", ("<=", 0.15), "s", list(acknowledged), empty),
            compared("ChatOps: from a command's end to its reply in the room",
                     "to the announcement of StackStorm's `chatops.post_result`", ("<=", 0.05), "s",
                     list(replied), stock),
            compared(f"ChatOps: to the acknowledgement, with {MANY} aliases",
                     f"with {FEW} aliases", ("<=", 1.1), "s", many, few)]


def _with_few_and_many_aliases(api: Api, chat: "_Chat") -> List[List[float]]:
    """Return the seconds until acknowledgements with FEW aliases and with MANY.

    Blocks of both alternate.
    """
    seconds: List[List[float]] = [[], []]
    for _ in range(2):
        for values, count in zip(seconds, (FEW, MANY)):
            with api.only_aliases(count, ALIAS["name"]):
                values += [chat.command()[0] for _ in range(ROUNDS // 2)]
    return seconds


class _Chat:
    """Posts in the room, and reads the times of replies and executions."""

    def __init__(self, api: Api, people: ControlClient):
        self._api, self._people = api, people

    def command(self) -> List[float]:
        """Return the seconds to a command's acknowledgement, and from its end to its reply."""
        word = uuid.uuid4().hex
        posted = self._say("!benchmark say " + word)
        reply = wait(lambda: self._line(word, "green"), period=SLOW_PERIOD)
        acknowledgement = next(line for line in self._since(posted) if "began" in line["what"])
        execution = next(each for each in self._executions("core.echo")
                         if each["parameters"].get("message") == word)
        return [moment(acknowledgement["when"]) - moment(posted["when"]),
                moment(reply["when"]) - moment(execution["end_timestamp"])]

    def empty(self) -> float:
        """Return the seconds from a message to the end of the action that a rule starts."""
        known = {each["id"] for each in self._executions("core.uuid")}
        posted = self._say("empty " + uuid.uuid4().hex)
        ended = wait(lambda: next((each for each in self._executions("core.uuid") if
                                   each["id"] not in known and "end_timestamp" in each), None),
                     period=SLOW_PERIOD)
        return moment(ended["end_timestamp"]) - moment(posted["when"])

    def announced(self) -> float:
        """Return the seconds from a command's end to the end of StackStorm's own announcement."""
        time.sleep(DELAY)
        word = uuid.uuid4().hex
        self._api.post("/aliasexecution", {
            "name": ALIAS["name"], "format": ALIAS["formats"][0], "user": PERSON,
            "command": "benchmark say " + word, "source_channel": ROOM,
            "notification_route": "hubot"})
        announced = wait(lambda: next((each for each in self._executions("chatops.post_message")
                                  if word in str(each["parameters"]) and
                                  "end_timestamp" in each), None), period=SLOW_PERIOD)
        execution = next(each for each in self._executions("core.echo")
                         if each["parameters"].get("message") == word)
        return moment(announced["end_timestamp"]) - moment(execution["end_timestamp"])

    def _say(self, text: str) -> Dict[str, Any]:
        """Post a message; return its line of the transcript."""
        time.sleep(DELAY)
        message = self._people.say(ROOM, PERSON, text)
        return next(line for line in self._people.transcript(ROOM) if line["id"] == message)

    def _line(self, word: str, color: str) -> Any:
        return next((line for line in self._people.transcript(ROOM)
                     if word in line["what"] and line["color"] == color), None)

    def _since(self, first: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
        lines = iter(self._people.transcript(ROOM))
        return (line for line in lines if moment(line["when"]) >= moment(first["when"]))

    def _executions(self, action: str) -> List[Dict[str, Any]]:
        return self._api.get("/executions", action=action, limit=5,
                             include_attributes="id,status,parameters,end_timestamp")
