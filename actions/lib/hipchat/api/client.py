"""HTTP calls to HipChat's API v2: their retries, their pages, and the token's session."""
import logging
import time
from json import dumps
from typing import Any, Dict, Iterator, Optional
from urllib.parse import quote

import requests
import urllib3

from hipchat.api import rate_limit
from hipchat.api.responses import items_of, object_of
from hipchat.api.credentials import IntegrationToken, NoToken, PersonalToken
from hipchat.errors import (
    ConfigError, CutOff, HipChatError, InvalidToken, NoAnswer, NotReached, ParameterError,
    RateLimited, TooLarge)
from hipchat.text.masking import SecretFilter, mask
from hipchat.api.rate_limit import CallBudget, RateLimit, server_time
from hipchat.api.error_mapping import Answer, Refusals
from hipchat.config.api_settings import ApiSettings
from hipchat.api.transport import LARGEST_ANSWER, content_of, session

__all__ = ["PAGE", "Client"]

PAGE = 1000  # the most that HipChat returns at once
MOST_PAGES = 1000  # of one collection; more come only from a server that makes them up
URL_LOGGERS = ("urllib3.connectionpool", "urllib3.util.retry")  # at DEBUG they write paths
PAUSES = (0.5, 1.5)  # seconds before a call that can do no harm is made again
GATEWAY_TROUBLE = (502, 503, 504)


