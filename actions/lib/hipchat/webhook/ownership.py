"""Which of HipChat's webhooks are the sensor's own."""
import time
from typing import Any, Callable, Dict, NamedTuple, Optional

from hipchat.check.health import sensor_at
from hipchat.config.sensor_settings import SensorSettings
from hipchat.webhook.webhook_url import WebhookUrl, normalised

__all__ = ["Ownership"]

KNOWN_FOR = 300.0  # seconds for which it is remembered who is at a URL
LONGEST_ASKING = 20.0  # seconds of that: who copies a signed URL can make many others of it


class _Found(NamedTuple):
    """Whose mark was found at a URL, when it was asked for, and how long that took."""

    when: float
    took: float
    sensor: Optional[str]


class Ownership:
    """Ours is what lies below public_url and has our shape, and what is left over elsewhere.

    sensor: the mark by which /health tells this sensor from others, None if none runs; ask: finds
    that of the sensor at another public_url, as sensor_at does.
    """

    def __init__(self, settings: SensorSettings, sensor: Callable[[], Optional[str]],
                 ask: Optional[Callable[[str], Optional[str]]] = None):
        self.urls = WebhookUrl(settings.public_url, settings.secret)
        self._sensor = sensor
        self._ask = ask or (lambda public_url: sensor_at(public_url, settings))
        self._others = {normalised(url) for url in settings.node_urls}
        self._found: Dict[str, _Found] = {}

    def is_ours(self, webhook: Dict[str, Any]) -> bool:
        """Whether a webhook, as HipChat lists it, is ours to keep or to delete."""
        return self.urls.is_ours(str(webhook.get("url"))) or self.is_left_over(webhook)

    def is_left_over(self, webhook: Dict[str, Any]) -> bool:
        """Whether a webhook is ours by its signature, made for an earlier public_url.

        Those of other nodes, and of another sensor that answers there, are theirs.
        """
        url = str(webhook.get("url"))
        base = None if self.urls.is_ours(url) else self.urls.base_of(url)
        return base is not None and base not in self._others and not self._is_others(base)

    def _is_others(self, base: str) -> bool:
        now = time.monotonic()
        self._found = {known: each for known, each in self._found.items()
                       if now < each.when + KNOWN_FOR}
        if base not in self._found:
            if sum(each.took for each in self._found.values()) > LONGEST_ASKING:
                return True
            sensor = self._ask(base)
            self._found[base] = _Found(now, time.monotonic() - now, sensor)
        found = self._found[base].sensor
        return found is not None and found != self._sensor()
