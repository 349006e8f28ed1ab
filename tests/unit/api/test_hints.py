"""Hints beside a decision: a place that lets nobody but hosts in says so."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from access import AccessList, Schedule
from access.schedules import schedule_from_json
from api.explain.hints import hints
from rights.hours import NEVER


@pytest.mark.parametrize(
    ("hours", "said"), [(NEVER, True), (None, False), (schedule_from_json({"mon": [["09:00", "12:00"]]}), False)]
)
def test_a_place_that_is_never_open_is_named(hours: Schedule | None, said: bool) -> None:
    held = AccessList(
        place="gare",
        version=1,
        made_at=datetime(2026, 3, 3, tzinfo=UTC),
        time_zone="Europe/Paris",
        entries={},
        opening_hours=hours,
    )
    found = hints(held, None, None, behind=(), pin=None)
    assert any("in preparation or closed for good" in one["en"] for one in found) == said
    assert any("en préparation ou fermé définitivement" in one["fr"] for one in found) == said
