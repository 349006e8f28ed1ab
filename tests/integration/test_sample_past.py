"""The made-up past of a sample network, from its creation to the history and the forecast."""

from __future__ import annotations

from typing import Any

from database.pool import connect
from jobs.maintain import maintain
from maillage.sample.creating import create_sample
from tests.conftest import Database


def test_a_made_up_past_is_history_and_a_forecast_at_once(database: Database) -> None:
    with connect(database.url, application_name="maillage test") as connection:
        made: dict[str, Any] = {"region": "Corse", "card_secret": bytes(32), "log": lambda _line: None}
        create_sample(connection, places=1, past_days=15, **made)
        connection.commit()
    assert maintain(database.as_login("maintain_1"), log=lambda _line: None)
    with connect(database.url, application_name="maillage test") as connection:
        days = connection.execute(
            "SELECT h.published, count(*), bool_and(s.generated), max(h.day_peak) > 0, bool_and(h.known_s = h.seconds"
            " OR h.day = (SELECT min(day) FROM history_day)) FROM history_day h JOIN space s ON s.id = h.space"
            " WHERE s.parent IS NULL GROUP BY 1 ORDER BY 1"
        ).fetchall()
        assert [one[:1] + one[2:] for one in days] == [(False, True, True, True), (True, True, True, True)]
        assert {one[1] for one in days} <= {15, 16}
        forecasts = connection.execute(
            "SELECT count(*) FROM forecast f JOIN space s ON s.id = f.space WHERE s.parent IS NULL"
        )
        assert forecasts.fetchone() == (2,)
        for table in ("worth_desk", "arrival_usual"):
            assert connection.execute(f"SELECT count(*) > 0 FROM {table}".encode()).fetchone() == (True,), table
        # no second past: the jobs have written down what was published
        create_sample(connection, past_days=15, **made)
        first = connection.execute("SELECT count(DISTINCT place) FROM occupancy_15m").fetchone()
        assert first == (1,)
