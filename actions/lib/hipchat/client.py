"""HTTP calls to HipChat's API v2, with its errors as exceptions."""
import logging
import time
from typing import Any, Dict, Iterator, Optional
from urllib.parse import quote, urlsplit

import requests
import urllib3

from hipchat.credentials import IntegrationToken, PersonalToken
from hipchat.errors import (
    HipChatError, InvalidToken, NoAnswer, ParameterError, RateLimited, api_error)
from hipchat.masking import SecretFilter, mask
from hipchat.rate_limit import CallBudget, RateLimit
from hipchat.settings import ApiSettings

__all__ = ["Client"]

PAGE = 1000  # the most that HipChat returns at once
URL_LOGGERS = ("urllib3.connectionpool", "urllib3.util.retry")  # at DEBUG they write paths
LONGEST_WORDS = 500  # characters of HipChat's message that are passed on; some fill pages


class Client:
    """One HTTP session with one HipChat.

    The token travels in the Authorization header only. Every call raises an error of
    hipchat.errors, none of which holds a secret; secret_filter masks secrets in a logger's output.
    With a budget, calls wait until it has room.
    """

    def __init__(self, settings: ApiSettings, budget: Optional[CallBudget] = None):
        self._settings, self._budget = settings, budget
        self._session = requests.Session()
        self._session.auth = self._token = (
            IntegrationToken(settings.integration, self._fetch_token) if settings.integration
            else PersonalToken(settings.api_key))
        self.secret_filter = SecretFilter(lambda: self._token.secrets)
        for name in URL_LOGGERS:
            logging.getLogger(name).addFilter(self.secret_filter)
        if settings.verify is False:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    def call(self, method: str, *path: Any, json: Optional[Dict[str, Any]] = None,
             params: Optional[Dict[str, Any]] = None) -> Any:
        """Make a call and return the JSON of its answer, None where HipChat answers 204.

        path: the segments after /v2, percent-encoded here; json: the body, whose None values are
        left out. A 429 is waited out if it ends within the setting rate_limit_wait.
        """
        deadline = time.monotonic() + self._settings.rate_limit_wait
        renewed = False
        while True:
            try:
                return self._send(method, path, json=_without_none(json), params=params)
            except InvalidToken:
                if renewed or not self._token.renewed():
                    raise
                renewed = True
            except RateLimited as error:
                if time.monotonic() + error.reset_in > deadline:
                    raise
                time.sleep(error.reset_in)

    def items(self, *path: Any, **params: Any) -> Iterator[Dict[str, Any]]:
        """All items of a collection, page after page."""
        start = 0
        while True:
            page = self.call("GET", *path, params=dict(
                params, **{"start-index": start, "max-results": PAGE}))
            items = page.get("items") if isinstance(page, dict) else None
            if not isinstance(items, list):
                raise NoAnswer("{} holds no list of items. {}".format(
                    _name("GET", path), self._not_hipchat()))
            yield from items
            start += len(items)
            if not items or not page.get("links", {}).get("next"):
                return

    def _fetch_token(self, form: Dict[str, str]) -> Dict[str, Any]:
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
        if self._budget:
            self._budget.learn(RateLimit.announced_by(response.headers))
        if response.ok and not response.is_redirect:
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
            target = urlsplit(response.headers.get("Location", ""))
            return NoAnswer("{} is redirected to {}://{}{}, which is not followed, to keep the "
                            "token safe. Set api_url to the address where HipChat answers.".format(
                                call, target.scheme, target.hostname, target.path))
        words, field = _words(response)
        words = self._masked(words)
        if response.status_code == 429:
            return RateLimited(call, 429, words,
                               reset_in=RateLimit.announced_by(response.headers).reset_in)
        return api_error(call, response.status_code, words, field)

    def _masked(self, text: str) -> str:
        return mask(text, self._token.secrets)

    def _no_answer(self, call: str, error: requests.RequestException) -> NoAnswer:
        if isinstance(error, requests.exceptions.SSLError):
            reason = ("its TLS certificate is not trusted. Set ca_bundle to the file of your "
                      "certificate authority")
        elif isinstance(error, requests.Timeout):
            reason = "no answer within {:g} s. Raise timeout if HipChat is that slow".format(
                self._settings.timeout)
        elif isinstance(error, requests.exceptions.ProxyError):
            reason = "the proxy does not let us through. Check HTTPS_PROXY and NO_PROXY"
        else:
            reason = "no connection ({}). Check api_url, the network, and that HipChat runs".format(
                _innermost(error))
        return NoAnswer("HipChat at {}, {}: {}.".format(
            urlsplit(self._settings.api_url).netloc, call, reason))

    def _not_hipchat(self) -> str:
        return "Is api_url ({}) really HipChat's API v2?".format(self._settings.api_url)


def _quoted(part: Any) -> str:
    if str(part) in ("", ".", ".."):
        raise ParameterError("{!r} is no name and no id.".format(part))
    return quote(str(part), safe="")


def _name(method: str, path: Any) -> str:
    return "{} /v2/{}".format(method, "/".join(str(part) for part in path))


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
    if len(words) > LONGEST_WORDS:
        words = words[:LONGEST_WORDS] + " [...]"
    return words, field


def _innermost(error: BaseException) -> str:
    """The root cause in a few words: what requests and urllib3 wrap names the whole URL."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__
    return getattr(error, "strerror", None) or type(error).__name__