class Client:
    """One HTTP session with one HipChat.

    The token travels in the Authorization header, and in session()'s URL. Every call raises an
    error of hipchat.errors, none of which holds a secret; secret_filter masks secrets in a
    logger's output. With a budget, calls wait until it has room, and none is made again.
    """

    def __init__(self, settings: ApiSettings, budget: Optional[CallBudget] = None):
        self._budget, self._ahead = budget, 0.0
        self._pauses = () if budget else PAUSES
        self._session = session()
        self.use(settings)
        self.secret_filter = SecretFilter(lambda: self._token.secrets)
        for name in URL_LOGGERS:
            logging.getLogger(name).addFilter(self.secret_filter)
        if settings.verify is False:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    def use(self, settings: ApiSettings) -> None:
        """Call with these settings' token from now on."""
        self._settings, self._refusals = settings, Refusals(settings, self._masked)
        self._session.auth = self._token = (
            IntegrationToken(settings.integration, self.fetch_token) if settings.integration
            else PersonalToken(settings.api_key) if settings.api_key else NoToken())

    def call(self, method: str, *path: Any, json: Optional[Dict[str, Any]] = None,
             params: Optional[Dict[str, Any]] = None, body: Optional[bytes] = None,
             content_type: Optional[str] = None) -> Any:
        """Make a call and return the JSON of its answer, None where HipChat answers 204.

        path: the segments after /v2, percent-encoded here; json: the body, whose None values are
        left out; body, content_type: one of another type. A rate limit is waited out if it ends
        within the setting rate_limit_wait, each time a second or more, and longer. What cannot
        have done anything is tried again: a call whose connection was refused, and a GET whose
        connection was cut or that a gateway answered with 502 to 504.
        """
        deadline = time.monotonic() + self._settings.rate_limit_wait
        renewed, pauses, wait = False, iter(self._pauses), rate_limit.LEAST_WAIT
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
                pause, wait = max(error.reset_in, wait), 2 * wait
                if time.monotonic() + pause > deadline:
                    raise
                time.sleep(pause)
            except HipChatError as error:
                pause = next(pauses, None) if _harmless(method, error) else None
                if pause is None:
                    raise
                time.sleep(pause)

    def ask(self, method: str, *path: Any, **options: Any) -> Dict[str, Any]:
        """As call, where the answer must be an object."""
        return object_of(self.call(method, *path, **options), self._answer_to(method, path))

    def page(self, *path: Any, **params: Any) -> Dict[str, Any]:
        """One page of a collection: an object whose `items` are objects."""
        page = self.call("GET", *path, params=params)
        items_of(page, self._answer_to("GET", path))
        return page

    def items(self, *path: Any, limit: Optional[int] = None,
              **params: Any) -> Iterator[Dict[str, Any]]:
        """The items of a collection, page after page: all, or the first `limit`.

        NoAnswer where a page holds nothing that was not on one before, or pages have no end.
        """
        start, seen = 0, set()
        for _ in range(MOST_PAGES):
            size = PAGE if limit is None else min(PAGE, limit - start)
            page = self.page(*path, **dict(params, **{"start-index": start, "max-results": size}))
            new = {dumps(item.get("id", item), sort_keys=True) for item in page["items"]}
            if new and new <= seen:
                break
            seen |= new
            yield from page["items"][:size]
            start += len(page["items"])
            links = page.get("links")
            if (not new or not (isinstance(links, dict) and links.get("next")) or
                    limit is not None and start >= limit):
                return
        raise NoAnswer("{} has pages without end: after {} items the same come again. What answers "
                       "at api_url ignores start-index.".format(
                           self._answer_to("GET", path), start))

    def now(self) -> float:
        """Seconds since 1970 by HipChat's clock, as it was with its last answer."""
        return time.time() + self._ahead

    def session(self) -> Dict[str, Any]:
        """What HipChat knows of the token: scopes, owner, client, expires_in in seconds.

        GET /v2/oauth/token/{token}, open to every token. The token itself is left out.
        """
        found = self.ask("GET", "oauth", "token", self._token.value)
        if not isinstance(found.get("scopes"), list):
            raise self._refusals.unreadable("GET /v2/oauth/token", "names no scopes")
        return {key: value for key, value in found.items() if key != "access_token"}

    def fetch_token(self, form: Dict[str, str]) -> Dict[str, Any]:
        """Have HipChat make a token for the integration; returns its whole answer.

        POST /v2/oauth/token: access_token, expires_in in seconds, and mostly group_id.
        """
        answer = self._send("POST", ("oauth", "token"), data=form, auth=self._settings.integration)
        if not (isinstance(answer, dict) and isinstance(answer.get("access_token"), str) and
                isinstance(answer.get("expires_in"), (int, float))):
            raise self._refusals.unreadable("POST /v2/oauth/token", "holds no token")
        return answer

    def _send(self, method: str, path: Any, **options: Any) -> Any:
        call = self._masked(_name(method, path))
        if self._budget:
            self._budget.spend()
        answer = self._answer(call, method, path, options)
        self._ahead = server_time(answer.headers) - time.time()
        if self._budget:
            self._budget.learn(RateLimit.announced_by(answer.headers))
        if answer.status >= 300:
            raise self._refusals.refused(call, answer)
        try:
            return answer.json()
        except ValueError:
            raise self._refusals.unreadable(call, "is no JSON") from None

    def _answer(self, call: str, method: str, path: Any, options: Dict[str, Any]) -> Answer:
        url = "/".join([self._settings.api_url] + [_quoted(segment) for segment in path])
        try:
            with self._session.request(
                    method, url, timeout=self._settings.timeout, verify=self._settings.verify,
                    allow_redirects=False, stream=True, **options) as response:
                return Answer(response.status_code, response.reason, response.headers,
                              content_of(response), response.url)
        except TooLarge:
            raise TooLarge("HipChat's answer to {} has more than {} MiB.".format(
                call, LARGEST_ANSWER // 1024 ** 2)) from None
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise self._refusals.no_answer(call, error) from None
        except OSError as error:  # what requests raises before it calls
            raise ConfigError([f"ca_bundle: {error}"]) from None
        except ValueError as error:  # requests reads a redirection's target, followed or not
            raise self._refusals.unreadable(
                call, f"cannot be read ({type(error).__name__})") from None

    def _answer_to(self, method: str, path: Any) -> str:
        return "HipChat's answer to " + self._masked(_name(method, path))

    def _masked(self, text: str) -> str:
        return mask(text, self._token.secrets)


def _quoted(part: Any) -> str:
    if str(part) in ("", ".", ".."):
        raise ParameterError(f"{part!r} is no name and no id.")
    return quote(str(part), safe="")


def _name(method: str, path: Any) -> str:
    return f"{method} /v2/{'/'.join((str(part) for part in path))}"


def _harmless(method: str, error: HipChatError) -> bool:
    """Whether the call can be made again: HipChat has not seen it, or it changes nothing."""
    return isinstance(error, NotReached) or method == "GET" and (
        isinstance(error, CutOff) or getattr(error, "status", None) in GATEWAY_TROUBLE)


def _without_none(body: Optional[Dict[str, Any]]) -> Optional[Dict[str, Any]]:
    if body is None:
        return None
    return {key: value for key, value in body.items() if value is not None}
