"""The stored card reads of a place, and the state that follows from them by the rules of the gateway. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, cast

from access.aftermath import Attempt, after
from access.inside import went_through
from access.model import AccessList, By, Decision, Entry, Member, Reason, Side, State
from access.rules import DoorRules, PlaceRules, SpaceRules
from gateway.contract.stored_events import KINDS

ACCESS: Final = KINDS["access"]
TAKEN: Final = KINDS["access_taken"]
NOT_TAKEN: Final = KINDS["access_not_taken"]

# A place's card reads in a time span, with the reports of its doors' contacts on them.
CARD_READS: Final = """
SELECT e.kind, e.at, coalesce(e.edge_at, e.at) AS told_at, o.code::text AS door, d.side, e.state, r.name AS reason,
       encode(e.card, 'hex') AS card, e.member, e.a AS list_version, e.b AS list_age_s, e.detail, e.stream, e.seq
FROM event e JOIN device d ON d.id = e.device JOIN door o ON o.id = d.door LEFT JOIN reason r ON r.id = e.reason
WHERE e.place = %(place)s AND e.at >= %(since)s AND e.at < %(until)s AND e.kind IN ({kinds})
ORDER BY e.at, e.stream, e.seq
""".replace("{kinds}", f"{ACCESS}, {TAKEN}, {NOT_TAKEN}")
# Where its doors lead.
DOORS: Final = """
SELECT o.code::text AS code, f.code::text AS from_space, t.code::text AS to_space
FROM door o LEFT JOIN space f ON f.id = o.from_space JOIN space t ON t.id = o.to_space
WHERE o.place = %(place)s
"""
SPACES: Final = """
SELECT s.code::text AS code, u.code::text AS parent FROM space s LEFT JOIN space u ON u.id = s.parent
WHERE s.place = %(place)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCardRead:
    """One row of ``CARD_READS``."""

    kind: int
    at: datetime
    told_at: datetime
    """By the gateway's clock, as in the contact's message."""
    door: str
    side: Side
    state: int | None
    reason: Reason | None
    card: str | None
    member: str | None
    list_version: int | None = None
    list_age_s: int | None = None
    detail: Mapping[str, Any] | None = field(default=None, repr=False)
    stream: int = 0
    seq: int = 0

    @property
    def granted(self) -> bool:
        """Whether the gateway granted access."""
        return self.kind == ACCESS and self.state == 1

    @property
    def access_at(self) -> int | None:
        """In a contact's report: the time of its card read, microseconds by the gateway's clock."""
        value = (self.detail or {}).get("access_at")
        return value if isinstance(value, int) else None

    @property
    def awaits(self) -> bool:
        """In a grant: whether a report of the door's contact will follow."""
        return bool((self.detail or {}).get("awaits"))

    @property
    def by(self) -> By:
        """What was presented."""
        by = (self.detail or {}).get("by")
        return by if by in ("code", "qr") else "card"

    @property
    def rule(self) -> str | None:
        """The check that decided at the gateway."""
        return (self.detail or {}).get("rule")

    @property
    def decision(self) -> Decision:
        """The gateway's decision."""
        detail = self.detail or {}
        return Decision(
            granted=self.granted,
            reason=self.reason or ("granted" if self.granted else "reader_fault"),
            rule=self.rule or "",
            member=self.member,
            pass_ref=detail.get("pass_ref"),
            noted=cast('Literal["anti_passback", "overuse"] | None', detail.get("noted")),
            host=bool(detail.get("host")),
        )

    @property
    def attempt(self) -> Attempt:
        """The card read that the gateway decided on."""
        fault = self.reason if self.reason in ("qr_unsigned", "qr_elsewhere", "qr_void") else None
        return Attempt(card_token=self.card, door=self.door, side=self.side, at=self.at, by=self.by, fault=fault)


def place_rules(doors: Iterable[Mapping[str, Any]], spaces: Iterable[Mapping[str, Any]]) -> PlaceRules:
    """Return a place's doors and spaces from the rows of ``DOORS`` and ``SPACES``."""
    return PlaceRules(
        doors={row["code"]: DoorRules(from_space=row["from_space"], to_space=row["to_space"]) for row in doors},
        spaces={row["code"]: SpaceRules(parent=row["parent"]) for row in spaces},
    )


def passages(reads: Iterable[StoredCardRead]) -> Iterator[tuple[StoredCardRead, bool]]:
    """Yield each card read in order, with whether the person went through; a late report yields its read again.

    The rule is ``access.inside.went_through``. A grant says whether the door's contact will report. Older gateways
    don't; their grants wait if a contact did report.
    """
    listed = list(reads)
    answered = {(one.door, one.access_at) for one in listed if one.kind != ACCESS}
    waiting: dict[tuple[str, int], StoredCardRead] = {}
    for one in listed:
        if one.kind == ACCESS:
            key = one.door, _micros(one.told_at)
            taken = not one.granted or went_through(awaits=one.awaits or key in answered, outcome=None) is True
            if not taken:
                waiting[key] = one
            yield one, taken
        elif one.access_at is not None:
            granted = waiting.pop((one.door, one.access_at), None)
            if granted is not None and went_through(awaits=True, outcome=one.kind == TAKEN):
                yield granted, True


def state_after(reads: Iterable[StoredCardRead], rules: PlaceRules, *, place: str, time_zone: str) -> State:
    """Return the state that a gateway of ``place`` would have after ``reads``, starting empty.

    Only grants count. The reads contain the holders of the cards, so that no list is needed.
    """
    listed = list(reads)
    members = {one.member: Member(ref=one.member, status="active") for one in listed if one.member}
    entries = {
        one.card: Entry(token=one.card, member=members[one.member], status="active")
        for one in listed
        if one.card and one.member
    }
    made_at = listed[0].at if listed else _EPOCH
    held = AccessList(place=place, version=1, made_at=made_at, time_zone=time_zone, entries=entries, rules=rules)
    state = State()
    for one, taken in passages(listed):
        state = after(one.decision, one.attempt, held, state, taken=taken)
    return state


_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def _micros(at: datetime) -> int:
    delta = at - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
