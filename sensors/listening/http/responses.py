"""The HTTP responses of the webhook endpoint, and how it reads a request's body."""
from typing import Any, Dict, NamedTuple, Tuple, Union

__all__ = ["ACCEPTED", "FAILED", "INACTIVE", "NOT_ALLOWED", "NOT_FOUND", "NOT_SIGNED", "TOO_SLOW",
           "UNAVAILABLE", "HttpResponse", "RequestRejected", "bad_request", "read_request_body",
           "wrong_method"]

LARGEST_BODY = 1024 * 1024  # bytes


class HttpResponse(NamedTuple):
    """An HTTP response of the webhook endpoint.

    Attributes:
        status: the status line, such as "204 No Content".
        content: the body; one plain line for a delivery, as HipChat would post JSON in the room.
        reason: the key under which /health counts a refused request; "" if it is not refused.
    """

    status: str
    content: Union[str, bytes] = ""
    content_type: str = "text/plain; charset=utf-8"
    headers: Tuple[Tuple[str, str], ...] = ()
    reason: str = ""


RETRY = (("Retry-After", "60"),)

ACCEPTED = HttpResponse("204 No Content")
INCOMPLETE = HttpResponse("400 Bad Request", "The body is incomplete.\n", reason="incomplete")
NOT_SIGNED = HttpResponse("401 Unauthorized", "A valid JWT is required.\n",
                          headers=(("WWW-Authenticate", "JWT"),), reason="unsigned")
NOT_ALLOWED = HttpResponse("403 Forbidden", "This address is not allowed.\n", reason="not allowed")
NOT_FOUND = HttpResponse("404 Not Found", "There is nothing here.\n", reason="unknown address")
TOO_SLOW = HttpResponse("408 Request Timeout", "The request took too long to arrive.\n",
                        reason="too slow")
NO_LENGTH = HttpResponse("411 Length Required", "A Content-Length is required.\n",
                         reason="no length")
TOO_LARGE = HttpResponse("413 Payload Too Large", "The body is larger than 1 MiB.\n",
                         reason="too large")
FAILED = HttpResponse("500 Internal Server Error", "The request could not be answered.\n",
                      reason="error")
UNAVAILABLE = HttpResponse("503 Service Unavailable", "Deliveries cannot be stored now.\n",
                           headers=RETRY, reason="unavailable")
INACTIVE = HttpResponse("503 Service Unavailable", "This sensor accepts no deliveries now.\n",
                        headers=RETRY, reason="inactive")


class RequestRejected(Exception):
    """A check raises this to end a request with the response that it contains."""

    def __init__(self, response: HttpResponse):
        self.response = response
        super().__init__(response.status)


def wrong_method(allowed: str) -> HttpResponse:
    """Return the response to a wrong method; `allowed` lists the methods, as in "GET, HEAD"."""
    return HttpResponse("405 Method Not Allowed", f"Only {allowed} is allowed here.\n",
                        headers=(("Allow", allowed),), reason="wrong method")


def bad_request(error: ValueError, reason: str = "bad body") -> HttpResponse:
    """Return the response to a wrong body, with the error's message as its content."""
    return HttpResponse("400 Bad Request", f"{error}.\n", reason=reason)


def read_request_body(environ: Dict[str, Any]) -> bytes:
    """Return the whole body of a WSGI request.

    Raises:
        RequestRejected: the body is larger than LARGEST_BODY, incomplete, or chunked.
    """
    if "HTTP_TRANSFER_ENCODING" in environ:  # eventlet does not limit chunks
        raise RequestRejected(NO_LENGTH)
    expected = int(environ.get("CONTENT_LENGTH") or 0)
    if expected > LARGEST_BODY:
        raise RequestRejected(TOO_LARGE)
    try:
        raw = environ["wsgi.input"].read(LARGEST_BODY + 1)
    except (OSError, ValueError):
        raise RequestRejected(INCOMPLETE) from None
    if len(raw) > LARGEST_BODY:
        raise RequestRejected(TOO_LARGE)
    if len(raw) < expected:
        raise RequestRejected(INCOMPLETE)
    environ["hipchat.arrived"]()
    return raw
