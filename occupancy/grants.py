"""Grants at a place's doors of which it is not known yet whether anybody went through. Pure bookkeeping for the fold.

A gateway says with each grant whether the door's contact will tell (``awaits``); who went through is counted when it
does. Counting at the grant instead would show one person too many for the lock's time and take him back.

A gateway of before 0.4 doesn't say so. There a door that has told before is waited for, and what isn't answered within
``ANSWER`` counts as gone through at the grant: its contact was not heard, so nobody was to tell.

Times are microseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from access.inside import went_through

ANSWER: Final = 90 * 1_000_000
"""A contact has reported by then: a lock opens for 60 s at most, and the gateway waits 2 s longer."""
_GIVEN_UP: Final = 10 * ANSWER
"""A card that stays at its reader has the lock opened again; that ends long before this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A person was let through a door."""

    device: int
    """The reader."""
    access_at: int
    """When, as the edge wrote it: what the contact's message names."""
    at: int
    """When, corrected."""
    member: str | None
    entered: int | None
    """The space that the door leads into in this direction; None: outside."""
    left: int | None
    awaits: bool | None
    """Whether the contact will report; None: an older gateway, which doesn't say."""


class Grants:
    """The open grants of the doors into one space."""

    __slots__ = ("tells", "waiting")

    def __init__(self) -> None:
        self.waiting: dict[tuple[int, int], Grant] = {}
        self.tells: set[int] = set()
        """Doors whose contact has reported, and has not fallen silent since."""

    def granted(self, grant: Grant, door: int | None) -> bool:
        """Take a grant; return whether it counts at once. If not, it waits."""
        for key, old in list(self.waiting.items()):
            if old.device == grant.device and old.at < grant.at - _GIVEN_UP and old.awaits:
                del self.waiting[key]  # its gateway stopped before the contact reported: not seen to pass
        awaits = door in self.tells if grant.awaits is None else grant.awaits
        if went_through(awaits=awaits, outcome=None):
            return True
        self.waiting[grant.device, grant.access_at] = grant
        return False

    def told(self, device: int, access_at: int, *, taken: bool) -> Grant | None:
        """The contact reported the outcome of a grant; return the grant if the person went through."""
        grant = self.waiting.pop((device, access_at), None)
        return grant if grant is not None and went_through(awaits=True, outcome=taken) else None

    def unanswered(self, clock: int) -> list[Grant]:
        """Take out, oldest first, grants whose contact will not report any more: they count as gone through."""
        found = sorted(
            (one for one in self.waiting.values() if one.awaits is None and one.at + ANSWER <= clock),
            key=lambda one: one.at,
        )
        for one in found:
            del self.waiting[one.device, one.access_at]
        return found

    def passed_since(self, member: str, at: int) -> bool:
        """``member`` went through a door at ``at``: drop older grants without an answer; return whether any were."""
        before = [
            key for key, old in self.waiting.items() if old.member == member and old.awaits is None and old.at < at
        ]
        for key in before:
            del self.waiting[key]
        return bool(before)

    @property
    def due(self) -> int | None:
        """From when on a grant counts without an answer."""
        return min((one.at + ANSWER for one in self.waiting.values() if one.awaits is None), default=None)

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; see ``from_json``."""
        return {"tells": sorted(self.tells), "waiting": [asdict(self.waiting[key]) for key in sorted(self.waiting)]}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Grants:
        """Read what ``to_json`` made."""
        made = cls()
        made.tells = set(value["tells"])
        for row in value["waiting"]:
            grant = Grant(**row)
            made.waiting[grant.device, grant.access_at] = grant
        return made
