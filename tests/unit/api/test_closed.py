"""A seat in a place that is closed is not free, whatever its hours say."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from api.present.opening import is_open
from tests.unit.api.network_of import a_place

ALL_DAY = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
CHRISTMAS = (date(2026, 12, 24), date(2026, 12, 26))


@pytest.mark.parametrize(
    ("at", "closures", "locked", "expected"),
    [
        ("2026-12-23T22:59:59+00:00", (CHRISTMAS,), False, True),
        ("2026-12-23T23:00:00+00:00", (CHRISTMAS,), False, False),  # midnight in Paris
        ("2026-12-26T22:59:59+00:00", (CHRISTMAS,), False, False),
        ("2026-12-26T23:00:00+00:00", (CHRISTMAS,), False, True),
        ("2026-12-27T12:00:00+00:00", (), True, False),
    ],
)
def test_closures_are_local_days_and_a_lockdown_shuts_at_once(
    at: str, closures: tuple[tuple[date, date], ...], locked: bool, expected: bool
) -> None:
    now = round(datetime.fromisoformat(at).astimezone(UTC).timestamp() * 1e6)
    place = a_place(1, opening_hours=ALL_DAY, closures=closures, locked=locked)
    assert is_open(place, now) is expected


def test_a_closure_is_known_where_hours_are_not() -> None:
    at = round(datetime(2026, 12, 25, 12, tzinfo=UTC).timestamp() * 1e6)
    assert is_open(a_place(1, closures=(CHRISTMAS,)), at) is False
    assert is_open(a_place(1), at) is None
