"""Sends replies to a requester, in a room or in private."""
from html import escape
from typing import Any, Callable, Iterator, List

from chatops.command import ChatMessage
from chatops.reply import Reply
from hipchat.api.client import Client
from hipchat.errors import ApiError, Forbidden, InvalidRequest, NotFound, ParameterError
from hipchat.api.limits import LONGEST_MESSAGE, fitted
from hipchat.api.messages import reply as send_reply, send_private
from hipchat.api.notifications import notification, notify

__all__ = ["Responder"]

MOST_PARTS = 3  # messages of one reply: HipChat takes 30 a minute in a room
LONGEST_MENTION = 60  # characters, with what is around it
LONGEST_CODE = 9000  # characters, escaped; the rest is for what stands around it
# To split more into messages would hold the process up. No line end can save a longer one.
LONGEST_REPLY = (MOST_PARTS + 1) * LONGEST_MESSAGE
EMPTY = "It has nothing to tell."
IN_PRIVATE = "I answered you in private."
NOT_IN_PRIVATE = "The answer is for you alone, and I cannot give it: {}"
WITHOUT_CARD = "The card that the alias wants cannot be shown: {}"


class Responder:
    """Replies to the requester of one message.

    has_sent: whether anything of a reply stands in HipChat, so that it must not be sent again.
    """

    def __init__(self, client: Client, as_user: Callable[[], Client], message: ChatMessage):
        """Send nothing yet.

        Args:
            client: Sends notifications.
            as_user: Returns the client of a user, who alone may write in private or reply;
                ParameterError where there is none.
            message: What is replied to.
        """
        self._client, self._as_user, self._message = client, as_user, message
        self._mention = f"@{message.mention_name} " if message.mention_name else ""
        self.has_sent = False

    def send(self, reply: Reply) -> str:
        """Send a reply; returns its text as it was sent."""
        reply = _whole(reply)
        text = reply.text or ("" if reply.code else EMPTY)
        if reply.private or reply.aside:
            self._in_private(reply, text)
        elif reply.reply and self._message.message_id:
            self._reply(reply, text)
        else:
            self._to_room(reply, text)
        return text

    def openings(self, reply: Reply) -> List[str]:
        """Return the texts with which send() may begin in the room, depending on HipChat."""
        reply = _whole(reply)
        text = reply.text or ("" if reply.code else EMPTY)
        return [*_parts(self._mention + text, reply.web_url)[:1], *(
            [self._mention + IN_PRIVATE] if reply.private or reply.aside else [])]

    def _in_private(self, reply: Reply, text: str) -> None:
        try:
            self._to_person(reply, text)
        except (ApiError, ParameterError) as error:
            if reply.private:
                self._notify(reply._replace(color="red", card=None, format="text"),
                             self._mention + NOT_IN_PRIVATE.format(error))
            else:
                self._to_room(reply, text)
        else:
            self._notify(reply._replace(card=None, format="text"), self._mention + IN_PRIVATE)

    def _to_person(self, reply: Reply, text: str) -> None:
        client = self._as_user()
        for part in _parts(text, reply.web_url):
            send_private(client, self._message.requester_id, part, reply.format, reply.notify)
            self.has_sent = True
        for code in _code(reply):
            send_private(client, self._message.requester_id, code, "html")

    def _reply(self, reply: Reply, text: str) -> None:
        whole = self._mention + "\n".join(filter(None, (text, reply.code)))
        try:
            client = self._as_user()
            for part in _parts(whole, reply.web_url):
                send_reply(client, self._message.room_id, self._message.message_id, part)
                self.has_sent = True
        except (Forbidden, InvalidRequest, NotFound, ParameterError):
            self._to_room(reply, text)

    def _to_room(self, reply: Reply, text: str) -> None:
        for part in _parts(self._mention + text, reply.web_url):
            self._notify(reply, part)
            reply = reply._replace(card=None, notify=False)
        for code in _code(reply):
            self._notify(reply._replace(format="html", card=None, notify=False), code)

    def _notify(self, reply: Reply, text: str) -> None:
        try:
            self._send(reply, text)
        except (ParameterError, InvalidRequest) as error:
            if reply.card is None:
                raise
            plain = reply._replace(card=None)
            self._send(plain, text)
            self._send(plain._replace(format="text"), WITHOUT_CARD.format(error))

    def _send(self, reply: Reply, text: str) -> None:
        sent = notification(text, reply.format, reply.color, reply.notify, reply.card)
        notify(self._client, str(self._message.room_id), sent, "error")
        self.has_sent = True


def _whole(reply: Reply) -> Reply:
    """The reply, without what is certain to be cut; HTML that would have to be cut is not told."""
    reply = reply._replace(text=reply.text[:LONGEST_REPLY], code=reply.code[:LONGEST_REPLY])
    if reply.format != "html" or len(reply.text) + LONGEST_MENTION <= LONGEST_MESSAGE:
        return reply
    return reply._replace(format="text", text="The answer is too long: " + reply.web_url)


def _parts(text: str, url: str) -> List[str]:
    """The messages of a text; what is too long for three of them is cut, and tells where it is."""
    return _cut(fitted(text, "text", "split"), url, lambda part, rest: (
        part[:LONGEST_MESSAGE - len(rest)] + rest)) if text.strip() else []


def _code(reply: Reply) -> Iterator[str]:
    """The code as HTML, a message for each 9,000 characters of it."""
    parts: List[List[str]] = [[]]
    size = 0
    for line in reply.code.splitlines():
        for start in range(0, max(len(line), 1), LONGEST_CODE // 6):
            piece = escape(line[start:start + LONGEST_CODE // 6])
            size += len(piece) + 1
            if size > LONGEST_CODE:
                parts.append([])
                size = len(piece) + 1
            parts[-1].append(piece)
    texts = ["\n".join(lines) for lines in parts if lines]
    for text in _cut(texts, reply.web_url, lambda part, rest: part + escape(rest)):
        yield f"<pre>{text}</pre>"


def _cut(parts: List[str], url: str, ended: Callable[[str, str], Any]) -> List[str]:
    if len(parts) <= MOST_PARTS:
        return parts
    rest = f"\n[...] The rest is at {url}" if url else "\n[...]"
    return parts[:MOST_PARTS - 1] + [ended(parts[MOST_PARTS - 1], rest)]
