"""HTTP calls to HipChat's API v2, with its errors as exceptions."""
import logging
import socket
import time
from typing import Any, Dict, Iterator, Optional
from urllib.parse import quote, urljoin, urlsplit

import requests
import urllib3

from hipchat.credentials import IntegrationToken, NoToken, PersonalToken
from hipchat.errors import (
    ADDON_REMEDY, INTEGRATION_REMEDY, ConfigError, HipChatError, InvalidToken, NoAnswer, NotReached,
    ParameterError, RateLimited, api_error)
from hipchat.masking import SecretFilter, mask
from hipchat.rate_limit import CallBudget, RateLimit
from hipchat.settings import ApiSettings

__all__ = ["Client"]

PAGE = 1000  # the most that HipChat returns at once
URL_LOGGERS = ("urllib3.connectionpool", "urllib3.util.retry")  # at DEBUG they write paths
PAUSES = (0.5, 1.5)  # seconds before a call that can do no harm is made again
GATEWAY_TROUBLE = (502, 503, 504)
LONGEST_WORDS = 500  # characters of HipChat's message that are passed on; some fill pages


class Client:
    """One HTTP session with one HipChat.

    The token travels in the Authorization header, and in session()'s URL. Every call raises an
    error of hipchat.errors, none of which holds a secret; secret_filter masks secrets in a
    logger's output. With a budget, calls wait until it has room, and none is made again.
    """

    def __init__(self, settings: ApiSettings, budget: Optional[CallBudget] = None):
        self._budget = budget
        self._pauses = () if budget else PAUSES
        self._session = requests.Session()
        self.use(settings)
        self.secret_filter = SecretFilter(lambda: self._token.secrets)
        for name in URL_LOGGERS:
            logging.getLogger(name).addFilter(self.secret_filter)
        if settings.verify is False:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    def use(self, settings: ApiSettings) -> None:
        """Call with these settings' token from now on."""
        self._settings = settings
        self._session.auth = self._token = (
            IntegrationToken(settings.integration, self.fetch_token) if settings.integration
            else PersonalToken(settings.api_key) if settings.api_key else NoToken())

    def call(self, method: str, *path: Any, json: Optional[Dict[str, Any]] = None,
             params: Optional[Dict[str, Any]] = None, body: Optional[bytes] = None,
             content_type: Optional[str] = None) -> Any:
        """Make a call and return the JSON of its answer, None where HipChat answers 204.

        path: the segments after /v2, percent-encoded here; json: the body, whose None values are
        left out; body, content_type: one of another type. A 429 is waited out if it ends within
        the setting rate_limit_wait. What cannot have done anything is tried again: a call whose
        connection was refused, and a GET that a gateway answered with 502 to 504.
        """
        deadline = time.monotonic() + self._settings.rate_limit_wait
        renewed, pauses = False, iter(self._pauses)
        while True:
            try:
                return self._send(
                    method, path, json=_without_none(json), params=params, data=body,
                    headers={"Content-Type": content_type} if content_type else None)
            except InvalidToken:
                if renewed or not self._token.renewed():
                    raise
                renewed = True
            except RateLimited as error:
                if time.monotonic() + error.reset_in > deadline:
                    raise
                time.sleep(error.reset_in)
            except HipChatError as error:
                pause = next(pauses, None) if _harmless(method, error) else None
                if pause is None:
                    raise
                time.sleep(pause)

    def items(self, *path: Any, limit: Optional[int] = None,
              **params: Any) -> Iterator[Dict[str, Any]]:
        """The items of a collection, page after page: all, or the first `limit`."""
        start = 0
        while limit is None or start < limit:
            size = PAGE if limit is None else min(PAGE, limit - start)
            page = self.call("GET", *path, params=dict(
                params, **{"start-index": start, "max-results": size}))
            items = page.get("items") if isinstance(page, dict) else None
            if not isinstance(items, list):
                raise NoAnswer("{} holds no list of items. {}".format(
                    _name("GET", path), self._not_hipchat()))
            yield from items[:size]
            start += len(items)
            if not items or not page.get("links", {}).get("next"):
                return

    def session(self) -> Dict[str, Any]:
        """What HipChat knows of the token: scopes, owner, client, expires_in in seconds.

        GET /v2/oauth/token/{token}, open to every token. The token itself is left out.
        """
        session = self.call("GET", "oauth", "token", self._token.value)
        if not isinstance(session, dict) or not isinstance(session.get("scopes"), list):
            raise NoAnswer("The token's session names no scopes. " + self._not_hipchat())
        return {key: value for key, value in session.items() if key != "access_token"}

    def fetch_token(self, form: Dict[str, str]) -> Dict[str, Any]:
        """Have HipChat make a token for the integration; returns its whole answer.

        POST /v2/oauth/token: access_token, expires_in in seconds, and mostly group_id.
        """
        answer = self._send("POST", ("oauth", "token"), data=form, auth=self._settings.integration)
        if not (isinstance(answer, dict) and isinstance(answer.get("access_token"), str) and
                isinstance(answer.get("expires_in"), (int, float))):
            raise NoAnswer("HipChat's answer to POST /v2/oauth/token holds no token. " +
                           self._not_hipchat())
        return answer

    def _send(self, method: str, path: Any, **options: Any) -> Any:
        call = self._masked(_name(method, path))
        if self._budget:
            self._budget.spend()
        try:
            response = self._session.request(
                method, "/".join([self._settings.api_url] + [_quoted(part) for part in path]),
                timeout=self._settings.timeout, verify=self._settings.verify,
                allow_redirects=False, **options)
        except requests.RequestException as error:
            raise self._no_answer(call, error) from None
        except OSError as error:  # what requests raises before it calls
            raise ConfigError(["ca_bundle: {}".format(error)]) from None
        except ValueError as error:  # requests reads a redirection's target, followed or not
            raise NoAnswer("HipChat's answer to {} cannot be read ({}). {}".format(
                call, type(error).__name__, self._not_hipchat())) from None
        if self._budget:
            self._budget.learn(RateLimit.announced_by(response.headers))
        if response.status_code < 300:
            return self._content(call, response)
        raise self._refusal(call, response)

    def _content(self, call: str, response: requests.Response) -> Any:
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError:
            raise NoAnswer("HipChat's answer to {} is no JSON. {}".format(
                call, self._not_hipchat())) from None

    def _refusal(self, call: str, response: requests.Response) -> HipChatError:
        if response.status_code < 400:
            return NoAnswer("{} is redirected to {}, which is not followed, to keep the token "
                            "safe. Set api_url to the address where HipChat answers.".format(
                                call, self._masked(_target(response))))
        words, field = _words(response)
        words, field = self._masked(words), field and self._masked(str(field))
        if len(words) > LONGEST_WORDS:
            words = words[:LONGEST_WORDS] + " [...]"
        if response.status_code == 429:
            return RateLimited(call, 429, words,
                               reset_in=RateLimit.announced_by(response.headers).reset_in)
        return api_error(
            call, response.status_code, words, field,
            self._integration_remedy() if response.status_code == 401 else None)

    def _integration_remedy(self) -> Optional[str]:
        if self._settings.integration is None:
            return None
        return ADDON_REMEDY if self._settings.addon.enabled else INTEGRATION_REMEDY

    def _masked(self, text: str) -> str:
        return mask(text, self._token.secrets)

    def _no_answer(self, call: str, error: requests.RequestException) -> NoAnswer:
        kind, root = NoAnswer, _innermost(error)
        if isinstance(error, requests.exceptions.SSLError):
            reason = ("its TLS certificate is not trusted. Set ca_bundle to the file of your "
                      "certificate authority")
        elif isinstance(error, requests.Timeout) or isinstance(root, socket.timeout):
            reason = "no answer within {:g} s. Raise timeout if HipChat is that slow".format(
                self._settings.timeout)
        elif isinstance(error, requests.exceptions.ProxyError):
            reason = "the proxy does not let us through. Check HTTPS_PROXY and NO_PROXY"
        else:
            kind = NotReached if isinstance(root, ConnectionRefusedError) else NoAnswer
            reason = "no connection ({}). Check api_url, the network, and that HipChat runs".format(
                getattr(root, "strerror", None) or type(root).__name__)
        return kind("HipChat at {}, {}: {}.".format(
            urlsplit(self._settings.api_url).netloc, call, reason))

    def _not_hipchat(self) -> str:
        return "Is api_url ({}) really HipChat's API v2?".format(self._settings.api_url)


