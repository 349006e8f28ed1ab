"""What an occupancy estimate has to beat: simple counting. Each method is asked like the estimator."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from benchmarks.scores import Answer
from benchmarks.worlds import Event, World
from occupancy.topology import Device

_BALANCED_DAYS: Final = 14
_MORNING: Final = timedelta(hours=4)


class Method(Protocol):
    """A way to say how many people are there."""

    def apply(self, event: Event, device: Device | None, at: int) -> None:
        """Take the next stored event."""

    def answers(self, now: int) -> dict[int, Answer]:
        """Say how many people are in each space that the method knows of."""


class InMinusOut:
    """People in minus people out since ever, not below zero. By badges or, where there are any, by counters."""

    def __init__(self, world: World) -> None:
        self._zone = ZoneInfo(world.zone)
        self._counters = any(one.kind == "counter" for one in world.devices)
        self._inside: dict[int, float] = {
            one.counts_into: 0.0
            for one in world.devices
            if one.counts_into is not None and one.kind in ("counter", "reader", "keypad")
        }
        self._today: date | None = None

    def apply(self, event: Event, device: Device | None, at: int) -> None:
        """Count who passes."""
        if device is None or device.counts_into not in self._inside:
            return
        if event["kind"] == "count":
            entered, left = event.get("entered") or 0, event.get("left") or 0
        elif event["kind"] == "access" and event["decision"] == "granted" and not self._counters:
            entered, left = (1, 0) if device.side == "in" else (0, 1)
        else:
            return
        self._turn(at)
        self._pass(device.counts_into, entered, left)

    def answers(self, now: int) -> dict[int, Answer]:
        """One number, and no interval around it."""
        self._turn(now)
        return {space: exactly(round(inside)) for space, inside in self._inside.items()}

    def _turn(self, at: int) -> None:
        local = datetime.fromtimestamp(at / 1e6, UTC).astimezone(self._zone)
        today = (local.replace(tzinfo=None) - _MORNING).date()
        if today != self._today:
            self._today = today
            self._begin(today)

    def _begin(self, today: date) -> None:
        """A day begins, at four in the morning."""

    def _pass(self, space: int, entered: int, left: int) -> None:
        self._inside[space] = max(0.0, self._inside[space] + entered - left)


class Balanced(InMinusOut):
    """In minus out, with exits weighed so that the last 14 days balance, and nobody inside at four in the morning."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._days: dict[date, list[int]] = {}
        self._gain = 1.0

    def _begin(self, today: date) -> None:
        self._inside = dict.fromkeys(self._inside, 0.0)
        oldest = today - timedelta(days=_BALANCED_DAYS)
        self._days = {day: sums for day, sums in self._days.items() if day >= oldest} | {today: [0, 0]}
        entered, left = (sum(sums[way] for sums in self._days.values()) for way in (0, 1))
        self._gain = entered / left if entered and left else 1.0

    def _pass(self, space: int, entered: int, left: int) -> None:
        if self._today is not None:
            self._days[self._today][0] += entered
            self._days[self._today][1] += left
        self._inside[space] = max(0.0, self._inside[space] + entered - self._gain * left)


class DeskCount:
    """Sensors that say "occupied", times the place's seats over those with a sensor."""

    def __init__(self, world: World) -> None:
        self._parent = {one.id: one.parent for one in world.spaces}
        self._capacity = {one.id: one.capacity for one in world.spaces}
        self._space = {one.id: one.space for one in world.devices if one.kind in ("desk_sensor", "presence_sensor")}
        self._desks = [one.id for one in world.devices if one.kind == "desk_sensor"]
        self._taken: set[int] = set()

    def apply(self, event: Event, device: Device | None, at: int) -> None:
        """Note what a sensor says; what it doesn't know is nobody."""
        if device is not None and event["kind"] == "desk":
            (self._taken.add if event["occupied"] else self._taken.discard)(device.id)

    def answers(self, now: int) -> dict[int, Answer]:
        """One number, and no interval around it."""
        return {space: exactly(self._count(space)) for space in self._parent}

    def _count(self, space: int) -> int:
        taken = sum(self._within(self._space[one], space) for one in self._taken)
        sensed = sum(self._within(self._space[one], space) for one in self._desks)
        return round(taken * (self._capacity[space] or sensed) / sensed) if sensed else taken

    def _within(self, space: int | None, other: int) -> bool:
        while space is not None and space != other:
            space = self._parent[space]
        return space is not None


def exactly(present: int) -> Answer:
    """An answer that leaves no doubt."""
    return Answer(present=present, low=present, high=present)


def simple_methods(world: World) -> Iterable[tuple[str, Method]]:
    """Those methods that the place's devices allow."""
    kinds = {one.kind for one in world.devices}
    if kinds & {"counter", "reader"}:
        yield "in - out", InMinusOut(world)
        yield "in - out with gain and night reset", Balanced(world)
    if kinds & {"desk_sensor", "presence_sensor"}:
        yield "desk count", DeskCount(world)
