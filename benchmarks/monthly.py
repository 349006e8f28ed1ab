"""The monthly reports of 154 places: made from a simulated month and stored, and written as PDF and HTML.

``python -m benchmarks.monthly`` starts a real TimescaleDB of its own, makes a month of quarter hours, use, desks and
events of each place, and makes their reports as the job does. Everything is deleted afterwards.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from benchmarks.board import _database
from benchmarks.history import _FILL, _KINDS, _NETWORK
from benchmarks.report import Result, finish, progress
from database.leases import Fenced, connect
from gateway.contract.stored_events import KINDS
from jobs.reports import make_month
from jobs.traces import KEEP
from process.documents import as_html, as_pdf
from reports.document import report_document
from reports.month import Month
from reports.reading import read_or_make

_PLACES: Final = 154
_GOAL_S: Final = 60.0
_STATES: Final = """
INSERT INTO space_state (space, place, revision, quality, at, ttl_s, changed_at, fold)
SELECT id, place, 1, 'unknown', now(), 120, now(), '{}' FROM space;
UPDATE place SET department = '87';
INSERT INTO worth_space (space, day, place, open_s, known_s, seat_s, person_s, quarters, busy, peak, peak_at,
  peak_capacity)
SELECT space, day, place, 36000, 36000, 720000, person_s, 40, 4, day_peak, starts + interval '10 hours', 20
FROM history_day;
INSERT INTO gateway (place, code) SELECT id, code || '-g' FROM place;
INSERT INTO stream (gateway, epoch) SELECT id, '0123456789abcdef' FROM gateway;
INSERT INTO door (place, code, name, to_space) SELECT place, 'entry', 'Entry', id FROM space;
INSERT INTO device (place, gateway, code, kind, driver, address, door, side)
SELECT g.place, g.id, 'reader', 'reader', 'maillage', 'r', o.id, 'in' FROM gateway g JOIN door o ON o.place = g.place;
INSERT INTO member (ref) SELECT 'm-' || lpad(n::text, 5, '0') FROM generate_series(1, 3000) n
"""
# each place: as many card reads, a twentieth of them refused, and desk events
_EVENTS: Final = """
INSERT INTO event (at, received_at, tx, stream, seq, place, device, kind, state, reason, member)
SELECT t.at, t.at, 1, s.id, n, v.place, v.id, CASE WHEN n %% 4 = 0 THEN {access} ELSE {desk} END,
  (n %% 80 > 0)::integer,
  CASE WHEN n %% 4 > 0 THEN NULL WHEN n %% 80 = 0 THEN 1 ELSE 0 END,
  CASE WHEN n %% 4 = 0 THEN 'm-' || lpad((1 + (v.place * 20 + n %% 61) %% 3000)::text, 5, '0') END
FROM device v JOIN stream s ON s.gateway = v.gateway
CROSS JOIN generate_series(1, %(count)s) n
CROSS JOIN LATERAL (SELECT %(begins)s::timestamptz + n * interval '29 days' / %(count)s AS at) t
""".replace("{access}", str(KINDS["access"])).replace("{desk}", str(KINDS["desk"]))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and end with the line of results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--places", type=int, default=_PLACES)
    parser.add_argument("--events", type=int, default=8_000, help="of each place")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="maillage-monthly-") as folder:
        Path(folder).chmod(0o755)
        with _database(Path(folder)) as url:
            month = Month.of(datetime.now(UTC).date()).before
            with connect(url, application_name="maillage benchmark", statement_timeout_s=600) as connection:
                _fill(connection, month, options)
                finish("monthly", _measure(connection, month, options))


def _fill(connection: Fenced, month: Month, options: argparse.Namespace) -> None:
    begun = time.monotonic()
    last = month.after - timedelta(days=1)
    connection.execute(_NETWORK.encode(), (options.places, options.places))
    connection.execute(_KINDS.replace("{first}", str(month.first)).replace("{last}", str(last)).encode())
    connection.execute(_FILL.encode())
    connection.execute(_STATES.encode())
    begins = datetime.combine(month.first, datetime.min.time(), UTC)
    connection.execute(_EVENTS.encode(), {"count": options.events, "begins": begins})
    connection.execute("ANALYZE")
    progress(f"{options.places} places, {options.places * options.events:,} events, {time.monotonic() - begun:.0f} s")


def _measure(connection: Fenced, month: Month, options: argparse.Namespace) -> list[Result]:
    now = datetime.combine(month.after, datetime.min.time(), UTC) + timedelta(days=1)
    begun = time.perf_counter()
    stored = make_month(connection, month, now, KEEP)
    made = time.perf_counter() - begun
    progress(f"{stored} reports in {made:.1f} s")
    found = read_or_make(connection, "network", month, now=now, keep=KEEP)
    assert found is not None and len(found.report.rows) == options.places
    one = read_or_make(connection, found.report.rows[0].code, month, now=now, keep=KEEP)
    assert one is not None
    times = {}
    for name, stored_one in (("place", one), ("network", found)):
        document = report_document(stored_one, "fr")
        as_pdf(document)  # the first one loads the fonts
        for kind, make in (("pdf", as_pdf), ("html", as_html)):
            begun = time.perf_counter()
            make(document)
            times[f"{name}_{kind}_ms"] = 1000 * (time.perf_counter() - begun)
    goal = _GOAL_S * options.places / _PLACES
    return [
        Result(name="reports_all_s", value=made, unit="s", reference="goal", reference_value=goal),
        Result(name="report_place_ms", value=1000 * made / options.places, unit="ms"),
        *(Result(name=name, value=value, unit="ms") for name, value in times.items()),
    ]


if __name__ == "__main__":
    main()
