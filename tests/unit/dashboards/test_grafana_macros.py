"""Macros as Grafana's PostgreSQL data source expands them (with ``timescaledb: true``)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.errors import MacroError
from tests.grafana_macros import Window, expand


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("$__timeFilter(h.at)", "h.at BETWEEN '2026-11-21T06:00:00Z' AND '2026-11-21T20:30:15.25Z'"),
        ("$__timeFrom()::timestamptz", "'2026-11-21T06:00:00Z'::timestamptz"),
        ("$__timeTo()", "'2026-11-21T20:30:15.25Z'"),
        ("$__time(at)", 'at AS "time"'),
        ("$__timeGroup(at,'5m')", "time_bucket('300.000s',at)"),
        ("$__timeGroup(at, $__interval)", "time_bucket('30.000s',at)"),
        ("$__timeGroupAlias(at,$__interval)", "time_bucket('30.000s',at) AS \"time\""),
        ("SELECT $__timeGroup(at,'1h'), 1", "SELECT time_bucket('3600.000s',at) AS \"time\", 1"),
        ("ORDER BY $__timeGroup(at,'1h'))", "ORDER BY time_bucket('3600.000s',at))"),
        ("$__interval_ms", "30000"),
        ("$__unixEpochFrom()", "1795240800"),
        ("IN (${place:sqlstring})", "IN ('l''atelier')"),
        ("IN (${department:sqlstring})", "IN ('33','16')"),
    ],
)
def test_expands(query: str, expected: str, window: Window) -> None:
    assert expand(query, window) == expected


@pytest.mark.parametrize(
    "query",
    [
        "$__nothing(at)",
        "$__timeGroup(at)",
        "$__timeGroup(at,'soon')",
        "place = $place",  # Grafana would not quote it
        "place = ${place}",
        "place = ${place:csv}",
        "${other:sqlstring}",
        "ARRAY[[1]]",  # [[1]] is an old way to write a variable
    ],
)
def test_refuses_what_grafana_would_refuse_or_get_wrong(query: str, window: Window) -> None:
    with pytest.raises(MacroError):
        expand(query, window)


def test_an_argument_ends_at_the_first_bracket(window: Window) -> None:
    assert expand("$__time(date_trunc('day', at))", window) == "date_trunc('day' AS \"time\")"


def test_times_are_utc(window: Window) -> None:
    paris = replace(window, start=datetime(2026, 11, 21, 7, tzinfo=timezone(timedelta(hours=1))))
    assert expand("$__timeFrom()", paris) == expand("$__timeFrom()", window)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.5, "500ms"), (30, "30s"), (90, "90s"), (300, "5m"), (7200, "2h"), (86400, "1d")]
)
def test_intervals_are_written_as_grafana_writes_them(seconds: float, text: str, window: Window) -> None:
    assert expand("$__interval", replace(window, interval=timedelta(seconds=seconds))) == text


@given(value=st.text(min_size=1))
def test_a_variables_value_stays_within_its_quotes(value: str) -> None:
    window = Window(
        start=datetime(2026, 1, 1).astimezone(), end=datetime(2026, 1, 2).astimezone(), variables={"v": [value]}
    )
    text = expand("${v:sqlstring}", window) if "$" not in value else ""
    assert text.count("'") % 2 == 0
    if text:
        assert text[1:-1].replace("''", "'") == value
