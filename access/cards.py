"""A card's life, and what a list says of it. Pure.

Issued (bound to a member, opens nothing yet), active, suspended, lost, expired, returned. Nothing is for ever but the
history: a lost card that is found is made active again, or returned. Who gets another one gets it *in its place*: the
old card keeps its own line, with what became of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from access.errors import CardError
from access.model import CardStatus

CardLife = Literal["issued", "active", "suspended", "lost", "expired", "returned"]
MAY_BECOME: Final[Mapping[CardLife, frozenset[CardLife]]] = {
    "issued": frozenset(("active", "lost", "expired", "returned")),
    "active": frozenset(("suspended", "lost", "expired", "returned")),
    "suspended": frozenset(("active", "lost", "expired", "returned")),
    "lost": frozenset(("active", "returned")),
    "expired": frozenset(("active", "lost", "returned")),
    "returned": frozenset(("issued", "active")),
}
"""What each may become: to be asked before a change, by whoever offers it. A returned card may go to another member."""
_LISTED: Final[Mapping[CardLife, CardStatus]] = {
    "issued": "suspended",
    "active": "active",
    "suspended": "suspended",
    "lost": "lost",
    "expired": "expired",
    "returned": "returned",
}


def change(was: CardLife, becomes: CardLife) -> CardLife:
    """Return ``becomes``, which may be what it was.

    Raises:
        CardError: a card that ``was`` this can't become that.
    """
    if becomes != was and becomes not in MAY_BECOME[was]:
        raise CardError(f"a card that is {was} doesn't become {becomes}")
    return becomes


def listed(status: CardLife) -> CardStatus:
    """Return what a list says of such a card: one that is only issued opens as little as a suspended one."""
    return _LISTED[status]
