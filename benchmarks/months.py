"""Virtual places for the accuracy benchmark: a month of the simulator (``simulator.month``) as the fold needs it.

What is scored is the place as a whole; in places whose rooms have a presence sensor only, each room that has one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from benchmarks.worlds import DAY, World, topology_of
from occupancy.topology import Device, Space
from simulator.month import ZONE, Month, live

SEEDS: Final = (44, 47, 50, 53)
"""Places of 16, 48, 12 and 36 seats. Nothing is tuned on these."""
DAYS: Final = 28
LEARNT_DAYS: Final = 7
_MICROS: Final = 1_000_000
_PLACE: Final = 1


def months(
    group: str, seeds: tuple[int, ...] = SEEDS, days: int = DAYS, *, hours_known: bool = True
) -> Iterator[World]:
    """Make the places of ``group``, one after the other; ``hours_known``: their opening hours were entered.

    Raises:
        KeyError: there is no such group.
    """
    for seed in seeds:
        yield world_of(live(group, seed, days), hours_known=hours_known)


def world_of(month: Month, *, hours_known: bool = True) -> World:
    """Number spaces and devices as the database would, and give each event its device."""
    numbers = {space.code: number for number, space in enumerate(month.fitting.spaces, 1)}
    spaces = [
        Space(
            id=numbers[space.code],
            place=_PLACE,
            parent=None if space.parent is None else numbers[space.parent],
            capacity=space.capacity,
            seats=space.seats - sum(one.seats for one in month.fitting.spaces if one.parent == space.code),
        )
        for space in month.fitting.spaces
    ]
    devices = _devices(month, numbers)
    rooms = {one.space for one in devices.values() if one.kind == "presence_sensor" and one.space is not None}
    return World(
        name=f"{month.group}/{month.seed}",
        place=_PLACE,
        zone=ZONE,
        topology=topology_of(_PLACE, ZONE, spaces, list(devices.values()), month.hours if hours_known else None),
        spaces=spaces,
        devices=list(devices.values()),
        events=[(event, devices.get(event["device"]), at) for event, at in month.events],
        truth={numbers[code]: steps for code, steps in month.truth.items()},
        scored=tuple(sorted(rooms)) or (1,),
        opened=month.is_open,
        first=month.first,
        last=month.last,
        learnt=month.first + LEARNT_DAYS * DAY,
    )


def _devices(month: Month, numbers: dict[str, int]) -> dict[str, Device]:
    """The gateway's devices by code; locks sense nothing, and a door without a space leads into the place."""
    doors = {door.code: (number, door) for number, door in enumerate(month.fitting.config.doors, 1)}
    found: dict[str, Device] = {}
    for number, one in enumerate(month.fitting.config.devices, 1):
        door = doors[one.door][1] if one.door is not None else None
        found[one.code] = Device(
            id=number,
            kind=one.kind or "",
            space=None if one.space is None else numbers[one.space],
            at_desk=one.desk is not None,
            side=one.side,
            door=None if one.door is None else doors[one.door][0],
            door_code=one.door,
            door_from=None if door is None or door.from_space is None else numbers[door.from_space],
            door_to=None if door is None else numbers.get(door.to_space or "", 1),
            expect_every=None if one.expect_every_s is None else one.expect_every_s * _MICROS,
        )
    return found
