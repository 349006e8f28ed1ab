"""Hours in OpenStreetMap's syntax are renewed before their exceptions end; hours that can't be read are an alarm."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from access.schedules import schedule_from_json, zone_named
from database.leases import Fenced
from jobs.hours import look_at_hours
from jobs.job import Round
from rights.osm_hours import hours_from_osm
from tests.api_server import Centre
from tests.conftest import Database

OSM = "Mo-Fr 09:00-18:00; Aug off"
PARIS = zone_named("Europe/Paris")


def test_hours_are_renewed_and_unreadable_ones_are_told_once(database: Database) -> None:
    now = datetime.now(UTC)
    today = now.astimezone(PARIS).date()
    with closing(Centre(database.url)) as centre:
        old = hours_from_osm(OSM, department="87", today=today)
        centre.place("limoges", opening_hours=Jsonb(old), opening_hours_osm=OSM)
        centre.place("ussel", opening_hours_osm="Mo-Fr 09:00-18:00; Sat morning")
        centre.place("isle", opening_hours=Jsonb({"mon": [["09:00", "12:00"]]}))

        def look(at: datetime) -> list[str]:
            lines: list[str] = []
            with Fenced.connect(database.as_login("maintain_1"), autocommit=True) as connection:
                look_at_hours(Round(connection=connection, now=at, keep=timedelta(days=90), log=lines.append))
            return lines

        def hours() -> Any:
            row = centre.conn.execute("SELECT opening_hours FROM place WHERE code = 'limoges'").fetchone()
            assert row is not None
            return row[0]

        def alarms() -> list[Any]:
            query = "SELECT p.code::text, a.text, a.until_at IS NULL FROM alarm a JOIN place p ON p.id = a.place"
            return centre.conn.execute(query).fetchall()

        assert look(now) == ["hours: those of ussel can't be read"]
        assert hours() == old, "nothing is written where nothing is missing"
        assert look(now) == []
        (alarm,) = alarms()
        assert (alarm[0], alarm[2]) == ("ussel", True)
        assert "character" in alarm[1], "where"

        later = now + timedelta(days=800)
        assert look(later) == ["hours: exceptions of 1 places renewed"]
        august = datetime(later.astimezone(PARIS).year + 1, 8, 5, 10, tzinfo=PARIS)
        assert schedule_from_json(old).covers(august + timedelta(days=7 - august.weekday()), PARIS)
        assert not schedule_from_json(hours()).covers(august + timedelta(days=7 - august.weekday()), PARIS)

        centre.conn.execute("UPDATE place SET opening_hours_osm = NULL WHERE code = 'ussel'")
        look(later)
        assert [one[2] for one in alarms()] == [False]
