"""Says an answer to a person, in a room or in private."""
from html import escape
from typing import Any, Callable, Iterator, List

from chatops.answer import Answer
from hipchat.api.client import Client
from hipchat.errors import ApiError, Forbidden, InvalidRequest, NotFound, ParameterError
from hipchat.api.limits import LONGEST_MESSAGE, fitted
from hipchat.api.messages import reply, send_private
from hipchat.api.notifications import notification, notify

__all__ = ["Voice"]

MOST_PARTS = 3  # messages of one answer: HipChat takes 30 a minute in a room
LONGEST_MENTION = 60  # characters, with what is around it
LONGEST_CODE = 9000  # characters, escaped; the rest is for what stands around it
EMPTY = "It has nothing to tell."
IN_PRIVATE = "I answered you in private."
NOT_IN_PRIVATE = "The answer is for you alone, and I cannot give it: {}"
WITHOUT_CARD = "The card that the alias wants cannot be shown: {}"


class Voice:
    """Speaks to one person: room and person are ids.

    as_user gives the client of a user, who alone may write in private or reply; ParameterError
    where there is none. mention is the person's mention name without "@", message_id that of what
    is answered; both may be "".
    """

    def __init__(self, client: Client, as_user: Callable[[], Client], room: int, person: int,
                 mention: str = "", message_id: str = ""):
        self._client, self._as_user, self._room, self._person = client, as_user, room, person
        self._mention = f"@{mention} " if mention else ""
        self._message_id = message_id

    def tell(self, answer: Answer) -> str:
        """Say it; returns its text as it was said."""
        answer = _whole(answer)
        text = answer.text or ("" if answer.code else EMPTY)
        if answer.private or answer.aside:
            self._in_private(answer, text)
        elif answer.reply and self._message_id:
            self._reply(answer, text)
        else:
            self._to_room(answer, text)
        return text

    def _in_private(self, answer: Answer, text: str) -> None:
        try:
            self._to_person(answer, text)
        except (ApiError, ParameterError) as error:
            if answer.private:
                self._notify(answer._replace(color="red", card=None, format="text"),
                             self._mention + NOT_IN_PRIVATE.format(error))
            else:
                self._to_room(answer, text)
        else:
            self._notify(answer._replace(card=None, format="text"), self._mention + IN_PRIVATE)

    def _to_person(self, answer: Answer, text: str) -> None:
        client = self._as_user()
        for part in _parts(text, answer.web_url):
            send_private(client, self._person, part, answer.format, answer.notify)
        for code in _code(answer):
            send_private(client, self._person, code, "html")

    def _reply(self, answer: Answer, text: str) -> None:
        whole = self._mention + "\n".join(filter(None, (text, answer.code)))
        try:
            client = self._as_user()
            for part in _parts(whole, answer.web_url):
                reply(client, self._room, self._message_id, part)
        except (Forbidden, InvalidRequest, NotFound, ParameterError):
            self._to_room(answer, text)

    def _to_room(self, answer: Answer, text: str) -> None:
        for part in _parts(self._mention + text, answer.web_url):
            self._notify(answer, part)
            answer = answer._replace(card=None, notify=False)
        for code in _code(answer):
            self._notify(answer._replace(format="html", card=None, notify=False), code)

    def _notify(self, answer: Answer, text: str) -> None:
        try:
            self._send(answer, text)
        except (ParameterError, InvalidRequest) as error:
            if answer.card is None:
                raise
            plain = answer._replace(card=None)
            self._send(plain, text)
            self._send(plain._replace(format="text"), WITHOUT_CARD.format(error))

    def _send(self, answer: Answer, text: str) -> None:
        sent = notification(text, answer.format, answer.color, answer.notify, answer.card)
        notify(self._client, str(self._room), sent, "error")


def _whole(answer: Answer) -> Answer:
    """The answer, but for HTML that would have to be cut: it is not told."""
    if answer.format != "html" or len(answer.text) + LONGEST_MENTION <= LONGEST_MESSAGE:
        return answer
    return answer._replace(format="text", text="The answer is too long: " + answer.web_url)


def _parts(text: str, url: str) -> List[str]:
    """The messages of a text; what is too long for three of them is cut, and tells where it is."""
    return _cut(fitted(text, "text", "split"), url, lambda part, rest: (
        part[:LONGEST_MESSAGE - len(rest)] + rest)) if text.strip() else []


def _code(answer: Answer) -> Iterator[str]:
    """The code as HTML, a message for each 9,000 characters of it."""
    parts, size = [[]], 0
    for line in answer.code.splitlines():
        for start in range(0, max(len(line), 1), LONGEST_CODE // 6):
            piece = escape(line[start:start + LONGEST_CODE // 6])
            size += len(piece) + 1
            if size > LONGEST_CODE:
                parts.append([])
                size = len(piece) + 1
            parts[-1].append(piece)
    texts = ["\n".join(lines) for lines in parts if lines]
    for text in _cut(texts, answer.web_url, lambda part, rest: part + escape(rest)):
        yield f"<pre>{text}</pre>"


def _cut(parts: List[str], url: str, ended: Callable[[str, str], Any]) -> List[str]:
    if len(parts) <= MOST_PARTS:
        return parts
    rest = f"\n[...] The rest is at {url}" if url else "\n[...]"
    return parts[:MOST_PARTS - 1] + [ended(parts[MOST_PARTS - 1], rest)]
