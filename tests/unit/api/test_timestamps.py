"""Times in and out."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.timestamps import parse_rfc3339, rfc3339, rfc3339_of, to_us


@given(us=st.integers(0, 4_000_000_000_000_000))
def test_a_time_comes_back_to_the_millisecond_and_never_later(us: int) -> None:
    text = rfc3339(us)
    assert text is not None
    assert text.endswith("Z")
    assert 0 <= us - parse_rfc3339(text) < 1000


def test_zones_are_read_and_required() -> None:
    assert parse_rfc3339("2026-11-21T21:00:00+01:00") == parse_rfc3339("2026-11-21T20:00:00Z")
    assert parse_rfc3339("2026-11-21T21:00:00 01:00") == parse_rfc3339("2026-11-21T20:00:00Z")
    for wrong in ("", "yesterday", "2026-11-21T20:00:00", "2026-11-21", "20:00Z"):
        with pytest.raises(ValueError):
            parse_rfc3339(wrong)
    with pytest.raises(ValueError, match="without a zone"):
        to_us(datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="without a zone"):
        rfc3339_of(datetime(2026, 1, 1))  # noqa: DTZ001


@given(at=st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2300, 1, 1), timezones=st.timezones()))  # noqa: DTZ001
def test_a_time_is_written_as_its_microseconds_are(at: datetime) -> None:
    assert rfc3339_of(at) == rfc3339(to_us(at))
