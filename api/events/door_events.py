"""Events at a place's doors: their SQL, and their shape in requests and answers."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Any, Final, Literal

from psycopg.rows import DictRow
from pydantic import Field

from api.http.cursors import Cursor
from api.http.models import Answer, Code, Moment, Question, Ref, time_of
from gateway.contract.stored_events import KINDS, fields

MOST: Final = 1000
DAYS: Final = 31
"""How far an answer looks back without ``since``."""
_FINGERPRINT_DIGITS: Final = 12

# The function asks who reads (migration 0143); names are those of members whom the caller reads.
LIST: Final = """
SELECT e.at, e.stream, e.seq, e.kind, e.state, r.name AS reason, e.card, e.member, m.name AS member_name, e.detail,
  e.device, e.side, e.door, e.door_name
FROM door_events(%(place)s, %(since)s, %(until)s, %(stream)s, %(seq)s, %(door)s, %(what)s, %(member)s, %(limit)s) e
LEFT JOIN reason r ON r.id = e.reason LEFT JOIN member m ON m.ref = e.member
ORDER BY e.at DESC, e.stream DESC, e.seq DESC
"""


class DoorEventsQuestion(Question):
    """Which events of which doors."""

    door: Code | None = Field(default=None, description="Only this door's, also one out of service.")
    what: Literal["all", "decision", "denied", "trouble"] = Field(
        default="all", description="`trouble`: forced, held open, tampered with."
    )
    member: Ref | None = Field(default=None, description="Only this member's card reads.")
    since: Moment | None = Field(default=None, description=f"Default: {DAYS} days before `until`.")
    until: Moment | None = Field(default=None, description="Not included. Default: now.")
    limit: int = Field(default=100, ge=1, le=MOST)
    cursor: Cursor | None = None
    format: Literal["json", "csv"] = "json"


class DoorEvent(Answer):
    """A decision at a door, or what its contact or reader noticed."""

    stream: int
    seq: int
    at: datetime
    what: Literal["granted", "denied", "forced", "held", "tamper"]
    door: str
    door_name: str
    device: str
    side: Literal["in", "out"]
    reason: str | None = Field(description="Of a decision.")
    by: Literal["card", "code"] | None = Field(description="Of a decision: what was presented.")
    card: str | None = Field(description="Of a decision: a short fingerprint of the card, the same for one card.")
    member: str | None
    member_name: str | None = Field(description="null: unknown card, or not a member that this key reads.")


class DoorEvents(Answer):
    """The newest first."""

    events: list[DoorEvent]
    since: datetime
    next: str | None = Field(description="`cursor` of the next page; null: nothing older since `since`.")


def event_json(row: DictRow) -> dict[str, Any]:
    """Format a row of ``LIST`` for an answer."""
    decision = row["kind"] == KINDS["access"]
    if decision:
        what = "granted" if row["state"] == 1 else "denied"
    else:
        what = fields("door", row["state"], None, None, None)["state"]
    by = "code" if (row["detail"] or {}).get("by") == "code" else "card"
    card = sha256(row["card"]).hexdigest()[:_FINGERPRINT_DIGITS] if row["card"] else None
    kept = ("stream", "seq", "door", "door_name", "device", "side", "member", "member_name")
    return {
        **{name: row[name] for name in kept},
        "at": time_of(row["at"]),
        "what": what,
        "reason": row["reason"] if decision else None,
        "by": by if decision else None,
        "card": card,
    }
