"""A place's month as the estimator gets it: topology, stored events, and the truth to hold its numbers against.

``simulator.month`` lives it; here its plain values become those of ``occupancy``.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Final

from gateway.config import GatewayConfig
from gateway.drivers.registry import with_rhythm
from occupancy.topology import Device, Gateway, Space, Topology
from simulator.groups import GROUPS
from simulator.month import ZONE, Month, live
from simulator.rates import Rates

__all__ = ["GROUPS", "PLACE", "World", "make", "of_month"]

PLACE: Final = 1
_GATEWAY: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One place over some weeks."""

    group: str
    seed: int
    topology: Topology
    place: int
    events: list[tuple[Any, Device | None, int]]
    """In stored order: the event, its device (None: the gateway itself), when (µs, UTC)."""
    truth: dict[int, list[tuple[int, int]]]
    """By space, the root included: from each instant on, so many people."""
    first: int
    last: int
    month: Month

    @property
    def root(self) -> int:
        """The space that stands for the whole place."""
        return next(one.id for one in self.topology.spaces.values() if one.parent is None)

    def opened(self, at: int) -> bool:
        """Return whether the place is open at ``at``."""
        return self.month.is_open(at)

    def dead_share(self, at: int) -> float:
        """Return the share of devices that are dead at ``at``, by design."""
        return self.month.dead_share(at)


def make(group: str, seed: int, days: int = 28, rates: Rates | None = None) -> World:
    """Return the month of ``group``'s place of ``seed``; the same arguments give the same world.

    Raises:
        KeyError: there is no such group.
    """
    logging.getLogger("gateway").setLevel(logging.ERROR)  # silent devices are part of the plan
    return of_month(live(group, seed, days, rates))


def of_month(month: Month) -> World:
    """Return ``month`` in the estimator's terms."""
    numbers = {space.code: number for number, space in enumerate(month.fitting.spaces, 1)}
    spaces = [
        Space(
            id=numbers[one.code],
            place=PLACE,
            parent=None if one.parent is None else numbers[one.parent],
            capacity=one.capacity,
        )
        for one in month.fitting.spaces
    ]
    config = month.fitting.config
    devices = _devices(config, numbers)
    gateway = Gateway(id=_GATEWAY, code=config.gateway, place=PLACE, place_code=config.place, shard=config.shard)
    topology = Topology.build(
        [gateway],
        spaces,
        [(_GATEWAY, code, device) for code, device in devices.items()],
        {PLACE: ZONE},
    )
    return World(
        group=month.group,
        seed=month.seed,
        topology=topology,
        place=PLACE,
        events=[(event, devices.get(event["device"]), at) for event, at in month.events],
        truth={numbers[code]: steps for code, steps in month.truth.items() if code in numbers},
        first=month.first,
        last=month.last,
        month=month,
    )


def _devices(config: GatewayConfig, spaces: dict[str, int]) -> dict[str, Device]:
    doors = {door.code: (number, door) for number, door in enumerate(config.doors, 1)}
    found: dict[str, Device] = {}
    for number, one in enumerate(config.devices, 1):
        door_id, door = doors.get(one.door or "", (None, None))
        every_s = with_rhythm(one).expect_every_s
        found[one.code] = Device(
            id=number,
            kind=one.kind or "",
            space=None if one.space is None else spaces[one.space],
            at_desk=one.desk is not None,
            side=one.side,
            door=door_id,
            door_code=one.door,
            door_from=spaces[door.from_space] if door is not None and door.from_space is not None else None,
            door_to=spaces[door.to_space] if door is not None and door.to_space is not None else None,
            expect_every=None if every_s is None else every_s * 1_000_000,
        )
    return found
