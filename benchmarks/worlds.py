"""What the accuracy benchmark scores: one place's devices, its stored events, and how many people were there."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from access.schedules import Schedule
from occupancy.topology import Device, Gateway, Space, Topology

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
DAY: Final = 24 * 3600 * SECOND
Event = Mapping[str, Any]
Steps = Sequence[tuple[int, float]]
"""From each instant on, so many people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One place over some weeks. Times are microseconds since the Unix epoch, UTC."""

    name: str
    place: int
    zone: str
    topology: Topology
    spaces: Sequence[Space]
    devices: Sequence[Device]
    events: Sequence[tuple[Event, Device | None, int]]
    """In stored order."""
    truth: Mapping[int, Steps]
    """By space; a place's root holds all who are there."""
    scored: tuple[int, ...]
    opened: Callable[[int], bool]
    first: int
    last: int
    learnt: int
    """Answers are scored from this instant on."""
    every: int = 5 * MINUTE
    """Time between two answers asked."""
    unknown: Sequence[tuple[int, int]] = field(default=())
    """From and until: when no truth is known."""

    def asked(self) -> Iterator[int]:
        """The instants at which methods are asked."""
        gaps = iter([*self.unknown, (self.last, self.last)])
        gap = next(gaps)
        for now in range(self.first + self.every, self.last, self.every):
            while now >= gap[1]:
                gap = next(gaps)
            if now < gap[0]:
                yield now

    def capacity(self, space: int) -> int:
        """Of one of the spaces that are scored; they have one."""
        capacity = self.topology.spaces[space].capacity
        if not capacity:
            raise ValueError(f"{self.name}: space {space} has no capacity to compare an error with")
        return capacity


def people(steps: Steps, at: int) -> float:
    """Return how many people there were at ``at``."""
    index = bisect_right(steps, at, key=lambda step: step[0])
    return steps[index - 1][1] if index else 0


def topology_of(
    place: int, zone: str, spaces: Sequence[Space], devices: Sequence[Device], hours: Schedule | None = None
) -> Topology:
    """Build the topology of one place with one gateway; without ``hours`` its opening hours are not known."""
    gateway = Gateway(id=1, code="p-g1", place=place, place_code="p", shard=0)
    coded = [(1, f"d{one.id}", one) for one in devices]
    opening = {} if hours is None else {place: hours}
    return Topology.build([gateway], list(spaces), coded, {place: zone}, hours=opening)
