"""What changed in a process' metrics since the last look: increases of counters, quantiles of histograms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Final, Protocol

_INFINITE: Final = "+Inf"


class _Sample(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def labels(self) -> Mapping[str, str]: ...
    @property
    def value(self) -> float: ...


class _Metric(Protocol):
    @property
    def samples(self) -> Iterable[_Sample]: ...


class Readings:
    """Reads a registry of prometheus_client, all of it at each look."""

    def __init__(self, collect: Callable[[], Iterable[_Metric]]) -> None:
        """``collect``: of the registry."""
        self._collect = collect
        self._before: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        self._now = self._before
        self.look()
        self._before = self._now  # what came before counts for nothing

    def look(self) -> None:
        """Read it; what follows is about the time since the look before."""
        self._before = self._now
        self._now = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for metric in self._collect()
            for sample in metric.samples
        }

    def increase(self, name: str, chosen: Callable[[Mapping[str, str]], bool] = lambda _labels: True) -> int:
        """Return by how much the counters of that name have grown; ``chosen``: by their labels."""
        return round(
            sum(
                value - self._before.get(key, 0.0)
                for key, value in self._now.items()
                if key[0] == name and chosen(dict(key[1]))
            )
        )

    def value(self, name: str) -> float:
        """Return the sum of the gauges of that name."""
        return sum(value for key, value in self._now.items() if key[0] == name)

    def quantiles(self, name: str, *which: float) -> list[float | None]:
        """Return these quantiles of what the histograms of that name observed; None: nothing.

        Within a bucket values count as spread evenly; those beyond the last bound count as that bound.
        """
        counts: dict[float, float] = {}
        for (sample, labels), value in self._now.items():
            bound = dict(labels).get("le")
            if sample == f"{name}_bucket" and bound is not None:
                end = float("inf") if bound == _INFINITE else float(bound)
                counts[end] = counts.get(end, 0.0) + value - self._before.get((sample, labels), 0.0)
        return [_quantile(sorted(counts.items()), one) for one in which]


def _quantile(counts: list[tuple[float, float]], which: float) -> float | None:
    """Return a quantile from counts up to each bound."""
    total = counts[-1][1] if counts else 0.0
    if total <= 0:
        return None
    wanted = which * total
    for (low, below), (high, until) in pairwise([(0.0, 0.0), *counts]):
        if until >= wanted and until > below:
            return low if high == float("inf") else low + (high - low) * (wanted - below) / (until - below)
    return counts[-1][0]
