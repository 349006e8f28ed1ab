"""What a member's own card may open now, and when next, by the code that decides at doors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg.rows import tuple_row

from access.decision import decide
from access.model import AccessList, Decision, Reason
from api.http.session import Session
from rights.assembly import stored_list

# A place's list without its entries; no row: the member isn't in it.
_SETTINGS: Final = "SELECT code, version, made_at, body FROM own_list_settings(%(place)s)"
# The member's own entries in it, the card that they most likely carry first.
_ENTRIES: Final = """
SELECT encode(e.token, 'hex'), e.card, e.holder, c.ref, c.last4, c.kind FROM list_entry e
JOIN card c ON c.lookup = coalesce(e.lookup, e.token)
WHERE e.place = %(place)s AND e.member = %(member)s AND e.until IS NULL AND c.member = %(member)s
ORDER BY c.status = 'active' DESC, c.kind = 'card' DESC, c.issued_at DESC, c.ref
"""
_BY_TIME: Final = frozenset[Reason](("outside_schedule", "place_closed", "pass_not_started", "booking_required"))
"""Refusals that end by themselves."""
_ONLY_THE_GATEWAY_KNOWS: Final = "supervision"
"""The rule of a refusal that depends on who is inside; the gateway decides it."""
_STEPS: Final = (*(15 * step for step in range(1, 97)), *(24 * 60 + 30 * step for step in range(1, 289)))
"""Minutes ahead at which a refusal is looked at again: a day by quarters of an hour, then six by halves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCard:
    """A member's card that a place's list holds, and that list with their cards only."""

    held: AccessList
    token: str
    ref: str
    last4: str | None


async def own_card(s: Session, place: int, ref: str | None = None) -> OwnCard | None:
    """Return the caller's card (or the one named ``ref``) in the list of ``place``; None: it isn't in it."""
    values = {"place": place, "member": s.caller.member}
    async with s.conn.cursor(row_factory=tuple_row) as cursor:
        settings = await (await cursor.execute(_SETTINGS.encode(), values)).fetchone()
        if settings is None:
            return None
        rows = await (await cursor.execute(_ENTRIES.encode(), values)).fetchall()
    chosen = next((row for row in rows if ref is None or row[3] == ref), None)
    if chosen is None:
        return None
    return OwnCard(held=stored_list(settings, [chosen[:3]]), token=chosen[0], ref=chosen[3], last4=chosen[4])


def decided(card: OwnCard | None, door: str, at: datetime) -> Decision:
    """Return the decision on the card if it were read outside of ``door`` at ``at``."""
    if card is None:
        return Decision(granted=False, reason="no_right_here", rule="right")
    return decide(card.held, card.token, door, "in", at)


def may_try(decision: Decision) -> bool:
    """Whether the gateway may be asked: the card would be granted, as far as the centre knows."""
    return decision.granted or decision.rule == _ONLY_THE_GATEWAY_KNOWS


def opens_at(card: OwnCard | None, decision: Decision, door: str, at: datetime) -> datetime | None:
    """Return when a refusal ends by itself within a week, to a quarter or half of an hour; None: it doesn't."""
    if card is None or may_try(decision) or decision.reason not in _BY_TIME:
        return None
    ageless = replace(card, held=replace(card.held, max_age_s=None))
    quarter = at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)
    for minutes in _STEPS:
        then = quarter + timedelta(minutes=minutes)
        if may_try(decided(ageless, door, then)):
            return then
    return None


def words_of(words: Mapping[Any, Any], reason: str | None) -> dict[str, str]:
    """Return the sentence of a reason, in both languages."""
    found = words.get(reason) or words["reader_fault"]
    return dict(found._asdict())
