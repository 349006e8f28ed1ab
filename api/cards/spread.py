"""When does every door know? How far a change of a card has come: from the lists that are made to the gateways."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from psycopg.rows import DictRow
from pydantic import Field

from api.http.models import Answer, Question, Ref, time_of

# Each gateway of the places whose lists hold the card, as 0019_spread.sql tells.
FIND: Final = "SELECT * FROM card_spread(%(ref)s)"
# Whether a change still waits to be made into lists; a row only where the caller sees the card.
PENDING: Final = "SELECT card_pending(ref) IS NOT NULL AS pending, 0 AS revision FROM card WHERE ref = %(ref)s"


class SpreadQuestion(Question):
    """How long to wait."""

    wait: float = Field(default=0, ge=0, le=30, description="Seconds to wait for every online gateway.")


class Waiting(Answer):
    """A gateway that doesn't know yet."""

    place: str
    gateway: str
    online: bool = Field(description="false: its line is down; it will know seconds after it comes back.")
    since: datetime | None = Field(description="When what it doesn't know was made into its list.")


class Spread(Answer):
    """Which gateways know the present state of a card."""

    card: Ref
    pending: bool = Field(description="Whether a change still waits to be made into lists (some tens of ms).")
    places: int = Field(description="Places whose lists hold the card.")
    knowing: int = Field(description="Of these: places all of whose gateways know.")
    waiting: list[Waiting]
    waiting_elsewhere: int = Field(description="Gateways that don't know yet, at places that this key doesn't reach.")


def spread_json(ref: str, rows: Sequence[DictRow], *, pending: bool) -> dict[str, Any]:
    """The rows of ``FIND`` as they are told."""
    waiting = [row for row in rows if _waits(row)]
    places = {row["place_id"] for row in rows}
    told = [row for row in waiting if row["place"] is not None]
    return {
        "card": ref,
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
            for row in told
        ],
        "waiting_elsewhere": len(waiting) - len(told),
    }


def expects_news(rows: Sequence[DictRow]) -> bool:
    """Whether a gateway that is online doesn't know yet: it will in a moment."""
    return any(row["online"] and _waits(row) for row in rows)


def _waits(row: DictRow) -> bool:
    return row["waits"] is not None or (row["has"] or 0) < row["needs"]
