"""``maillage network show``: how large the network is, by region."""

from __future__ import annotations

from typing import Any, Final

import psycopg

COLUMNS: Final = (
    "region",
    "places",
    "seats",
    "spaces",
    "desks",
    "doors",
    "gateways",
    "devices",
    "members",
    "cards",
    "passes",
    "lists",
)

_BY_REGION = """
-- counts by region; seats: to work at, as occupancy.free_seats counts them; people where they are at home
SELECT coalesce(p.region, '?'), count(*),
  coalesce(sum((SELECT sum(s.capacity) FROM space s JOIN space_kind k ON k.kind = s.kind
    LEFT JOIN space u ON u.id = s.parent LEFT JOIN space_kind v ON v.kind = u.kind
    WHERE s.place = p.id AND s.retired_at IS NULL AND coalesce(s.for_work, k.for_work)
      AND NOT coalesce(u.for_work, v.for_work, false))), 0)::bigint,
  sum((SELECT count(*) FROM space s WHERE s.place = p.id AND s.retired_at IS NULL))::bigint,
  sum((SELECT count(*) FROM desk k WHERE k.place = p.id AND k.retired_at IS NULL))::bigint,
  sum((SELECT count(*) FROM door d WHERE d.place = p.id AND d.retired_at IS NULL))::bigint,
  sum((SELECT count(*) FROM gateway g WHERE g.place = p.id AND g.retired_at IS NULL))::bigint,
  sum((SELECT count(*) FROM device v WHERE v.place = p.id AND v.retired_at IS NULL))::bigint,
  sum((SELECT count(*) FROM member m WHERE m.home = p.id))::bigint,
  sum((SELECT count(*) FROM member m JOIN card c ON c.member = m.ref WHERE m.home = p.id))::bigint,
  sum((SELECT count(*) FROM member m JOIN pass s ON s.member = m.ref WHERE m.home = p.id))::bigint,
  count(l.place)
FROM place p LEFT JOIN access_list l ON l.place = p.id
GROUP BY 1 ORDER BY 2 DESC, 1
"""


def summarise(connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    """Return one row a region, the largest first, with the counts named in COLUMNS."""
    return [dict(zip(COLUMNS, row, strict=True)) for row in connection.execute(_BY_REGION).fetchall()]


def as_table(rows: list[dict[str, Any]]) -> str:
    """Write ``rows`` with their total, in columns."""
    total = {name: sum(row[name] for row in rows) for name in COLUMNS[1:]} | {"region": "total"}
    width = max(len(str(row["region"])) for row in [*rows, total, {"region": "region"}])
    lines = [f"{'region':{width}}" + "".join(f"{name:>10}" for name in COLUMNS[1:])]
    lines += [
        f"{row['region']:{width}}" + "".join(f"{row[name]:>10}" for name in COLUMNS[1:]) for row in [*rows, total]
    ]
    return "\n".join(lines)
