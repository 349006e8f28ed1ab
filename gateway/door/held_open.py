"""Holds doors open: in an evacuation, or for the rest of a period that a first card began."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from access.aftermath import is_evacuated, stands_open
from gateway.contract.instants import instant
from gateway.door.door_watch import DoorWatch
from gateway.door.locks import Locks
from gateway.door.memory import Memory
from gateway.lists.access_lists import ListHolder
from gateway.lists.signed_time import SignedTime


class HeldOpenDoors:
    """The doors of one gateway. ``say`` is called when a door begins to be held open and when that ends."""

    def __init__(
        self,
        watches: Mapping[str, DoorWatch],
        *,
        lists: ListHolder,
        signed: SignedTime,
        memory: Memory,
        locks: Locks,
        say: Callable[[int, str], None],
    ) -> None:
        self._watches = watches
        self._lists = lists
        self._memory = memory
        self._signed = signed
        self._locks = locks
        self._say = say
        self._now: set[str] = set()

    def forget(self, door: str) -> None:
        """A door is gone: its lock gets no further command, and closes when its time is over.

        In an evacuation it is held open until that ends, as it was when people set out for it.
        """
        if door not in self._now or not is_evacuated(self._memory.state, door):
            self._now.discard(door)
            self._locks.fall_shut(door)

    def look(self, now: float, at: int) -> None:
        """Hold open the doors that are due, and let the others close.

        Args:
            now: seconds of a monotonic clock.
            at: µs since 1970 by the gateway's clock.
        """
        state, held = self._memory.state, self._lists.current
        if not (state.evacuation or state.evacuated_doors or state.held_open or self._now):
            return
        for door in [door for door in self._now if door not in self._watches]:
            if is_evacuated(state, door):
                self._locks.stand_open(door, now)
            else:
                self._now.discard(door)
                self._locks.fall_shut(door)
                self._say(at, f"{door} stands open no longer")
        for door, watch in self._watches.items():
            if stands_open(held, door, instant(self._signed.believed(at)), state):
                self._locks.stand_open(door, now)
                watch.stands_open(at, on=True)
                if door not in self._now:
                    self._now.add(door)
                    self._say(at, f"{door} stands open")
            elif door in self._now:
                self._now.discard(door)
                self._locks.fall_shut(door)
                watch.stands_open(at, on=False)
                self._say(at, f"{door} stands open no longer")
