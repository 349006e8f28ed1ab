"""Counts once a month how much commuting was saved, by place (docs/worth.md).

Only rounded sums of several members are stored (occupancy.commuting), and a month that is stored never changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final

from database.leases import Fenced
from gateway.contract.stored_events import KINDS
from jobs.job import Round
from occupancy.commuting import Visits, saved

EVERY: Final = timedelta(hours=6)
WAIT: Final = timedelta(days=10)
"""Events of a month that arrive later than this after its end aren't counted."""

_COUNTED: Final = "SELECT DISTINCT month FROM worth_commuting WHERE month >= %s"
_PLACES: Final = "SELECT id FROM place ORDER BY id"
_VISITS: Final = """
-- on how many days of a month each member who gave both communes was let in at each place; a day counts at the first
-- place only. Saturdays, Sundays and public holidays don't count
WITH person AS MATERIALIZED (
  SELECT m.ref, h.lat AS home_lat, h.lon AS home_lon, w.lat AS work_lat, w.lon AS work_lon
  FROM member m JOIN commune h ON h.code = m.home_commune JOIN commune w ON w.code = m.work_commune
),
visit AS (
  SELECT DISTINCT ON (x.ref, d.day) x.*, e.place, p.department, d.day,
    coalesce(c.lat, p.latitude) AS lat, coalesce(c.lon, p.longitude) AS lon
  FROM person x
  JOIN event e ON e.member = x.ref AND e.at >= %(month)s::date - interval '2 days'
    AND e.at < %(after)s::date + interval '2 days' AND e.kind = {access} AND e.state = 1
  JOIN device v ON v.id = e.device AND v.side = 'in'
  JOIN place p ON p.id = e.place
  LEFT JOIN commune c ON c.code = p.commune_code
  CROSS JOIN LATERAL (SELECT (e.at AT TIME ZONE p.time_zone)::date AS day) d
  ORDER BY x.ref, d.day, e.at, e.seq
)
SELECT place, count(*), home_lat, home_lon, work_lat, work_lon, lat, lon FROM visit
WHERE day >= %(month)s AND day < %(after)s AND extract(isodow FROM day) < 6
  AND NOT is_public_holiday(day, coalesce(department, '?'))
GROUP BY ref, place, home_lat, home_lon, work_lat, work_lon, lat, lon
""".replace("{access}", str(KINDS["access"]))
_STORE: Final = """
INSERT INTO worth_commuting (place, month, members, visit_days, km)
SELECT place, %(month)s, members, visit_days, km
FROM unnest(%(places)s::integer[], %(members)s::integer[], %(visit_days)s::integer[], %(km)s::integer[])
  AS n (place, members, visit_days, km)
"""


def count_commuting(round_: Round) -> None:
    """Count the months that are over and not counted yet, and whose events are all still there."""
    connection = round_.connection
    months = list(months_due(round_.now, round_.keep))
    if not months:
        return
    counted = {month for (month,) in connection.execute(_COUNTED, (months[0],)).fetchall()}
    for month in months:
        if month not in counted:
            shown = _count(connection, month)
            round_.log(f"commuting: {month:%Y-%m} counted, {shown} places with enough members")


def months_due(now: datetime, keep: timedelta) -> Iterator[date]:
    """Return the first days of the months whose events are complete by ``now`` and all within ``keep``, in order."""
    month = next_month((now - keep + timedelta(days=2)).astimezone(UTC).date())
    while datetime.combine(next_month(month), datetime.min.time(), UTC) + WAIT <= now:
        yield month
        month = next_month(month)


def next_month(day: date) -> date:
    """Return the first day of the month after that of ``day``."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def _count(connection: Fenced, month: date) -> int:
    """Store the sums of a month; return for how many places there are any."""
    with connection.transaction():
        visits: dict[int, list[Visits]] = {place: [] for (place,) in connection.execute(_PLACES).fetchall()}
        for place, days, *at in connection.execute(_VISITS, {"month": month, "after": next_month(month)}).fetchall():
            home, work, here = zip(at[::2], at[1::2], strict=True)
            visits.setdefault(place, []).append(Visits(days=days, home=home, work=work, place=here))
        sums = [saved(members) for members in visits.values()]
        connection.execute(
            _STORE,
            {
                "month": month,
                "places": list(visits),
                "members": [one and one.members for one in sums],
                "visit_days": [one and one.visit_days for one in sums],
                "km": [one and one.km for one in sums],
            },
        )
    return sum(one is not None for one in sums)
