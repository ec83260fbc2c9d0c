"""`python -m sandbox rule`: tries a rule on an event, a payload or a room's history.

No server runs, and nothing is sent. The pack's own code reads HipChat's events; criteria, templates
and parameters work as in StackStorm.
"""

import argparse
import json
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Dict

from sandbox import recorded_events
from sandbox.hipchat_server.errors import ApiError
from sandbox.hipchat_server.event_trace import in_words, listed
from sandbox.rule_trial import DoesNotFire, RuleTrial, as_json
from sandbox.sample_event import PEOPLE, sample_body
from sandbox.stackstorm import REPOSITORY, core_triggers
from sandbox.stackstorm.errors import Invalid

from hipchat.errors import HipChatError
from hipchat.events import EVENTS

FIRES, DOES_NOT_FIRE, WRONG = 0, 1, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `python -m sandbox rule`."""
    add = parser.add_argument
    add("file", type=Path, metavar="FILE", help="the rule's YAML file")
    add("--say", metavar="TEXT", help="the text of a message, a notification or a topic")
    add("--event", choices=list(EVENTS),
        help="the event (default: the rule's own event, or a message if --say is given)")
    add("--user", default=PEOPLE[0], metavar="NAME",
        help="the person who causes it (default: %(default)s)")
    add("--user-id", type=int, metavar="ID", help="that person's ID in HipChat")
    add("--room", metavar="NAME", help="the room (default: Factor, or with --history the room "
        "in the file)")
    add("--history", type=Path, metavar="FILE",
        help="try each event in a file: the result of `st2 run hipchat.get_history -j`, or the "
        "bodies of webhooks")
    add("--payload", type=json.loads, metavar="JSON",
        help="the payload of the rule's trigger, if it is not one of HipChat's")
    add("--config", type=Path, default=REPOSITORY / "hipchat.yaml.example", metavar="FILE",
        help="the pack's config file (default: the example, with the room Factor)")


def main(args: argparse.Namespace) -> int:
    """Print what would happen.

    Returns:
        0 if the rule fires (for at least one event of a history), 1 if not, 2 if it is wrong.
    """
    try:
        trial = RuleTrial(args.file, args.config)
        if args.history:
            return _try_history(trial, args)
        _try_one(trial, args)
    except DoesNotFire as reason:
        print(f"\nIt does not fire: {reason}.")
        return DOES_NOT_FIRE
    except (Invalid, HipChatError, ApiError) as error:
        print(f"\nThis is wrong: {error}", file=sys.stderr)
        return WRONG
    print("\nIt fires.")
    return FIRES


def _try_one(trial: RuleTrial, args: argparse.Namespace) -> None:
    """Print each step from one event to the action."""
    body = _body(trial.event_name, args) if trial.event_name else None
    payload = None if body else _foreign_payload(trial, args)
    _row("rule", trial.rule.ref + ("" if trial.rule.enabled else " (disabled)"))
    if body:
        event = EVENTS[body["event"][len("room_"):]]
        _row("event", in_words(event.name, args.user, args.room or "Factor", args.say))
    _row("trigger", trial.trigger["type"] + listed(trial.trigger["parameters"]))
    if body:
        payload = trial.payload_of(body)
        if payload["matches"]:
            _row("", "captures matches " + as_json(payload["matches"]))
    trial.check_payload(payload)
    _show_criteria(trial, payload)
    _show_call(trial, payload)


def _body(event_name: str, args: argparse.Namespace) -> Dict[str, Any]:
    """Return the webhook body of the event in the options, by default the rule's event."""
    event = EVENTS[args.event or ("message" if args.say is not None else event_name)]
    if args.payload is not None:
        raise Invalid("--payload is for other packs' triggers: use --say, --event and --user.")
    if event.text and args.say is None:
        raise Invalid(f"the event {event.name} needs --say TEXT.")
    return sample_body(event.name, args.room or "Factor", args.user, args.user_id, args.say or "")


def _foreign_payload(trial: RuleTrial, args: argparse.Namespace) -> Any:
    """Return the payload of a trigger that is not HipChat's."""
    trigger = trial.trigger
    if args.payload is not None:
        return args.payload
    if trigger["type"] in core_triggers.TIMERS:
        return {"executed_at": str(datetime.now(timezone.utc)), "schedule": trigger["parameters"]}
    raise Invalid(f"the trigger {trigger['type']} needs --payload JSON.")


def _show_criteria(trial: RuleTrial, payload: Any) -> None:
    failing = []
    for criterion in trial.criteria(payload):
        value = as_json(criterion.value)
        if criterion.holds is None:
            _row("criterion", f"{criterion.words}: taken as yes, as its pattern is in StackStorm's "
                 f"datastore; it is {value}")
        else:
            _row("criterion", f"{criterion.words}: {'yes' if criterion.holds else 'no'}, "
                 f"it is {value}")
        if criterion.holds is False:
            failing.append(f"{criterion.words} does not hold, it is {value}")
    if failing:
        raise DoesNotFire("; ".join(failing))


def _show_call(trial: RuleTrial, payload: Any) -> None:
    call = trial.call(payload)
    _row("action", call.ref + ("" if call.is_checked else
                               " (another pack's: its parameters are not checked)"))
    for name, value in call.values.items():
        _row("", f"{name}: {as_json(value)}")
    for name, removers in call.removers.items():
        _row("warning", f"{', '.join(removers)} in {name}: removing characters from chat text can "
             "turn it into a template; see docs/rules.md, Chat text in workflows")


def _try_history(trial: RuleTrial, args: argparse.Namespace) -> int:
    """Try the rule on each event of a file; print a line for each, and the counts."""
    if trial.event_name is None:
        raise Invalid(f"--history is for HipChat's triggers; the rule is for "
                      f"{trial.trigger['type']}.")
    counts = {"fires": 0, "no": 0, "fails": 0}
    for event in recorded_events.read(args.history, args.room, trial.room):
        outcome, reason = _outcome(trial, event)
        counts[outcome] += 1
        when = f"{event.sent_at:%Y-%m-%d %H:%M}" if event.sent_at else "no date"
        print(f"{outcome:<6} {when:<16}  {event.words}")
        if reason:
            print(f"       {reason}")
    total = sum(counts.values())
    fails = f", and fails for {counts['fails']}" if counts["fails"] else ""
    print(f"\nIt fires for {counts['fires']} of {total} event{'' if total == 1 else 's'}{fails}.")
    if counts["fails"]:
        return WRONG
    return FIRES if counts["fires"] else DOES_NOT_FIRE


def _outcome(trial: RuleTrial, event: recorded_events.RecordedEvent) -> Any:
    """Return "fires", "no" or "fails", and the reason."""
    try:
        payload = trial.payload_of(event.body)
        trial.check_payload(payload)
        for criterion in trial.criteria(payload, event.sent_at):
            if criterion.holds is False:
                return "no", f"{criterion.words} does not hold, it is {as_json(criterion.value)}"
        trial.call(payload)
    except DoesNotFire as reason:
        return "no", str(reason)
    except Invalid as error:
        return "fails", str(error)
    return "fires", ""


def _row(what: str, text: str) -> None:
    print(f"{what:<10} {text}")
