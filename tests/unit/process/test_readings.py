"""What changed in a process' metrics between two looks."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from process.readings import Readings


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def test_counters_are_read_since_the_last_look(registry: CollectorRegistry) -> None:
    counter = Counter("answers", "of the test", ["route", "status"], registry=registry)
    counter.labels("/a", "200").inc(5)
    readings = Readings(registry.collect)
    counter.labels("/a", "200").inc(2)
    counter.labels("/b", "500").inc(3)  # a label that was not there at the last look
    assert readings.increase("answers_total") == 0, "nothing was looked at since"
    readings.look()
    assert readings.increase("answers_total") == 5
    assert readings.increase("answers_total", lambda labels: labels["status"].startswith("5")) == 3
    readings.look()
    assert readings.increase("answers_total") == 0


def test_quantiles_are_of_what_came_since_over_all_labels(registry: CollectorRegistry) -> None:
    histogram = Histogram("seconds", "of the test", ["route"], buckets=(0.1, 0.2, 1.0), registry=registry)
    histogram.labels("/old").observe(0.9)
    readings = Readings(registry.collect)
    assert readings.quantiles("seconds", 0.5, 0.99) == [None, None], "what came before counts for nothing"
    for _ in range(50):
        histogram.labels("/a").observe(0.05)
        histogram.labels("/b").observe(0.15)
    readings.look()
    assert readings.quantiles("seconds", 0.25, 0.5, 0.75) == [
        pytest.approx(0.05),
        pytest.approx(0.1),
        pytest.approx(0.15),
    ]
    histogram.labels("/a").observe(30)
    readings.look()
    assert readings.quantiles("seconds", 0.5) == [1.0], "beyond the last bound: that bound"


def test_gauges_are_added_up(registry: CollectorRegistry) -> None:
    gauge = Gauge("waiting", "of the test", ["peer"], registry=registry)
    gauge.labels("a").set(2)
    gauge.labels("b").set(3)
    assert Readings(registry.collect).value("waiting") == 5
