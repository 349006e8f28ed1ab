"""Metrics of the board and the live streams.

They need no key, so they count what is published for everybody: in a small network the rest would tell who comes.
"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.http.clock import now_us
from api.present.board import Board
from api.present.listen import Listener
from api.present.stream import Streams


class PresentMetrics(Collector):
    """Reads the board and the streams at each scrape."""

    def __init__(self, board: Board, listener: Listener, streams: Streams) -> None:
        self._board, self._listener, self._streams = board, listener, streams

    def describe(self) -> Iterable[Metric]:
        """Nothing to collect at registration."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The current values."""
        board, listener = self._board, self._listener
        yield _gauge("maillage_api_stream_clients", "Open live streams.", len(self._streams))
        yield _gauge("maillage_api_board_loaded", "1 once the network is loaded.", float(listener.loaded))
        yield _gauge(
            "maillage_api_board_connected", "1 while the board is connected to the database.", float(listener.connected)
        )
        age_s = (now_us() - board.public.seen) / 1e6 if board.public.seen else float("nan")
        yield _gauge("maillage_api_board_age_seconds", "Seconds since the last publication for everybody.", age_s)
        yield _gauge("maillage_api_board_places", "Places on the board.", len(board.network.places))
        yield _count(
            "maillage_api_board_publications_total", "Publications for everybody since the start.", board.public.number
        )
        yield _count("maillage_api_board_loads_total", "Loads of the whole board.", listener.loads)
        yield _count("maillage_api_notification_floods_total", "Floods of notifications.", listener.floods)
        board.age(now_us())
        qualities = GaugeMetricFamily(
            "maillage_api_board_spaces", "Spaces on the board by quality.", labels=["quality"]
        )
        counts = {"live": 0, "degraded": 0, "stale": 0, "unknown": 0}
        for view in board.public.views():
            for _, occupancy in view.occupancies:
                counts[occupancy.quality] += 1
        for quality, count in counts.items():
            qualities.add_metric([quality], count)
        yield qualities


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _count(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value=value)
