"""A card's life, and its status in a list. Pure.

Issued (bound to a member, opens nothing yet), active, suspended, lost, expired, returned. Lost and returned are the
end of a card: who needs one again gets another in its place (or the same number anew), and the old one keeps its line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from access.model import CardStatus

CardLife = Literal["issued", "active", "suspended", "lost", "expired", "returned"]
BEFORE: Final[Mapping[CardLife, Sequence[CardLife]]] = {
    "issued": (),
    "active": ("issued", "suspended", "expired"),
    "suspended": ("issued", "active"),
    "lost": ("issued", "active", "suspended", "expired"),
    "expired": ("issued", "active", "suspended"),
    "returned": ("issued", "active", "suspended", "expired"),
}
"""From which states a card comes into each."""
OVER: Final[Sequence[CardLife]] = ("lost", "expired", "returned")
"""States in which a card's number may be issued again, to any member."""


def listed(life: CardLife) -> CardStatus:
    """Return the status in a list of such a card: one that is only issued opens as little as a suspended one."""
    return "suspended" if life == "issued" else life
