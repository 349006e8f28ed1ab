"""What a refresh of each dashboard costs the database, by panel, beside the goals of docs/dashboards.md.

``python -m benchmarks.dashboards`` makes a network of 1,512 places with a year behind it in a real TimescaleDB
(`benchmarks.network_year`), then one of 154. Each panel's query runs as a reader of the whole network, as Grafana sends
it, over and over: planning and execution as the server measures them, without the way to the client; and the time that
the server's process ran on a core meanwhile (``cpu``), which other load on this machine hardly changes.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import psycopg

from benchmarks.board import _database
from benchmarks.network_year import make
from benchmarks.report import Result, finish, progress
from dashboards.catalogue import DASHBOARDS
from dashboards.roles import create_reader
from tests.grafana_macros import Window, expand, own_range

_PLACES: Final = (1512, 154)
_READER: Final = "benchmark_reader"
_NOW: Final = re.compile(r"now(?:-(\d+)([smhdwMy]))?(?:/d)?")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "M": 30 * 86400, "y": 365 * 86400}
_NETWORK: Final = "maillage-reseau"
_CURVES: Final = {"timeseries", "barchart"}
_GOAL_MS: Final = {"live": 5.0, "network_day": 50.0, "network_year": 200.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """What a panel's query took, in milliseconds."""

    dashboard: str
    title: str
    kind: str
    least: float
    p99: float
    cpu: float
    rows: int


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and end with the line of results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--places", type=int, nargs="+", default=list(_PLACES))
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args(arguments)
    results: list[Result] = []
    for places in options.places:
        with tempfile.TemporaryDirectory(prefix="maillage-dashboards-") as folder:
            Path(folder).chmod(0o755)
            with _database(Path(folder)) as url, psycopg.connect(url, autocommit=True) as owner:
                codes = make(owner, places=places, days=options.days, today=datetime.now(UTC).date())
                with _reader(url, owner) as reader:
                    results += measure(reader, codes[: options.rounds], suffix=f"_{len(codes)}")
    finish("dashboards", results)


@contextmanager
def _reader(url: str, owner: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    create_reader(owner, _READER, "of the benchmark", None)
    parts = urlsplit(url)
    netloc = f"{_READER}:of%20the%20benchmark@{parts.hostname}:{parts.port}"
    with psycopg.connect(urlunsplit(parts._replace(netloc=netloc)), autocommit=True) as connection:
        yield connection


def measure(reader: psycopg.Connection[Any], codes: Sequence[str], *, suffix: str) -> list[Result]:
    """Run each panel once for each of these places; return the figures of the goals."""
    now = datetime.now(UTC)
    timings: list[Timing] = []
    year: list[Timing] = []
    for one in DASHBOARDS:
        dashboard = one.build("fr")
        uid = one.uid.fr
        choices = _choices(reader, dashboard, now, codes)
        for panel in dashboard["panels"]:
            if not panel.get("targets"):
                continue
            usual = [replace(choice, start=_start(dashboard["time"]["from"], now)) for choice in choices]
            timings.append(_time(reader, uid, panel, [own_range(panel.get("timeFrom"), one) for one in usual]))
            if uid == _NETWORK and panel["type"] in _CURVES:
                span = now - timedelta(days=365)
                one_year = {**panel, "title": f"{panel['title']}, a year"}
                year.append(_time(reader, uid, one_year, [replace(c, start=span) for c in choices[:10]]))
    for line in (*timings, *year):
        progress(
            f"{line.dashboard:22} {line.title:45} {line.least:8.1f} ms at least {line.p99:8.1f} p99"
            f"{line.cpu:8.1f} cpu {line.rows} rows"
        )
    live = [t for t in timings if t.dashboard == "maillage-lieu"]
    day = [t for t in timings if t.dashboard == _NETWORK and t.kind in _CURVES]
    return [
        *_figures("live", live, suffix),
        *_figures("network_day", day, suffix),
        *_figures("network_year", year, suffix),
    ]


def _figures(name: str, timings: Sequence[Timing], suffix: str) -> list[Result]:
    """The slowest panel's figures: what nothing disturbed, and the p99 with the load of the machine."""
    if not timings:
        return []
    prefix = "panel_live" if name == "live" else f"panel_{name}"
    goal = _GOAL_MS[name]
    return [
        Result(name=f"{prefix}_{what}ms{suffix}", value=value, unit="ms", reference="goal", reference_value=goal)
        for what, value in (
            ("p99_", max(t.p99 for t in timings)),
            ("least_", max(t.least for t in timings)),
            ("cpu_", max(t.cpu for t in timings)),
        )
    ]


def _choices(
    reader: psycopg.Connection[Any], dashboard: dict[str, Any], now: datetime, codes: Sequence[str]
) -> list[Window]:
    """A window for each place: the dashboard's variables, all of those that hold several."""
    common = Window(start=now, end=now, interval=timedelta(minutes=1))
    variables: dict[str, Sequence[str]] = {}
    for one in dashboard["templating"]["list"]:
        if one["includeAll"]:
            rows = reader.execute(expand(one["query"], common).encode()).fetchall()
            variables[one["name"]] = [str(row[-1]) for row in rows]
    return [replace(common, variables={**variables, "place": [code]}) for code in codes]


def _start(text: str, now: datetime) -> datetime:
    """The begin of a range as Grafana writes it: ``now-24h`` or ``now/d``."""
    found = _NOW.fullmatch(text)
    assert found is not None, text
    start = now - timedelta(seconds=int(found[1] or 0) * _UNITS[found[2] or "s"])
    return start.replace(hour=0, minute=0, second=0, microsecond=0) if text.endswith("/d") else start


def _time(reader: psycopg.Connection[Any], uid: str, panel: dict[str, Any], windows: Sequence[Window]) -> Timing:
    took, ran, rows = [], [], 0
    for number, window in enumerate([windows[0], *windows]):
        spent, before = 0.0, _ran_ms(reader)
        for target in panel["targets"]:
            query = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {expand(target['rawSql'], window)}"
            row = reader.execute(query.encode()).fetchone()
            assert row is not None
            (plan,) = row[0]
            spent += plan["Planning Time"] + plan["Execution Time"]
            rows = plan["Plan"]["Actual Rows"]
        if number:  # the first one warms up
            took.append(spent)
            ran.append(_ran_ms(reader) - before)
    took.sort()
    return Timing(
        dashboard=uid,
        title=panel["title"],
        kind=panel["type"],
        least=took[0],
        p99=took[min(len(took) - 1, int(len(took) * 0.99))],
        cpu=median(ran),
        rows=round(rows),
    )


def _ran_ms(reader: psycopg.Connection[Any]) -> float:
    """How long the connection's server process has run on a core; it is on this machine."""
    return int(Path(f"/proc/{reader.info.backend_pid}/schedstat").read_text().split()[0]) / 1e6


if __name__ == "__main__":
    main()
