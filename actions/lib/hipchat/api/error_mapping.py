"""Turns a failed call to HipChat into an exception whose message says what to do."""
import socket
import ssl
from typing import Any, Callable, Optional, Tuple, Type
from urllib.parse import urljoin, urlsplit

import requests

from hipchat.errors import (
    ADDON_REMEDY, INTEGRATION_REMEDY, ApiError, Conflict, Forbidden, HipChatError, InvalidRequest,
    InvalidToken, NoAnswer, NotFound, RateLimited, ServerError, TimedOut)
from hipchat.api.rate_limit import RateLimit
from hipchat.config.api_settings import ApiSettings
from hipchat.api.transport import ApiResponse, innermost

__all__ = ["ErrorMapping"]

LONGEST_MESSAGE = 500  # characters of HipChat's message in an error; some fill pages
BY_STATUS = {400: InvalidRequest, 401: InvalidToken, 403: Forbidden, 404: NotFound, 409: Conflict}
# OpenSSL's codes for what is wrong with a certificate.
NOT_YET, EXPIRED, OTHER_NAMES = 9, 10, (62, 64)
BUNDLE_PARTS = ("X509", "PEM", "ASN1")  # the parts of OpenSSL that read files of certificates


class ErrorMapping:
    """Makes the exceptions for failed calls; their remedies depend on the settings.

    In each method, `call` is the method and path of the call, such as "GET /v2/room/1001".

    Args:
        masked: returns its argument with the secrets masked, so that no exception contains one.
    """

    def __init__(self, settings: ApiSettings, masked: Callable[[str], str]):
        self._settings, self._masked = settings, masked

    def refused(self, call: str, response: ApiResponse) -> HipChatError:
        """Return the exception for a response whose status is not 2xx."""
        if response.status < 400:
            target = self._masked(_target(response))
            return NoAnswer(f"{call} is redirected to {target}, which is not followed, to keep the "
                            "token safe. Set api_url to the address where HipChat answers.")
        message, field = _message(response)
        message, field = self._masked(message), field and self._masked(str(field))
        if len(message) > LONGEST_MESSAGE:
            message = message[:LONGEST_MESSAGE] + " [...]"
        if response.status == 429 or (response.status == 403 and "rate limit" in message.lower()):
            return RateLimited(call, response.status, message,
                               reset_in=RateLimit.announced_by(response.headers).reset_in)
        kind = BY_STATUS.get(response.status, ServerError if response.status >= 500 else ApiError)
        remedy = None
        if kind is InvalidToken and self._settings.integration:
            remedy = ADDON_REMEDY if self._settings.addon.enabled else INTEGRATION_REMEDY
        return kind(call, response.status, message, field, remedy)

    def no_answer(self, call: str, error: Exception) -> NoAnswer:
        """Return the exception for a call that ended with an exception of `requests` or urllib3."""
        kind: Type[NoAnswer] = NoAnswer
        root = innermost(error)
        if isinstance(error, requests.exceptions.SSLError) or isinstance(root, ssl.SSLError):
            reason = self._tls(root)
        elif isinstance(error, requests.Timeout) or isinstance(root, socket.timeout):
            kind = TimedOut
            reason = (f"no answer within {self._settings.timeout:g} s. Raise timeout if HipChat is "
                      "that slow")
        elif isinstance(error, requests.exceptions.ProxyError):
            reason = "the proxy refuses the connection. Check HTTPS_PROXY and NO_PROXY"
        else:
            why = getattr(root, "strerror", None) or type(root).__name__
            reason = f"no connection ({why}). Check api_url, the network, and that HipChat runs"
        return kind(f"HipChat at {urlsplit(self._settings.api_url).netloc}, {call}: {reason}.")

    def unreadable(self, call: str, problem: str) -> NoAnswer:
        """Return the exception for a response with a problem, such as "is no JSON"."""
        return NoAnswer(f"HipChat's answer to {call} {problem}. Is api_url "
                        f"({self._settings.api_url}) really HipChat's API v2?")

    def _tls(self, root: BaseException) -> str:
        """Return why TLS failed, with the remedy; OpenSSL's reason is in the root cause."""
        reason = getattr(root, "verify_message", None) or getattr(root, "reason", None) or (
            str(root) or type(root).__name__)
        code = getattr(root, "verify_code", None)
        if code in OTHER_NAMES or "match" in reason or "subjectAltName" in reason:
            problem, remedy = "is for another name", (
                "Set api_url to a name in the certificate, or get a certificate that has this "
                "name as subjectAltName; a common name does not count")
        elif code == EXPIRED:
            problem, remedy = "has expired", "Renew it on the server, or correct this host's clock"
        elif code == NOT_YET:
            problem, remedy = "is not valid yet", "Correct the clock of this host or of the server"
        elif isinstance(root, ssl.SSLCertVerificationError):
            problem, remedy = "is not trusted", self._missing_authority()
        elif getattr(root, "library", None) in BUNDLE_PARTS:
            return f"ca_bundle ({self._settings.verify}) is no PEM file of certificates ({reason})"
        else:
            return (f"TLS fails ({reason}). Check that the server speaks TLS at this port, in a "
                    "current version")
        return f"its TLS certificate {problem} ({reason}). {remedy}"

    def _missing_authority(self) -> str:
        """Return the remedy for a certificate that no known authority has signed."""
        if isinstance(self._settings.verify, str):
            return (f"The file of ca_bundle ({self._settings.verify}) does not contain the "
                    "certificate authority that signed it, or the server does not send an "
                    "intermediate certificate")
        return "Set ca_bundle to the file of the certificate authority that signed it"


def _message(response: ApiResponse) -> Tuple[str, Optional[Any]]:
    """Return HipChat's message and the field that it names, or a proxy's HTTP reason and None."""
    try:
        error = response.json()["error"]
        return str(error["message"]), error.get("field")
    except (ValueError, KeyError, TypeError, AttributeError):
        return response.reason or "no reason given", None


def _target(response: ApiResponse) -> str:
    """Return the target of a redirection, without its user, port and query, which may be secret."""
    try:
        target = urlsplit(urljoin(response.url, response.headers.get("Location", "")))
        return f"{target.scheme}://{target.hostname}{target.path}"
    except ValueError:
        return "no address that can be read"
