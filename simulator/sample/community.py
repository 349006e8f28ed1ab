"""The people of a sample place and the rules of its doors: members with entitlements, and visitors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from simulator.sample.entitlements import Entitlement, HouseRules, Visitor, entitlements, house_rules, visitors
from simulator.sample.equipment import FAB_LAB, Equipment
from simulator.sample.people import Member, members

ELSEWHERE: Final = 4
"""Other places of its department that a nomad's pass opens, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Community:
    """The people of one place, and its rules."""

    place: str
    department: str
    workshop: bool
    people: tuple[Member, ...]
    entitlements: tuple[Entitlement, ...]
    """Of ``people``, in their order."""
    visitors: tuple[Visitor, ...]
    rules: HouseRules

    @property
    def cards(self) -> int:
        """Return how many credentials there are: one each, and those that were lost and replaced."""
        return len(self.people) + len(self.visitors) + sum(one.lost_card is not None for one in self.entitlements)


def community_of(code: str, equipment: Equipment, *, department: str, seed: int) -> Community:
    """Return the people of the place ``code``, the same ones that the simulator moves."""
    people = members(seed, code, len(equipment.desks))
    workshop = any(space.code == FAB_LAB for space in equipment.spaces)
    entitled = entitlements(seed, code, people, workshop=workshop)
    host = next(one.ref for one, its in zip(people, entitled, strict=True) if its.kind == "host")
    return Community(
        place=code,
        department=department,
        workshop=workshop,
        people=people,
        entitlements=entitled,
        visitors=visitors(seed, code, host, len(equipment.desks)),
        rules=house_rules(seed, code),
    )


def elsewhere(ref: str, home: str, department: Sequence[str]) -> list[str]:
    """Return the other places that the nomad ``ref`` may use, among the codes of its ``department``."""
    others = (place for place in department if place != home)
    return sorted(others, key=lambda place: blake2b(f"{ref}/{place}".encode(), digest_size=8).digest())[:ELSEWHERE]
