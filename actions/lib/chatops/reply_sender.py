"""Sends the replies to a command: to the command's room, or to the requester in private."""
import re
from html import escape
from typing import Callable, List

from chatops.chat_message import ChatMessage
from chatops.reply import Reply
from hipchat.api.client import Client
from hipchat.errors import ApiError, Forbidden, InvalidRequest, NotFound, ParameterError
from hipchat.api.limits import LONGEST_MESSAGE, fitted
from hipchat.api.messages import reply as send_reply, send_private
from hipchat.api.notifications import notification, notify

__all__ = ["ReplySender"]

MOST_PARTS = 3  # messages of one reply: HipChat takes 30 a minute in a room
LONGEST_MENTION = 60  # characters, with "@" and blank
LONGEST_CODE = 9000  # characters, escaped; the rest of a message is for the tags around it
LONG_LINE = re.compile(r".{1499}(?=.)")  # escape() makes up to six characters of one
# Splitting a longer text would take too long, and it would be truncated anyway.
LONGEST_REPLY = (MOST_PARTS + 1) * LONGEST_MESSAGE
EMPTY = "The result is empty."
IN_PRIVATE = "I answered you in private."


class ReplySender:
    """Sends replies to one command, as notifications, as HipChat's replies or as private messages.

    Attributes:
        has_sent: whether a part of a reply was sent, which would appear twice if the reply were
            sent again.
    """

    def __init__(self, client: Client, as_user: Callable[[], Client], message: ChatMessage):
        """Args:
            client: the client that sends notifications.
            as_user: returns the client that sends private messages and replies, with a user's
                token; raises ParameterError if the pack has no such token.
        """
        self._client, self._as_user, self._message = client, as_user, message
        self._mention = f"@{message.mention_name} " if message.mention_name else ""
        self.has_sent = False

    def send(self, reply: Reply) -> None:
        """Send a reply in one or more messages; see has_sent if that raises HipChatError."""
        reply = _shortened(reply)
        if reply.private or reply.prefer_private:
            self._in_private(reply)
        elif reply.reply and self._message.message_id:
            self._reply(reply)
        else:
            self._to_room(reply)

    def openings(self, reply: Reply) -> List[str]:
        """Return the possible texts of the first message that send() posts in the room.

        After a crash, they show in the room's history whether the reply was sent. There are several
        if HipChat may refuse a private message.
        """
        reply = _shortened(reply)
        return [*_parts(self._mention + reply.text, reply.web_url)[:1], *(
            [self._mention + IN_PRIVATE] if reply.private or reply.prefer_private else [])]

    def _in_private(self, reply: Reply) -> None:
        hint = reply._replace(text=self._mention + IN_PRIVATE, format="text", card=None)
        try:
            client = self._as_user()
            for each in _messages(reply):
                send_private(client, self._message.requester_id, each.text, each.format,
                             each.notify)
                self.has_sent = True
        except (ApiError, ParameterError) as error:
            if not reply.private:
                return self._to_room(reply)
            hint = hint._replace(color="red", text=(
                f"{self._mention}The answer is private, and I cannot send it to you: {error}"))
        self._notify(hint)

    def _reply(self, reply: Reply) -> None:
        whole = self._mention + "\n".join(filter(None, (reply.text, reply.code)))
        try:
            client = self._as_user()
            for part in _parts(whole, reply.web_url):
                send_reply(client, self._message.room_id, self._message.message_id, part)
                self.has_sent = True
        except (Forbidden, InvalidRequest, NotFound, ParameterError):
            self._to_room(reply)

    def _to_room(self, reply: Reply) -> None:
        for each in _messages(reply, self._mention):
            self._notify(each)

    def _notify(self, reply: Reply) -> None:
        try:
            self._send(reply)
        except (ParameterError, InvalidRequest) as error:
            if reply.card is None:
                raise
            plain = reply._replace(card=None)
            self._send(plain)
            self._send(plain._replace(format="text",
                                      text=f"The alias's card cannot be shown: {error}"))

    def _send(self, reply: Reply) -> None:
        sent = notification(reply.text, reply.format, reply.color, reply.notify, reply.card)
        notify(self._client, str(self._message.room_id), sent, "error")
        self.has_sent = True


def _shortened(reply: Reply) -> Reply:
    """Return a reply that is short enough to split; HTML cannot be, so a URL replaces long HTML."""
    text = reply.text or ("" if reply.code else EMPTY)
    reply = reply._replace(text=text[:LONGEST_REPLY], code=reply.code[:LONGEST_REPLY])
    if reply.format != "html" or len(text) + LONGEST_MENTION <= LONGEST_MESSAGE:
        return reply
    return reply._replace(format="text", text="The answer is too long: " + reply.web_url)


def _messages(reply: Reply, mention: str = "") -> List[Reply]:
    """Split a reply into messages, of which only the first has the card and notifies people."""
    messages = [reply._replace(text=part) for part in _parts(mention + reply.text, reply.web_url)]
    messages += [reply._replace(text=code, format="html") for code in _code(reply)]
    return messages[:1] + [each._replace(card=None, notify=False) for each in messages[1:]]


def _parts(text: str, url: str) -> List[str]:
    """Split a text into up to three messages; a longer text ends in the URL of the whole result."""
    parts = fitted(text, "text", "split") if text.strip() else []
    if len(parts) > MOST_PARTS:
        rest = _rest_at(url)
        parts[MOST_PARTS - 1] = parts[MOST_PARTS - 1][:LONGEST_MESSAGE - len(rest)] + rest
    return parts[:MOST_PARTS]


def _code(reply: Reply) -> List[str]:
    """Return messages in HTML with the reply's code, each with up to 9,000 characters of code."""
    texts = [""]
    for line in LONG_LINE.sub("\\g<0>\n", reply.code).splitlines():
        line = escape(line) + "\n"
        if len(texts[-1] + line) > LONGEST_CODE:
            texts.append("")
        texts[-1] += line
    texts = [text[:-1] for text in texts if text]
    if len(texts) > MOST_PARTS:
        texts[MOST_PARTS - 1] += escape(_rest_at(reply.web_url))
    return [f"<pre>{text}</pre>" for text in texts[:MOST_PARTS]]


def _rest_at(url: str) -> str:
    return f"\n[...] The rest is at {url}" if url else "\n[...]"
