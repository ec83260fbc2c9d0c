"""Traces the last event through webhook, trigger, rule and action."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Dict, Iterator, List, Optional

import requests

from sandbox.hipchat_server.command_trace import command_steps
from sandbox.hipchat_server.events import Events
from sandbox.hipchat_server.models import Room, User, now

Step = Dict[str, str]
Json = Dict[str, Any]

WORDS = {
    "message": "{who} in {room}: {text}",
    "notification": "{who} notified {room}: {text}",
    "enter": "{who} entered {room}",
    "exit": "{who} left {room}",
    "topic_change": "{who} changed the topic of {room}: {text}",
    "file_upload": "{who} uploaded a file to {room}",
}
OTHER_WORDS = "{who} {event} {room}"  # such as archived
TIMEOUT_SECONDS = 5
# After this time, a trigger that has not arrived counts as filtered out.
TRIGGER_TIMEOUT = timedelta(seconds=2)


@dataclass
class TracedEvent:
    """An event that a person caused.

    Attributes:
        number: the number of the event on this server.
        event: the event without "room_", such as "message".
        words: a sentence about the event.
        room: the room's name.
        message_id: the ID of its message; None for an event without one.
    """

    number: int
    event: str
    words: str
    room: str
    message_id: Optional[str]
    when: datetime = field(default_factory=now)

    def is_of(self, instance: Json) -> bool:
        """Return whether a trigger instance of one of the event's webhooks belongs to it."""
        message = instance["payload"]["item"].get("message", {})
        return message.get("id") == self.message_id and _time(instance) >= self.when


