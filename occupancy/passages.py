"""Takes what readers and door contacts say of a place: who was let through which door, and went. Pure.

Times are microseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

from typing import Final

from occupancy.grants import Grant
from occupancy.lasting import STAY
from occupancy.moving import LATE, Event, Moving
from occupancy.space import SpaceFold
from occupancy.topology import Device

_STAYS: Final = 3 * 3_600_000_000
"""Who comes stays for so long, where nobody is seen leaving. Assumed."""


class Passages(Moving):
    """The doors of one place."""

    __slots__ = ()

    def _granted(self, event: Event, device: Device, at: int) -> None:
        if device.door_to is None:
            return
        entered, left = (
            (device.door_to, device.door_from) if device.side == "in" else (device.door_from, device.door_to)
        )
        grant = Grant(
            device=device.id, access_at=event["at"], at=at, member=event.get("member"), entered=entered, left=left,
            awaits=event.get("awaits"),
        )  # fmt: skip
        if device.door is not None:
            self.spaces[device.door_to].stays.openings.let_through(device.door, at)
        if self._touch(device.door_to, at).grants.granted(grant, device.door):
            self._shown(device, 1.0, at)
            self._passed(grant, at)

    def _told(self, access_at: int, device: Device, at: int, *, taken: bool) -> None:
        self._contact(device, at, tells=True)
        if device.door_to is None:
            return
        grants = self.spaces[device.door_to].grants
        if (device.id, access_at) in grants.waiting:
            self._touch(device.door_to, at)
        grant = grants.told(device.id, access_at, taken=taken)
        if grant is not None:
            self._shown(device, 1.0, at)
            self._passed(grant, at)

    def _shown(self, device: Device, people: float, at: int) -> None:
        """A reader or a contact shows that people passed its door: its counters must have seen them."""
        if device.door_to is not None and self.spaces[device.door_to].flow.doors:
            self._touch(device.door_to, at).flow.passed_elsewhere(device.door, people)

    def _contact(self, device: Device, at: int, *, tells: bool) -> None:
        """A door's contact spoke, or fell silent."""
        if device.door is None or device.door_to is None:
            return
        known, openings = self.spaces[device.door_to].grants.tells, self.spaces[device.door_to].stays.openings
        fell = openings.tells and not tells
        if fell:
            self._step(device.door_to, at)
            openings.silent()
        if fell or tells != (device.door in known):
            self._touch(device.door_to, at)
            (known.add if tells else known.discard)(device.door)

    def _opening(self, device: Device, at: int, *, is_open: bool) -> None:
        """A door opened or closed; who opens it without a grant leaves by the handle, or is let in."""
        space = device.door_to
        if space is None or device.door is None or not self._topology.spaces[space].badged:
            return
        stays, out = self._step(space, at).stays, self._topology.spaces[space].badges_out
        if stays.openings.moved(device.door, at, is_open=is_open, out=out) and stays.anyone:
            stays.opened(out=out)
            if stays.openings.show_who_leaves:
                self._seen(at, left=1)
        self._touch(space, at)

    def _passed(self, grant: Grant, at: int) -> None:
        """A person who was let through a door went through it, as was known at ``at``."""
        member, entered, left = grant.member, grant.entered, grant.left
        self._seen(at, came=int(entered is not None), left=int(entered is None), holds=_STAYS)
        if member is not None:
            for one, fold in self.spaces.items():
                if fold.grants.waiting and fold.grants.passed_since(member, grant.at):
                    self._touch(one, at)
        for space in (left, entered):
            if space is None or space not in self.spaces:
                continue
            self._step(space, at)
            fold = self._touch(space, at)
            fold.stays.anyone = max(fold.stays.anyone, grant.at)
            known = None if member is None else fold.stays.inside.get(member)
            if known is not None and grant.at < known[0] - LATE:
                continue
            if space == entered:
                self._seen_in(member, space, grant.at, anew=left is None or not self._topology.within(left, space))
            elif entered is None or not self._topology.within(entered, space):
                self._left(fold, member, grant.at)
        if entered is None and member is not None:  # out of the house is out of all its spaces
            for space, fold in self.spaces.items():
                if space != left and member in fold.stays.inside:
                    self._step(space, at)
                    self._left(fold, member, grant.at)
                    self._touch(space, at)

    def _left(self, fold: SpaceFold, member: str | None, at: int) -> None:
        since = fold.stays.exited(member)
        if since is not None and at - since < STAY:
            fold.habits.stayed(self._calendar, since, at)

    def _seen_in(self, member: str | None, space: int, at: int, *, anew: bool) -> None:
        """A person went into ``space``: the last sign of the stay in what holds it, too."""
        row, fold = self._topology.spaces[space], self.spaces[space]
        risk = self._risk(fold, at)
        if anew:
            fold.stays.entered(member, at, risk)
        elif member is not None:
            fold.stays.seen(member, at, risk)
        parent = row.parent
        while member is not None and parent is not None:
            fold = self.spaces[parent]
            self._step(parent, at)
            if fold.stays.seen(member, at, self._risk(fold, at)):
                fold.moved()
                self.dirty.add(parent)
            parent = self._topology.spaces[parent].parent
