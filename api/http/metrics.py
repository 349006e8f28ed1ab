"""Metrics of requests and refusals for Prometheus, in one registry for each application."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from api.http.clients import Clients
from process.readings import Readings

_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Metrics:
    """Counts requests and renders ``/metrics``."""

    def __init__(self, clients: Clients, *collectors: Collector) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "maillage_api_requests_total",
            "Requests answered, by route, method and status.",
            ["route", "method", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "maillage_api_request_seconds",
            "Seconds from a request to the end of its response, by route; without streams.",
            ["route"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._counters: dict[tuple[str, str, int], Counter] = {}
        self._timers: dict[str, Histogram] = {}
        for collector in (_Limited(clients), *collectors):
            self._registry.register(collector)

    def answered(self, route: str, method: str, status: int, seconds: float | None) -> None:
        """Count one response; ``seconds``: None for a stream."""
        key = (route, method, status)
        counter = self._counters.get(key)
        if counter is None:
            counter = self._counters[key] = self._requests.labels(route, method, str(status))
        counter.inc()
        if seconds is not None:
            timer = self._timers.get(route)
            if timer is None:
                timer = self._timers[route] = self._seconds.labels(route)
            timer.observe(seconds)

    def readings(self) -> Readings:
        """Return a reader of how many requests were answered, and how quickly; another thread may use it."""
        names = ["maillage_api_requests_total", "maillage_api_request_seconds_bucket"]
        return Readings(self._registry.restricted_registry(names).collect)

    def text(self) -> bytes:
        """Return all metrics in the Prometheus text format."""
        return generate_latest(self._registry)


class _Limited(Collector):
    """Counts the refusals by limit."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def describe(self) -> Iterable[Metric]:
        """Nothing to collect at registration."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The refusals since the start."""
        limited = CounterMetricFamily(
            "maillage_api_limited_total",
            "Requests refused because a client or a key had reached a limit, by limit.",
            labels=["limit"],
        )
        for limit in ("connections", "streams", "requests", "wrong_keys", "key_requests"):
            limited.add_metric([limit], self._clients.refused[limit])
        yield limited
