"""What the API samples of itself once a minute: how many requests it answered, and how quickly; searches for seats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg

from api.http.metrics import Metrics
from api.present.demand import Demand
from database.samples import Sample


def sampler(metrics: Metrics, demand: Demand) -> Callable[[psycopg.Connection[Any]], Sample]:
    """Return what makes a sample; it also stores the searches since the last one."""
    readings = metrics.readings()

    def look(connection: psycopg.Connection[Any]) -> Sample:
        demand.store(connection)
        readings.look()
        median, slow = readings.quantiles("maillage_api_request_seconds", 0.5, 0.99)
        return Sample(
            done=readings.increase("maillage_api_requests_total"),
            failed=readings.increase("maillage_api_requests_total", lambda labels: labels["status"].startswith("5")),
            p50_s=median,
            p99_s=slow,
        )

    return look
