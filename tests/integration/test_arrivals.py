"""Usual arrivals are learned from the events of four weeks, by the place's own weekdays and quarter hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg

from database.leases import Fenced
from jobs.arrivals import learn_arrivals
from jobs.job import Round
from tests.conftest import Database
from tests.integration.dashboards_rows import fill

PARIS = ZoneInfo("Europe/Paris")
_ARRIVAL = """
INSERT INTO event (at, received_at, tx, stream, seq, place, device, kind, state, reason)
SELECT %s, now(), 1, 1, 1, d.place, d.id, 1, 1, 0 FROM device d WHERE d.code = 'reader-in'"""


def test_the_usual_is_the_median_of_the_same_local_weekdays(database: Database) -> None:
    now = datetime.now(UTC)
    noon = now.astimezone(PARIS).replace(hour=12, minute=20, second=0, microsecond=0)
    with Fenced.connect(database.url, autocommit=True) as connection:
        fill(connection, now)
        connection.execute("DELETE FROM event")
        connection.execute("DELETE FROM arrival_usual")
        for weeks, people in ((1, 5), (2, 2), (3, 3), (5, 90)):  # five weeks ago counts no more
            day = noon.date() - timedelta(weeks=weeks)
            at = noon.replace(year=day.year, month=day.month, day=day.day)
            for n in range(people):
                connection.execute(_ARRIVAL, (at + timedelta(seconds=n),))
        connection.execute(_ARRIVAL, (now,))  # today isn't over

        said: list[str] = []
        round_ = Round(connection=connection, now=now, keep=timedelta(days=90), log=said.append)
        learn_arrivals(round_)
        assert said == ["arrivals: usual arrivals of 3 places learned"]
        rows = connection.execute(
            "SELECT u.weekday, u.days, u.arrivals FROM arrival_usual u JOIN place p ON p.id = u.place "
            "WHERE p.code = 'atelier' ORDER BY u.weekday"
        ).fetchall()
        assert [weekday for weekday, _, _ in rows] == list(range(1, 8))
        for weekday, days, arrivals in rows:
            if weekday == noon.isoweekday():
                assert days == 3
                assert {n: many for n, many in enumerate(arrivals) if many} == {12 * 4 + 1: 3.0}
            else:
                assert (days, arrivals) == (0, None), "nothing is known of it"

        learn_arrivals(round_)
        assert len(said) == 1, "what was just learned isn't learned again"
        learn_arrivals(Round(connection=connection, now=now + timedelta(days=3), keep=round_.keep, log=said.append))
        assert len(said) == 2


def test_the_jobs_own_role_may_learn(database: Database) -> None:
    now = datetime.now(UTC)
    with psycopg.connect(database.url, autocommit=True) as owner:
        fill(owner, now)
        owner.execute("DELETE FROM arrival_usual")
    with Fenced.connect(database.as_login("maintain_1"), autocommit=True) as connection:
        learn_arrivals(Round(connection=connection, now=now, keep=timedelta(days=90), log=lambda _: None))
        assert connection.execute("SELECT count(*) FROM arrival_usual").fetchone() == (21,)
