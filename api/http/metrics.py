"""What the API counts of itself, for Prometheus; one registry an application."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.http.clients import Clients
from api.http.times import now_us
from api.present.board import Board
from api.present.listen import Listener
from api.present.stream import Streams

_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Metrics:
    """Counts requests and answers ``/metrics``."""

    def __init__(self, board: Board, listener: Listener, streams: Streams, clients: Clients) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "maillage_api_requests_total",
            "Requests answered, by route, method and status.",
            ["route", "method", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "maillage_api_request_seconds",
            "Seconds from a request to the end of its answer, by route; streams not counted.",
            ["route"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._counters: dict[tuple[str, str, int], Counter] = {}
        self._timers: dict[str, Histogram] = {}
        self._registry.register(_Present(board, listener, streams, clients))

    def answered(self, route: str, method: str, status: int, seconds: float | None) -> None:
        """Count one answer; ``seconds`` None for a stream."""
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

    def text(self) -> bytes:
        """Everything in the Prometheus text format."""
        return generate_latest(self._registry)


class _Present(Collector):
    """Reads the board and the streams when asked."""

    def __init__(self, board: Board, listener: Listener, streams: Streams, clients: Clients) -> None:
        self._board, self._listener, self._streams, self._clients = board, listener, streams, clients

    def describe(self) -> Iterable[Metric]:
        """Nothing to collect at registration."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The present values."""
        board, listener = self._board, self._listener
        yield _gauge("maillage_api_stream_clients", "Live streams open now.", len(self._streams))
        limited = CounterMetricFamily(
            "maillage_api_limited_total",
            "Refusals since one client or key had its share, by limit.",
            labels=["limit"],
        )
        for limit in ("connections", "streams", "requests", "wrong_keys", "key_requests"):
            limited.add_metric([limit], self._clients.refused[limit])
        yield limited
        yield _gauge("maillage_api_board_loaded", "1 once the network was loaded.", float(listener.loaded))
        yield _gauge("maillage_api_board_connected", "1 while the board hears the database.", float(listener.connected))
        age_s = (now_us() - board.seen) / 1e6 if board.seen else float("nan")
        yield _gauge("maillage_api_board_age_seconds", "Since the newest row that the board holds was stored.", age_s)
        yield _gauge("maillage_api_board_places", "Places on the board.", len(board.network.places))
        yield _count("maillage_api_board_publications_total", "Publications since the start.", board.number)
        yield _count("maillage_api_board_loads_total", "Times that the whole board was loaded.", listener.loads)
        yield _count(
            "maillage_api_board_looks_total", "Times that rows were read which notifications named.", listener.looks
        )
        yield _count(
            "maillage_api_notification_floods_total", "Times that too many notifications came.", listener.floods
        )
        qualities = GaugeMetricFamily(
            "maillage_api_board_spaces", "Spaces on the board by quality.", labels=["quality"]
        )
        counts = {"live": 0, "degraded": 0, "stale": 0, "unknown": 0}
        for view in board.views(now_us()):
            for _, said in view.said:
                counts[said.quality] += 1
        for quality, count in counts.items():
            qualities.add_metric([quality], count)
        yield qualities


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _count(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value=value)