class EventTrace:
    """Follows an event with HipChat's records and StackStorm's API."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._traced: Optional[TracedEvent] = None
        self.stackstorm_url = ""

    def begin(self, event: str, room: Room, who: User, text: str) -> None:
        """Follow the event that was just caused."""
        has_message = event in ("message", "notification")
        self._traced = TracedEvent(
            self._events.event_count, event, in_words(event, who.name, room.name, text), room.name,
            room.history[-1].id if has_message else None)

    def report(self) -> Json:
        """Return the steps so far: kind, state (ok, waiting, stopped or failed), title, detail."""
        steps = list(self._steps(self._traced)) if self._traced else []
        return {"stackstorm": self.stackstorm_url, "steps": steps,
                "done": all(step["state"] != "waiting" for step in steps)}

    def _steps(self, traced: TracedEvent) -> Iterator[Step]:
        yield _step("event", "ok", traced.words)
        deliveries, more = self._events.deliveries.of_event(traced.number)
        for delivery in deliveries:
            yield _step("webhook", _delivery_state(delivery), "POST " + masked(delivery["url"]),
                        _delivery_words(delivery))
        if more:
            yield _step("webhook", "waiting", "HipChat posts to the webhook")
        elif not deliveries:
            yield _step("webhook", "stopped",
                        f"none for room_{traced.event} in {traced.room}",
                        "no rule receives it in this room")
        elif self.stackstorm_url:
            yield from self._in_stackstorm(traced, deliveries)

    def _in_stackstorm(self, traced: TracedEvent, deliveries: List[Json]) -> Iterator[Step]:
        hooks = {delivery["webhook_id"] for delivery in deliveries}
        try:
            if traced.message_id:
                yield from command_steps(traced.message_id, self._get, self._action)
            rules = [rule for rule in self._get("rules")
                     if rule["trigger"]["type"] == "hipchat." + traced.event]
            instances = {each["trigger"]: each for each in self._get("triggerinstances")
                         if each["payload"].get("webhook_id") in hooks and traced.is_of(each)}
            # Rules whose trigger was dispatched come first.
            enabled = sorted((rule for rule in rules if rule["enabled"]),
                             key=lambda rule: rule["trigger"]["ref"] not in instances)
            for rule in enabled:
                instance = instances.get(rule["trigger"]["ref"])
                yield from (self._of_rule(rule, instance) if instance else
                            _not_dispatched(rule, traced))
        except (requests.RequestException, ValueError):
            yield _step("trigger", "failed", "StackStorm does not answer", self.stackstorm_url)
            return
        disabled = [rule["ref"] for rule in rules if not rule["enabled"]]
        if disabled:
            yield _step("rule", "stopped", "disabled: " + ", ".join(disabled),
                        "python -m sandbox serve --enable REF enables one")
        elif not enabled:
            yield _step("rule", "stopped", "none for hipchat." + traced.event)

    def _of_rule(self, rule: Json, instance: Json) -> Iterator[Step]:
        received = {key: instance["payload"][key] for key in ("message", "matches")
                    if instance["payload"][key]}
        yield _step("trigger", "ok", _trigger(rule), "dispatched" + listed(received))
        for enforcement in self._get("ruleenforcements?trigger_instance=" + instance["id"]):
            if enforcement["rule"]["ref"] != rule["ref"]:
                continue
            if enforcement["status"] == "failed":
                yield _step("rule", "failed", rule["ref"], enforcement["failure_reason"])
            else:
                yield _step("rule", "ok", rule["ref"] + " matched")
                yield self._action(enforcement["execution_id"])
            return
        if instance["status"] == "processed":
            yield _step("rule", "stopped", rule["ref"] + " did not match",
                        "its criteria" + listed(rule["criteria"]))
        else:
            yield _step("rule", "waiting", rule["ref"])

    def _action(self, execution_id: str) -> Step:
        execution = self._get("executions/" + execution_id)
        status = execution["status"]
        state = {"requested": "waiting", "running": "waiting", "succeeded": "ok"}
        result = execution.get("result", {})
        reason = "" if status == "succeeded" else _reason(result)
        return _step("action", state.get(status, "failed"), execution["action"]["ref"] +
                     listed(execution["parameters"]), status + reason)

    def _get(self, path: str) -> Any:
        with requests.Session() as session:
            # StackStorm is local: ignore the environment's proxy.
            session.trust_env = False
            answer = session.get(f"{self.stackstorm_url}/v1/{path}",
                                 timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
        return answer.json()


def in_words(event: str, who: str, room: str, text: str) -> str:
    """Return a sentence about an event, such as "Ann entered Factor"."""
    return WORDS.get(event, OTHER_WORDS).format_map({
        "who": who, "room": room, "text": text, "event": event.replace("_", " ")})


def listed(values: Json) -> str:
    """Return values as text, such as ' with room "Factor"'; "" for none."""
    listed = ", ".join(f"{key} {json.dumps(value, ensure_ascii=False)}"
                       for key, value in values.items())
    return " with " + listed if listed else ""


def masked(url: str) -> str:
    """Return the URL of a webhook without its signature, which is a secret."""
    return url.rpartition("/")[0] + "/***"


def _not_dispatched(rule: Json, traced: TracedEvent) -> Iterator[Step]:
    if now() - traced.when < TRIGGER_TIMEOUT:
        yield _step("trigger", "waiting", _trigger(rule))
    else:
        yield _step("trigger", "stopped", _trigger(rule),
                    f"was not dispatched, so {rule['ref']} was not evaluated")


def _step(kind: str, state: str, title: str, detail: str = "") -> Step:
    return {"kind": kind, "state": state, "title": title, "detail": detail}


def _delivery_state(delivery: Json) -> str:
    return "ok" if delivery["status"] and delivery["status"] < 300 else "failed"


def _delivery_words(delivery: Json) -> str:
    if delivery["error"]:
        return "no answer: " + delivery["error"]
    return "answered {status} after {milliseconds} ms".format_map(delivery)


def _trigger(rule: Json) -> str:
    return rule["trigger"]["type"] + listed(rule["trigger"]["parameters"])


def _reason(result: Json) -> str:
    """Return why an action failed: its own error, or the last line of its traceback."""
    own = result.get("result")
    text = own.get("error") if isinstance(own, dict) else None
    last_line = result.get("stderr", "").strip().rpartition("\n")[2]
    text = text or result.get("error") or last_line
    return ": " + text if text else ""


def _time(instance: Json) -> datetime:
    return datetime.fromisoformat(instance["occurrence_time"].replace("Z", "+00:00"))
