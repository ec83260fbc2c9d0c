"""The client of HipChat's API v2: makes calls, reads pages, and keeps to the rate limit."""
import logging
import time
from json import dumps
from typing import Any, Callable, Dict, Iterator, List, Optional, Set, Tuple
from urllib.parse import quote

import requests
import urllib3

from hipchat import timing
from hipchat.api.credentials import IntegrationToken, Token
from hipchat.api.error_mapping import ErrorMapping
from hipchat.api.rate_limit import CallBudget, RateLimit, server_time
from hipchat.api.transport import LARGEST_RESPONSE, ApiResponse, http_session, send
from hipchat.config.api_settings import ApiSettings
from hipchat.errors import (
    ConfigError, InvalidToken, NoAnswer, ParameterError, RateLimited, TooLarge)
from hipchat.text.masking import SecretFilter, mask

__all__ = ["PAGE", "Client", "part"]

PAGE = 1000  # items, the most that HipChat returns in one response
MOST_PAGES = 1000  # pages of one collection; only a faulty server has more
# At level DEBUG these loggers write the paths of URLs, which may contain the token.
URL_LOGGERS = ("urllib3.connectionpool", "urllib3.util.retry")
_REMEDY = "Is api_url really HipChat's API v2?"


class Client:
    """A client of one HipChat server's API, with one token. The first call opens the connection.

    The token is sent in the Authorization header, and by token_info() in the URL. Every method that
    calls HipChat raises HipChatError or a subclass of it; no error contains a secret.

    Args:
        budget: delays calls to keep within a share of the rate limit. With a budget, a request that
            failed is not sent again.

    Attributes:
        call_ended: called after each request with the HTTP status, the duration in seconds, and
            the rate limit that HipChat announced ("none" and None without a response).

    Example:
        Client(ApiSettings.from_config(config)).call("GET", "room", 1001)
    """

    def __init__(self, settings: ApiSettings, budget: Optional[CallBudget] = None):
        self._budget, self._ahead = budget, 0.0
        self._session = http_session()
        self.use(settings)
        self.call_ended: Callable[[str, float, Optional[RateLimit]], None] = (
            lambda status, seconds, limit: None)
        masking = SecretFilter(lambda: self.secrets)
        for name in URL_LOGGERS:
            logging.getLogger(name).addFilter(masking)
        if settings.verify is False:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    @property
    def secrets(self) -> List[str]:
        """The strings that logs and errors must not contain."""
        return self._token.secrets

    def use(self, settings: ApiSettings) -> None:
        """Replace the settings, and so the token, for the next calls."""
        self._settings, self._errors = settings, ErrorMapping(settings, self._masked)
        self._token: Token = (
            IntegrationToken(settings.integration, self.fetch_token) if settings.integration
            else Token(settings.api_key))

    def call(self, method: str, *path: Any, json: Optional[Dict[str, Any]] = None,
             params: Optional[Dict[str, Any]] = None, body: Optional[bytes] = None,
             content_type: Optional[str] = None) -> Any:
        """Make a call, and return the JSON of HipChat's response.

        After a 429 (too many calls) the call waits and is repeated, if HipChat allows more calls
        within the setting rate_limit_wait. The waits are at least 1, 2, 4, ... seconds. Requests
        that are safe to repeat are also retried after a failure: see transport.send().

        Args:
            path: the segments of the path after /v2, which are percent-encoded here.
            json: the body; its keys with the value None are left out.
            body, content_type: instead of json, a body of another type.

        Returns:
            The decoded JSON; None if the response is empty (204).
        """
        deadline = time.monotonic() + self._settings.rate_limit_wait
        renewed, delay = False, timing.RATE_DELAY_MIN
        while True:
            try:
                return self._send(
                    method, path, params=params, data=body,
                    json=json and {key: json[key] for key in json if json[key] is not None},
                    headers={"Content-Type": content_type} if content_type else None)
            except InvalidToken:
                if renewed or not self._token.renewed():
                    raise
                renewed = True
            except RateLimited as error:
                pause, delay = max(error.reset_in, delay), 2 * delay
                if time.monotonic() + pause > deadline:
                    raise
                time.sleep(pause)

    def ask(self, method: str, *path: Any, **options: Any) -> Dict[str, Any]:
        """Make a call() whose response must be a JSON object; raises NoAnswer otherwise."""
        return _object(self.call(method, *path, **options), self._answer_to(method, path))

    def page(self, *path: Any, **params: Any) -> Dict[str, Any]:
        """Return one page of a collection: an object whose `items` are a list of objects."""
        page, title = self.call("GET", *path, params=params), self._answer_to("GET", path)
        items = page.get("items") if isinstance(page, dict) else None
        if not isinstance(items, list):
            raise NoAnswer(f"{title} has no list of items. {_REMEDY}")
        for position, item in enumerate(items):
            _object(item, f"items[{position}] of {title}")
        return page

    def items(self, *path: Any, limit: Optional[int] = None,
              **params: Any) -> Iterator[Dict[str, Any]]:
        """Yield the items of a collection, page after page: all, or the first `limit`.

        Raises:
            NoAnswer: a page only repeats items of earlier pages, or there are too many pages.
        """
        start = 0
        seen: Set[str] = set()
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
        raise NoAnswer(f"{self._answer_to('GET', path)} has endless pages: after {start} items the "
                       "same come again. The server at api_url ignores start-index.")

    def now(self) -> float:
        """Return the Unix time by HipChat's clock, once HipChat has sent a response.

        This host's time is corrected by the difference of the clocks at the last response.
        """
        return time.time() + self._ahead

    def token_info(self) -> Dict[str, Any]:
        """Return HipChat's information on the token, without the token itself; needs no scope.

        Returns:
            scopes, owner, client, expires_in (seconds) and more, from GET /v2/oauth/token/{token}.
        """
        info = self.ask("GET", "oauth", "token", self._token.value)
        if not isinstance(info.get("scopes"), list):
            raise self._errors.unreadable("GET /v2/oauth/token", "names no scopes")
        return {key: value for key, value in info.items() if key != "access_token"}

    def fetch_token(self, form: Dict[str, str]) -> Dict[str, Any]:
        """Fetch a new token of the integration: POST /v2/oauth/token.

        Args:
            form: the OAuth request, with grant_type.

        Returns:
            access_token, expires_in (seconds), and usually group_id.
        """
        answer = self._send("POST", ("oauth", "token"), data=form, auth=self._settings.integration)
        if not (isinstance(answer, dict) and isinstance(answer.get("access_token"), str) and
                isinstance(answer.get("expires_in"), (int, float))):
            raise self._errors.unreadable("POST /v2/oauth/token", "contains no token")
        return answer

    def _send(self, method: str, path: Tuple[Any, ...], **options: Any) -> Any:
        call = self._masked(_name(method, path))
        if self._budget:
            self._budget.spend()
        began, status, limit = time.monotonic(), "none", None
        try:
            response = self._response(call, method, path, options)
            status, limit = str(response.status), RateLimit.announced_by(response.headers)
        finally:
            self.call_ended(status, time.monotonic() - began, limit)
        self._ahead = server_time(response.headers) - time.time()
        if self._budget:
            self._budget.learn(limit)
        if response.status >= 300:
            raise self._errors.refused(call, response)
        try:
            return response.json()
        except ValueError:
            raise self._errors.unreadable(call, "is no JSON") from None

    def _response(self, call: str, method: str, path: Tuple[Any, ...],
                  options: Dict[str, Any]) -> ApiResponse:
        url = "/".join([self._settings.api_url] + [_quoted(segment) for segment in path])
        options.setdefault("auth", self._token)
        try:
            return send(self._session, method, url, timeout=self._settings.timeout,
                        retry_delays=() if self._budget else timing.RETRY_DELAYS,
                        verify=self._settings.verify, **options)
        except TooLarge:
            raise TooLarge(f"HipChat's answer to {call} has more than "
                           f"{LARGEST_RESPONSE // 1024 ** 2} MiB.") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise self._errors.no_answer(call, error) from None
        except OSError as error:  # `requests` cannot read ca_bundle
            raise ConfigError([f"ca_bundle: {error}"]) from None
        except ValueError as error:  # `requests` reads a redirection's target, followed or not
            raise self._errors.unreadable(
                call, f"cannot be read ({type(error).__name__})") from None

    def _answer_to(self, method: str, path: Tuple[Any, ...]) -> str:
        return "HipChat's answer to " + self._masked(_name(method, path))

    def _masked(self, text: str) -> str:
        return mask(text, self.secrets)


def part(response: Any, key: str, title: str) -> Any:
    """Return the value at a dotted key of a response, such as "owner.id".

    Raises:
        NoAnswer: the value is missing or null. `title` names the response in the error.
    """
    for segment in key.split("."):
        response = response.get(segment) if isinstance(response, dict) else None
        if response is None:
            raise NoAnswer(f"{title} has no {key}. {_REMEDY}")
    return response


def _object(response: Any, title: str) -> Dict[str, Any]:
    if not isinstance(response, dict):
        raise NoAnswer(f"{title} is no object. {_REMEDY}")
    return response


def _quoted(segment: Any) -> str:
    """Return a segment of a path, percent-encoded; raises ParameterError for "", "." and ".."."""
    if str(segment) in ("", ".", ".."):
        raise ParameterError(f"{segment!r} is no name and no id.")
    return quote(str(segment), safe="")


def _name(method: str, path: Tuple[Any, ...]) -> str:
    return f"{method} /v2/{'/'.join(map(str, path))}"
