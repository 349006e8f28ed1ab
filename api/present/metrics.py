"""The board's and the streams' state as metrics."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.http.times import now_us
from api.present.board import Board
from api.present.listen import Listener
from api.present.stream import Streams


class PresentMetrics(Collector):
    """Reads the board and the streams when asked."""

    def __init__(self, board: Board, listener: Listener, streams: Streams) -> None:
        self._board, self._listener, self._streams = board, listener, streams

    def describe(self) -> Iterable[Metric]:
        """Nothing to collect at registration."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The present values."""
        board, listener = self._board, self._listener
        yield _gauge("maillage_api_stream_clients", "Live streams open now.", len(self._streams))
        yield _gauge("maillage_api_board_loaded", "1 once the network has been loaded.", float(listener.loaded))
        yield _gauge(
            "maillage_api_board_connected", "1 while the board receives notifications.", float(listener.connected)
        )
        age_s = (now_us() - board.seen) / 1e6 if board.seen else float("nan")
        yield _gauge("maillage_api_board_age_seconds", "Time since the newest row on the board was stored.", age_s)
        yield _gauge("maillage_api_board_places", "Places on the board.", len(board.network.places))
        yield _count("maillage_api_board_publications_total", "Times that the board published changes.", board.number)
        yield _count("maillage_api_board_loads_total", "Times that the whole board was loaded.", listener.loads)
        yield _count(
            "maillage_api_board_looks_total", "Times that the rows named in notifications were read.", listener.looks
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
