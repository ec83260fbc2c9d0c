"""Which error a failed call is, in which words, with which remedy."""
import socket
import ssl
from typing import Any, Callable, Optional, Tuple, Type
from urllib.parse import urljoin, urlsplit

import requests

from hipchat.errors import (
    ADDON_REMEDY, INTEGRATION_REMEDY, HipChatError, NoAnswer, RateLimited, TimedOut, api_error)
from hipchat.api.rate_limit import RateLimit
from hipchat.config.api_settings import ApiSettings
from hipchat.api.transport import ApiResponse, innermost

__all__ = ["ErrorMapping"]

LONGEST_WORDS = 500  # characters of HipChat's message that are passed on; some fill pages
# The numbers that OpenSSL gives to what is wrong with a certificate.
NOT_YET, EXPIRED, OTHER_NAMES = 9, 10, (62, 64)
BUNDLE_PARTS = ("X509", "PEM", "ASN1")  # of OpenSSL: what reads files of certificates


class ErrorMapping:
    """Makes errors of refusals and of failures, with the remedies that these settings need."""

    def __init__(self, settings: ApiSettings, masked: Callable[[str], str]):
        """Take the settings. masked: takes secrets out of a text, so that no error holds one."""
        self._settings, self._masked = settings, masked

    def refused(self, call: str, response: ApiResponse) -> HipChatError:
        """Return the error for a response whose status is none of success."""
        if response.status < 400:
            target = self._masked(_target(response))
            return NoAnswer(f"{call} is redirected to {target}, which is not followed, to keep the "
                            "token safe. Set api_url to the address where HipChat answers.")
        words, field = _words(response)
        words, field = self._masked(words), field and self._masked(str(field))
        if len(words) > LONGEST_WORDS:
            words = words[:LONGEST_WORDS] + " [...]"
        if response.status == 429 or (response.status == 403 and "rate limit" in words.lower()):
            return RateLimited(call, response.status, words,
                               reset_in=RateLimit.announced_by(response.headers).reset_in)
        return api_error(
            call, response.status, words, field,
            self._integration_remedy() if response.status == 401 else None)

    def _integration_remedy(self) -> Optional[str]:
        if self._settings.integration is None:
            return None
        return ADDON_REMEDY if self._settings.addon.enabled else INTEGRATION_REMEDY

    def no_answer(self, call: str, error: Exception) -> NoAnswer:
        """Return the error for an exception of requests or of urllib3."""
        kind: Type[NoAnswer] = NoAnswer
        root = innermost(error)
        if isinstance(error, requests.exceptions.SSLError) or isinstance(root, ssl.SSLError):
            reason = self._tls(root)
        elif isinstance(error, requests.Timeout) or isinstance(root, socket.timeout):
            kind = TimedOut
            reason = (f"no answer within {self._settings.timeout:g} s. Raise timeout if HipChat is "
                      "that slow")
        elif isinstance(error, requests.exceptions.ProxyError):
            reason = "the proxy does not let us through. Check HTTPS_PROXY and NO_PROXY"
        else:
            why = getattr(root, "strerror", None) or type(root).__name__
            reason = f"no connection ({why}). Check api_url, the network, and that HipChat runs"
        return kind(f"HipChat at {urlsplit(self._settings.api_url).netloc}, {call}: {reason}.")

    def unreadable(self, call: str, what: str) -> NoAnswer:
        """Return the error for a response that cannot be HipChat's; what: such as "is no JSON"."""
        return NoAnswer(f"HipChat's answer to {call} {what}. Is api_url ({self._settings.api_url}) "
                        "really HipChat's API v2?")

    def _tls(self, root: BaseException) -> str:
        """Return OpenSSL's reason and its remedy."""
        words = getattr(root, "verify_message", None) or getattr(root, "reason", None) or (
            str(root) or type(root).__name__)
        code = getattr(root, "verify_code", None)
        if code in OTHER_NAMES or "match" in words or "subjectAltName" in words:
            what, remedy = "is for another name", (
                "Set api_url to a name that the certificate bears, or have one made that bears "
                "this name as subjectAltName; a common name does not count")
        elif code == EXPIRED:
            what, remedy = "has ended", "Have it renewed there, or set the clock right here"
        elif code == NOT_YET:
            what, remedy = "is not valid yet", "Set the clock right, here or there"
        elif isinstance(root, ssl.SSLCertVerificationError):
            what, remedy = "is not trusted", self._missing_authority()
        elif getattr(root, "library", None) in BUNDLE_PARTS:
            return f"ca_bundle ({self._settings.verify}) is no PEM file of certificates ({words})"
        else:
            return f"TLS fails ({words}). Does it speak TLS at this port, and a version of today"
        return f"its TLS certificate {what} ({words}). {remedy}"

    def _missing_authority(self) -> str:
        if isinstance(self._settings.verify, str):
            return (f"The file of ca_bundle ({self._settings.verify}) does not hold the "
                    "certificate authority that signed it, or the server does not send an "
                    "intermediate one")
        return "Set ca_bundle to the file of the certificate authority that signed it"


def _words(response: ApiResponse) -> Tuple[str, Optional[Any]]:
    """Return HipChat's own message and the field it names; of a proxy's page, its reason phrase."""
    try:
        error = response.json()["error"]
        return str(error["message"]), error.get("field")
    except (ValueError, KeyError, TypeError, AttributeError):
        return response.reason or "no reason given", None


def _target(response: ApiResponse) -> str:
    """Return where a redirection leads, without what may be secret in it."""
    try:
        target = urlsplit(urljoin(response.url, response.headers.get("Location", "")))
        return f"{target.scheme}://{target.hostname}{target.path}"
    except ValueError:
        return "no address that can be read"
