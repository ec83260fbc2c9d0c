"""What the listener answers, and how it reads a request's body."""
from typing import Any, Dict, NamedTuple, Tuple, Union

__all__ = ["ACCEPTED", "FAILED", "NOT_ALLOWED", "NOT_FOUND", "NOT_SIGNED", "TOO_SLOW",
           "UNAVAILABLE", "Answer", "Refused", "body_of", "wrong_method", "wrong_request"]

LARGEST_BODY = 1024 * 1024  # bytes


class Answer(NamedTuple):
    """What is sent back: a status line, and a line of text: HipChat would post JSON in the room."""

    status: str
    content: Union[str, bytes] = ""
    content_type: str = "text/plain; charset=utf-8"
    headers: Tuple[Tuple[str, str], ...] = ()


ACCEPTED = Answer("204 No Content")
NOT_FOUND = Answer("404 Not Found", "There is nothing here.\n")
NOT_ALLOWED = Answer("403 Forbidden", "This address is not allowed.\n")
NOT_SIGNED = Answer("401 Unauthorized", "A valid JWT is required.\n",
                    headers=(("WWW-Authenticate", "JWT"),))
TOO_LARGE = Answer("413 Payload Too Large", "The body is larger than 1 MiB.\n")
NO_LENGTH = Answer("411 Length Required", "A Content-Length is required.\n")
TOO_SLOW = Answer("408 Request Timeout", "The request took too long to arrive.\n")
FAILED = Answer("500 Internal Server Error", "The request could not be answered.\n")
INCOMPLETE = Answer("400 Bad Request", "The body did not arrive whole.\n")
UNAVAILABLE = Answer("503 Service Unavailable", "Deliveries cannot be kept now.\n",
                     headers=(("Retry-After", "60"),))


class Refused(Exception):
    """A request is answered with this and nothing else."""

    def __init__(self, answer: Answer):
        self.answer = answer
        super().__init__(answer.status)


def wrong_method(allowed: str) -> Answer:
    """The answer to another method than these."""
    return Answer("405 Method Not Allowed", f"Only {allowed} is allowed here.\n",
                  headers=(("Allow", allowed),))


def wrong_request(error: ValueError) -> Answer:
    """The answer to a body that is wrong; the error's text is safe to send back."""
    return Answer("400 Bad Request", f"{error}.\n")


def body_of(environ: Dict[str, Any]) -> bytes:
    """A WSGI request's whole body, at most LARGEST_BODY; raises Refused."""
    if "HTTP_TRANSFER_ENCODING" in environ:  # eventlet reads chunks of any length and number
        raise Refused(NO_LENGTH)
    expected = int(environ.get("CONTENT_LENGTH") or 0)
    if expected > LARGEST_BODY:
        raise Refused(TOO_LARGE)
    try:
        raw = environ["wsgi.input"].read(LARGEST_BODY + 1)
    except (OSError, ValueError):
        raise Refused(INCOMPLETE) from None
    if len(raw) > LARGEST_BODY:
        raise Refused(TOO_LARGE)
    if len(raw) < expected:
        raise Refused(INCOMPLETE)
    environ["hipchat.arrived"]()
    return raw
