from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.grafana_macros import Window


@pytest.fixture
def window() -> Window:
    return Window(
        start=datetime(2026, 11, 21, 6, tzinfo=UTC),
        end=datetime(2026, 11, 21, 20, 30, 15, 250_000, tzinfo=UTC),
        interval=timedelta(seconds=30),
        variables={"place": ["l'atelier"], "department": ["33", "16"]},
    )
