"""Sends notifications: a text or a card, to one room or to several."""
from typing import Any, Dict, List

from hipchat.api.cards import check_card
from hipchat.api.client import Client
from hipchat.errors import HipChatError, Incomplete
from hipchat.api.limits import check_length, fitted

__all__ = ["notification", "notify", "notify_all"]


def notification(message: str, format: str = "text", color: str = "gray", notify: bool = False,
                 card: Any = None, attach_to: Any = None, **more: Any) -> Dict[str, Any]:
    """Check the parameters of hipchat.send, and return them as notify() takes them.

    Args:
        more: may contain `from`, a label that HipChat shows beside the sender's name.

    Raises:
        ParameterError: HipChat would reject a value.
    """
    check_length("from", more.get("from"), 0, 64)
    check_length("attach_to", attach_to, 0, 36)
    if card is not None:
        check_card(card)
    return {"message": message, "format": format, "color": "gray" if color == "grey" else color,
            "notify": notify, "from": more.get("from"), "card": card, "attach_to": attach_to}


def notify(client: Client, room: str, sent: Dict[str, Any], overflow: str) -> Dict[str, Any]:
    """Send a notification; return it as it was sent, with its room.

    Calls POST /v2/room/{id_or_name}/notification, which needs the scope send_notification. If the
    text is split, only the first part has the card and notifies people.

    Args:
        sent: the notification, from notification().
        overflow: what to do with a text that is too long: error, truncate or split.

    Raises:
        Incomplete: only the first parts of the text were sent. The error's result has the numbers
            of all `parts` and of `sent_parts`, and the `rest` of the text.
    """
    body = {"message_format": sent["format"],
            **{key: sent[key] for key in ("color", "notify", "from", "card", "attach_to")}}
    parts = fitted(sent["message"], sent["format"], overflow)
    for sent_parts, part in enumerate(parts):
        try:
            client.call("POST", "room", room, "notification", json=dict(body, message=part))
        except HipChatError as error:
            if not sent_parts:
                raise
            raise _incomplete(error, sent["message"], parts, sent_parts) from None
        body.update(notify=False, card=None)
    return dict(sent, room=room, message=parts[0] if overflow == "truncate" else sent["message"])


def _incomplete(error: HipChatError, message: str, parts: List[str], sent_parts: int) -> Incomplete:
    rest = message
    for part in parts[:sent_parts]:
        rest = rest[len(part):]
        rest = rest[1:] if rest.startswith("\n") else rest
    result = dict(error.as_result(), parts=len(parts), sent_parts=sent_parts, rest=rest)
    result.pop("error")
    return Incomplete(f"The text was split, and only {sent_parts} of {len(parts)} parts were sent; "
                      f"send the rest alone. The error: {error}", **result)


def notify_all(client: Client, rooms: List[str], sent: Dict[str, Any],
               overflow: str) -> Dict[str, Any]:
    """Send a notification to several rooms; return {"rooms": [the result of notify() for each]}.

    Raises:
        Incomplete: at least one room failed. The error's result has `rooms` too, with the error of
            each room that failed in place of its result.
    """
    fitted(sent["message"], sent["format"], overflow)
    results = []
    for room in rooms:
        try:
            results.append(notify(client, room, sent, overflow))
        except HipChatError as error:
            results.append(dict(error.as_result(), room=room))
    failed = [result["room"] for result in results if "error" in result]
    if failed:
        raise Incomplete(f"The message was not sent to {len(failed)} of {len(rooms)} rooms: "
                         f"{', '.join(failed)}. See the error of each.", rooms=results)
    return {"rooms": results}
