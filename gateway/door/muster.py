"""The evacuation list: who may be inside a place, from the memory of its gateways alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from access import Present, State, muster
from access.state import Movement
from gateway.config import GatewayConfig
from gateway.door.memory import Unsure


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """The list as it is at ``at`` (aware)."""

    place: str
    at: datetime
    people: Mapping[str, Present]
    """By member, the last arrival first."""
    unsure: Unsure
    """Passages since four in the morning that no card accounts for."""
    exits_read: bool
    """Whether any reader reads cards on the way out: without one, all who came stay on the list until the night."""
    evacuation: bool
    lockdown: bool

    @property
    def by_sureness(self) -> Mapping[str, int]:
        """How many are on the list, by how sure it is."""
        return Counter(one.sure for one in self.people.values())

    @property
    def by_space(self) -> Mapping[str, int]:
        """How many are on the list, by where the last door led."""
        return Counter(one.space for one in self.people.values())


def call_roll(gateways: Iterable[tuple[GatewayConfig, State, Unsure]], at: datetime) -> Roll:
    """Merge what the gateways of one place remember: a member who left by another gateway's door is out.

    Args:
        gateways: at least one, all of the same place.
    """
    known = list(gateways)
    people = muster(
        State(
            movements=_latest(state.movements for _, state, _ in known),
            unseen=_latest(state.unseen for _, state, _ in known),
        ),
        at,
    )
    configs = [config for config, _, _ in known]
    outside = {door.code for config in configs for door in config.doors if door.from_space is None}
    return Roll(
        place=configs[0].place,
        at=at,
        people=people,
        unsure=Unsure(
            openings=sum(unsure.openings for _, _, unsure in known),
            strangers=sum(unsure.strangers for _, _, unsure in known),
        ),
        exits_read=any(device.side == "out" and device.door in outside for one in configs for device in one.devices),
        evacuation=any(state.evacuation for _, state, _ in known),
        lockdown=any(state.lockdown for _, state, _ in known),
    )


def roll_to_json(roll: Roll) -> dict[str, Any]:
    """Return the roll as JSON values, by the names of the API's muster; times in RFC 3339, UTC."""
    return {
        "place": roll.place,
        "at": roll.at.isoformat(),
        "evacuation": roll.evacuation,
        "lockdown": roll.lockdown,
        "people": [
            {
                "member": member,
                "space": one.space,
                "door": one.door,
                "since": one.since.isoformat(),
                "at": one.at.isoformat(),
                "sure": one.sure,
            }
            for member, one in roll.people.items()
        ],
        "counts": {"people": len(roll.people), **{sure: roll.by_sureness[sure] for sure in _SURE}},
        "by_space": dict(sorted(roll.by_space.items())),
        "openings_without_card": roll.unsure.openings,
        "unknown_cards_out": roll.unsure.strangers,
        "exits_read": roll.exits_read,
    }


_SURE = ("badged", "not_seen", "long_ago")


def _latest(all_of: Iterable[Mapping[str, Movement]]) -> dict[str, Movement]:
    found: dict[str, Movement] = {}
    for movements in all_of:
        for member, one in movements.items():
            last = found.get(member)
            if last is None or last.at < one.at:
                found[member] = one
    return found
