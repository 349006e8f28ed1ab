"""Which gateways have the current status of a card."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from psycopg.rows import DictRow
from pydantic import Field

from api.http.models import Answer, Question, Ref, time_of

# Each gateway of the places whose lists hold the card (0019_spread.sql).
FIND: Final = "SELECT * FROM card_spread(%(ref)s)"
# Whether a change is still to be added to lists; no row if the caller doesn't see the card.
PENDING: Final = "SELECT card_pending(ref) IS NOT NULL AS pending, 0 AS revision FROM card WHERE ref = %(ref)s"
# Each gateway of the places whose lists hold a card of this member, as far as the caller sees it.
OF_MEMBER: Final = """
SELECT r.place, r.gateway, r.place_id, bool_or(r.online) AS online, min(r.has) AS has, max(r.needs) AS needs,
       max(r.made_at) AS made_at, min(r.waits) AS waits
FROM card c CROSS JOIN LATERAL card_spread(c.ref) AS r WHERE c.member = %(ref)s
GROUP BY r.place_id, r.place, r.gateway ORDER BY r.place, r.gateway
"""
PENDING_OF_MEMBER: Final = """
SELECT coalesce(bool_or(card_pending(ref) IS NOT NULL), false) AS pending FROM card WHERE member = %(ref)s
"""


class SpreadQuestion(Question):
    """How long to wait."""

    wait: float = Field(default=0, ge=0, le=30, description="Seconds to wait for every online gateway.")


class Waiting(Answer):
    """A gateway that doesn't have the current status."""

    place: str
    gateway: str
    online: bool = Field(description="false: it is offline, and gets the change seconds after it reconnects.")
    since: datetime | None = Field(description="When the change was added to its list.")


class _Spread(Answer):
    pending: bool = Field(description="Whether a change is still to be added to lists (some tens of ms).")
    places: int = Field(description="Places whose lists hold the card, or one of the member's.")
    knowing: int = Field(description="Of these: places whose gateways all have the current status.")
    waiting: list[Waiting]
    waiting_elsewhere: int = Field(
        description="Gateways without the current status, at places that this key has no access to."
    )


class Spread(_Spread):
    """Which gateways have the current status of a card."""

    card: Ref


class MemberSpread(_Spread):
    """Which gateways have the current status of a member and of their cards."""

    member: Ref


def spread_json(rows: Sequence[DictRow], *, pending: bool, **whose: str) -> dict[str, Any]:
    """Format the rows of ``FIND`` or ``OF_MEMBER`` for an answer; ``whose``: the card's or the member's reference."""
    waiting = [row for row in rows if _waits(row)]
    places = {row["place_id"] for row in rows}
    shown = [row for row in waiting if row["place"] is not None]
    return {
        **whose,
        "pending": pending,
        "places": len(places),
        "knowing": len(places - {row["place_id"] for row in waiting}),
        "waiting": [
            {
                "place": row["place"],
                "gateway": row["gateway"],
                "online": row["online"],
                "since": time_of(row["waits"] or row["made_at"]),
            }
            for row in shown
        ],
        "waiting_elsewhere": len(waiting) - len(shown),
    }


def expects_news(rows: Sequence[DictRow]) -> bool:
    """Whether an online gateway doesn't have the current status yet."""
    return any(row["online"] and _waits(row) for row in rows)


def _waits(row: DictRow) -> bool:
    return row["waits"] is not None or (row["has"] or 0) < row["needs"]
