"""Figures of the service for Prometheus. A request is counted by its route, never by its path."""

from __future__ import annotations

from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_1_0_0, generate_latest

from serve.api.state import State

MEDIA_TYPE = CONTENT_TYPE_PLAIN_1_0_0
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Metrics:
    """Counters of one service, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = to = CollectorRegistry()
        self._requests = Counter(
            "renewcast_requests", "Requests answered.", ["method", "route", "status"], registry=to
        )
        self._seconds = Histogram(
            "renewcast_request_seconds", "Time to answer.", ["route"], buckets=BUCKETS, registry=to
        )
        self._known: dict[tuple[str, str, str], tuple[Counter, Histogram]] = {}
        self.under_way = Gauge(
            "renewcast_requests_under_way", "Requests not answered yet.", registry=to
        )
        self.rows = Counter("renewcast_scored_rows", "Rows scored on request.", registry=to)
        self.unseen = Counter(
            "renewcast_unseen_categories",
            "Values that training never met.",
            ["column"],
            registry=to,
        )
        self._renewals = Gauge("renewcast_renewals", "Renewals of the publication.", registry=to)
        self._morning = Gauge(
            "renewcast_as_of_timestamp_seconds", "The morning of the publication.", registry=to
        )
        self._refused = Gauge(
            "renewcast_refused",
            "Whether what lies there now did not verify.",
            ["what"],
            registry=to,
        )
        self._bundles = Gauge(
            "renewcast_bundle_info", "What scores.", ["target", "sha256"], registry=to
        )

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer; `route` is the template, and unknown methods are one."""
        key = (method if method in METHODS else "other", route, str(status))
        if key not in self._known:
            self._known[key] = self._requests.labels(*key), self._seconds.labels(route)
        count, time = self._known[key]
        count.inc()
        time.observe(seconds)

    def text(self, state: State) -> bytes:
        """Everything, with what is served now."""
        held = state.now
        morning = datetime.fromisoformat(str(held.published.manifest["as_of"])).replace(tzinfo=UTC)
        self._renewals.set(len(held.listing))
        self._morning.set(morning.timestamp())
        for what, why in state.refused.items():
            self._refused.labels(what).set(why is not None)
        self._bundles.clear()
        for target, sha256 in held.identities.items():
            self._bundles.labels(target, sha256).set(1)
        return generate_latest(self.registry)
