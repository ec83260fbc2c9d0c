"""The metrics that `GET {public_url}/metrics` returns, in the text format of Prometheus."""
import collections
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hipchat.api.rate_limit import RateLimit

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
DISPATCH_SECONDS = (.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60, 600)
CALL_SECONDS = (.05, .1, .25, .5, 1, 2.5, 5, 10, 30)

Report = Dict[str, Any]


class Metrics(Collector):
    """Collects the sensor's metrics. Like /health, they contain no rooms, users and URLs."""

    def __init__(self, report: Callable[[], Report], details: Callable[[], List[str]],
                 outcomes: Dict[Tuple[str, str], int]):
        """Args:
            report, details: the methods of Health.
            outcomes: the number of deliveries by (event, outcome), which Health updates.
        """
        self._report, self._details, self._outcomes = report, details, outcomes
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self.dispatch_seconds = Histogram(
            "hipchat_dispatch_seconds", "From the arrival of a delivery to its dispatch.",
            buckets=DISPATCH_SECONDS, registry=self._registry)
        self._call_seconds = Histogram(
            "hipchat_api_call_seconds", "Duration of the calls of HipChat's API.",
            buckets=CALL_SECONDS, registry=self._registry)
        self._calls = Counter(
            "hipchat_api_calls", "Calls of HipChat's API, by status; \"none\" without a response.",
            ["status"], registry=self._registry)
        self._limit = Gauge("hipchat_api_limit", "Calls that HipChat allows in a window.",
                            registry=self._registry)
        self._remaining = Gauge("hipchat_api_remaining", "Calls that are left in the window.",
                                registry=self._registry)

    def call_ended(self, status: str, seconds: float, limit: Optional[RateLimit]) -> None:
        """Count a call of HipChat's API.

        Args:
            status: the HTTP status; "none" without a response.
            limit: the rate limit that the response states.
        """
        self._calls.labels(status).inc()
        self._call_seconds.observe(seconds)
        if limit and limit.limit is not None and limit.remaining is not None:
            self._limit.set(limit.limit)
            self._remaining.set(limit.remaining)

    def other_call_ended(self, status: str, seconds: float, _limit: Optional[RateLimit]) -> None:
        """Count a call with another token than the sensor's, whose rate limit is not shown."""
        self.call_ended(status, seconds, None)

    def text(self) -> bytes:
        """Return all metrics in Prometheus' format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Metric]:
        """Yield the values of /health as metrics, each time that Prometheus reads them."""
        report = self._report()
        deliveries = CounterMetricFamily(
            "hipchat_deliveries", "Deliveries, by event and outcome.", labels=["event", "outcome"])
        for (event, outcome), count in sorted(self._outcomes.items()):
            deliveries.add_metric([event, outcome.replace(" ", "_")], count)
        yield deliveries
        yield _by("hipchat_refused_requests", "Requests that were refused, by reason.", "reason",
                  report["refused"])
        problems = GaugeMetricFamily("hipchat_problems", "Current problems, by part.",
                                     labels=["part"])
        parts = collections.Counter(detail.partition(":")[0] for detail in self._details())
        for part, count in sorted(parts.items()):
            problems.add_metric([part], count)
        yield problems
        yield _gauge("hipchat_up", "1 if the status is ok, 0 if it is degraded.",
                     report["status"] == "ok")
        yield from self._of_parts(report)

    def _of_parts(self, report: Report) -> Iterable[Metric]:
        """Yield the metrics of the parts that the config enables."""
        if "waiting" in report:
            yield _gauge("hipchat_spool_deliveries", "Deliveries that wait in the spool.",
                         report["waiting"])
            yield _gauge("hipchat_spool_oldest_seconds", "Age of the oldest waiting delivery.",
                         report["oldest"])
        if "webhooks" in report:
            yield _gauge("hipchat_webhooks_wanted", "Webhooks that rules need.",
                         report["webhooks"]["wanted"])
            yield _gauge("hipchat_webhooks_present", "Needed webhooks that HipChat has.",
                         report["webhooks"]["present"])
            yield _gauge("hipchat_unheard_rooms", "Rooms whose events cannot be received.",
                         report["unheard_rooms"])
        if "history" in report:
            yield CounterMetricFamily("hipchat_backfilled_messages", "Messages from the history "
                                      "that no webhook had delivered.",
                                      value=report["history"]["fetched"])
        if "commands" in report:
            commands = report["commands"]
            yield _by("hipchat_commands", "Chat commands, by outcome.", "outcome", {
                key: commands[key] for key in ("started", "answered", "refused")})
            yield _gauge("hipchat_commands_waiting", "Commands that are not answered yet.",
                         commands["waiting"])


def _gauge(metric_name: str, documentation: str, value: float) -> Metric:
    return GaugeMetricFamily(metric_name, documentation, value=float(value))


def _by(metric_name: str, documentation: str, label: str, counts: Dict[str, int]) -> Metric:
    found = CounterMetricFamily(metric_name, documentation, labels=[label])
    for key, count in sorted(counts.items()):
        found.add_metric([key.replace(" ", "_")], count)
    return found