def _quoted(part: Any) -> str:
    if str(part) in ("", ".", ".."):
        raise ParameterError("{!r} is no name and no id.".format(part))
    return quote(str(part), safe="")


def _name(method: str, path: Any) -> str:
    return "{} /v2/{}".format(method, "/".join(str(part) for part in path))


def _harmless(method: str, error: HipChatError) -> bool:
    """Whether the call can be made again: HipChat has not seen it, or it changes nothing."""
    return isinstance(error, NotReached) or (
        method == "GET" and getattr(error, "status", None) in GATEWAY_TROUBLE)


def _without_none(body: Optional[Dict[str, Any]]) -> Optional[Dict[str, Any]]:
    if body is None:
        return None
    return {key: value for key, value in body.items() if value is not None}


def _words(response: requests.Response) -> Any:
    """HipChat's own message and the field it names; a proxy's page counts by its reason."""
    try:
        error = response.json()["error"]
        words, field = str(error["message"]), error.get("field")
    except (ValueError, KeyError, TypeError, AttributeError):
        words, field = response.reason or "no reason given", None
    return words, field


def _target(response: requests.Response) -> str:
    """Where a redirection leads, without what may be secret in it."""
    try:
        target = urlsplit(urljoin(response.url, response.headers.get("Location", "")))
        return "{}://{}{}".format(target.scheme, target.hostname, target.path)
    except ValueError:
        return "no address that can be read"


def _innermost(error: BaseException) -> BaseException:
    """The root cause: what requests and urllib3 wrap around it names the whole URL."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__
    return error
