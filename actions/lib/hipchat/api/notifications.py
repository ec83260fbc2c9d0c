"""Notifications to rooms: one text or card, in one room or in several."""
from typing import Any, Dict, List

from hipchat.api.cards import check_card
from hipchat.api.client import Client
from hipchat.errors import HipChatError, Incomplete
from hipchat.api.limits import check_length, fitted

__all__ = ["notification", "notify", "notify_all"]


def notification(message: str, format: str = "text", color: str = "gray", notify: bool = False,
                 card: Any = None, attach_to: Any = None, **more: Any) -> Dict[str, Any]:
    """Check and return a notification in the words of the pack's actions; `from` is its label."""
    check_length("from", more.get("from"), 0, 64)
    check_length("attach_to", attach_to, 0, 36)
    if card is not None:
        check_card(card)
    return {"message": message, "format": format, "color": "gray" if color == "grey" else color,
            "notify": notify, "from": more.get("from"), "card": card, "attach_to": attach_to}


def notify(client: Client, room: str, sent: Dict[str, Any], overflow: str) -> Dict[str, Any]:
    """POST /v2/room/{id_or_name}/notification, with the scope send_notification.

    Of a text that is split, only the first part has the card and notifies people.

    Args:
        sent: from notification().
        overflow: see fitted().

    Returns:
        The notification as it was sent, and its room.

    Raises:
        Incomplete: not all parts could be sent; its result has `parts`, `sent_parts`, and the
            `rest` of the text.
    """
    body = {"message_format": sent["format"],
            **{key: sent[key] for key in ("color", "notify", "from", "card", "attach_to")}}
    parts = fitted(sent["message"], sent["format"], overflow)
    for number, part in enumerate(parts):
        try:
            client.call("POST", "room", room, "notification", json=dict(body, message=part))
        except HipChatError as error:
            raise (_midway(error, sent["message"], parts, number) if number else error) from None
        body.update(notify=False, card=None)
    return dict(sent, room=room, message=parts[0] if overflow == "truncate" else sent["message"])


def _midway(error: HipChatError, message: str, parts: List[str], sent: int) -> Incomplete:
    rest = message
    for part in parts[:sent]:
        rest = rest[len(part):]
        rest = rest[1:] if rest.startswith("\n") else rest
    more = dict(error.as_result(), parts=len(parts), sent_parts=sent, rest=rest)
    more.pop("error")
    return Incomplete(f"The text was split, and only {sent} of {len(parts)} parts were sent; send "
                      f"the rest alone. What went wrong: {error}", **more)


def notify_all(client: Client, rooms: List[str], sent: Dict[str, Any],
               overflow: str) -> Dict[str, Any]:
    """Notify several rooms; return {"rooms": [the result of each]}.

    Raises:
        Incomplete: not every room got it; `rooms` of its result has a result or an error of each.
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
        raise Incomplete(f"{len(failed)} of {len(rooms)} rooms did not get it: "
                         f"{', '.join(failed)}. See the error of each.", rooms=results)
    return {"rooms": results}
