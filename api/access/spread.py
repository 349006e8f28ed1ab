"""When does every door know? How far a change of a card has come: from the lists that are made to the gateways."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from psycopg.rows import DictRow
from pydantic import Field

from api.access.fields import Ref, Told, time_of

# Each gateway of the places whose lists hold (or held) the card: the version in which the card last changed there, the
# version that the gateway decides by, and since when a change waits to be made into lists. By place, along the primary
# key: a card's token leads no index.
FIND: Final = """
SELECT p.code::text AS place, g.code::text AS gateway, coalesce(s.online, false) AS online,
       s.list_version AS has, v.version AS needs, made.made_at, waits.since
FROM card c
CROSS JOIN place p
CROSS JOIN LATERAL (
  SELECT max(greatest(e.since, coalesce(e.until, 0))) AS version FROM list_entry e
  WHERE e.place = p.id AND e.token = c.token
) AS v
JOIN gateway g ON g.place = p.id AND g.retired_at IS NULL
LEFT JOIN gateway_state s ON s.gateway = g.id
LEFT JOIN list_version made ON made.place = p.id AND made.version = v.version
CROSS JOIN LATERAL (
  SELECT min(d.at) AS since FROM access_dirty d
  WHERE d.member = c.member OR d.place = p.id OR (d.member IS NULL AND d.place IS NULL)
) AS waits
WHERE c.ref = %(ref)s AND v.version IS NOT NULL
ORDER BY p.code, g.code
"""
# Whether a change of this card's member, or of everything, still waits to be made into lists.
PENDING: Final = """
SELECT EXISTS (
  SELECT FROM access_dirty d WHERE d.member = c.member OR (d.member IS NULL AND d.place IS NULL)
) AS pending
FROM card c WHERE c.ref = %(ref)s
"""


class Waiting(Told):
    """A gateway that doesn't know yet."""

    place: str
    gateway: str
    online: bool = Field(description="false: its line is down; it will know seconds after it comes back.")
    since: datetime | None = Field(description="When what it doesn't know was made into its list.")


class Spread(Told):
    """Which gateways know the present state of a card."""

    card: Ref
    pending: bool = Field(description="Whether a change still waits to be made into lists (some tens of ms).")
    places: int = Field(description="Places whose lists hold the card.")
    knowing: int = Field(description="Of these: places all of whose gateways know.")
    waiting: list[Waiting]


def spread_json(ref: str, rows: Sequence[DictRow], *, pending: bool) -> dict[str, Any]:
    """The rows of ``FIND`` as they are told."""
    waiting = [row for row in rows if row["since"] is not None or (row["has"] or 0) < row["needs"]]
    places = {row["place"] for row in rows}
    return {
        "card": ref,
        "pending": pending,
        "places": len(places),
        "knowing": len(places - {row["place"] for row in waiting}),
        "waiting": [
            {
                "place": row["place"],
                "gateway": row["gateway"],
                "online": row["online"],
                "since": time_of(row["since"] or row["made_at"]),
            }
            for row in waiting
        ],
    }
