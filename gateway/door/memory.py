"""What one gateway remembers across a restart: ``access.State``, kept in small parts in the spool's file.

A state is replaced whole, never changed; the difference to the one before is written, one row for each movement, use
and count of tries, so that a card read costs the disk the same in a place of ten people and of a thousand. A part is
handed to the spool before the event that it belongs to: if the event is on the disk, the part is too.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from access import AccessList, ListError, State
from access.aftermath import forget, prune
from access.rules import NO_RULES
from access.state_json import state_from_json, state_to_json
from gateway.spool.values import Keep

log = logging.getLogger(__name__)

PREFIX: Final = "state:"
NIGHT: Final = time(4)
"""Local time: yesterday's card reads are no longer on the evacuation list."""
FORGOTTEN_AFTER: Final = timedelta(hours=14)
PRUNED_AT_ONCE: Final = 10_000
"""Entries of a list that are pruned between two card reads (3 ms); a larger list waits for the night."""
_BY_KEY: Final = ("movements", "unseen", "used", "tries", "held_open")
"""Fields of a state whose entries are parts of their own."""
_TOGETHER: Final = {
    "orders": ("lockdown", "locked_doors", "evacuation", "evacuated_doors"),
    "counts": ("counts", "hosts"),
}
_EMPTY: Final = State()
_NIGHT_ROW: Final = "night"
_UNSURE_ROW: Final = "unsure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsure:
    """Passages since the last night that no card accounts for."""

    openings: int = 0
    """Openings without a grant: by the handle, behind another person, or by force."""
    strangers: int = 0
    """Unknown cards, read on the way out."""


class Memory:
    """One gateway's memory. ``state`` may be read from any thread, the rest only while the place's lock is held."""

    def __init__(self, zone: ZoneInfo, keep: Keep) -> None:
        self.state = _EMPTY
        self.unsure = Unsure()
        self._zone = zone
        self._keep = keep
        self._night: date | None = None
        self._pruned_by: AccessList | None = None

    def restore(self, kept: Mapping[str, str]) -> int:
        """Restore what was kept; return how many parts could not be read and are forgotten."""
        bad = 0
        found = {name: value for name, value in kept.items() if name.startswith(PREFIX) and value}
        state = _EMPTY
        for name, text in found.items():
            try:
                state = self._with(state, name.removeprefix(PREFIX), text)
            except (ListError, ValueError, TypeError, AttributeError) as error:
                bad += 1
                self._keep(name, "", until=0)
                log.error(
                    "state_unreadable", extra={"part": name.partition(":")[2].partition(":")[0], "reason": str(error)}
                )
        self.state = state
        return bad

    def move_to(self, zone: ZoneInfo) -> None:
        """Follow a new configuration: the night begins by ``zone``."""
        self._zone = zone

    def become(self, state: State) -> None:
        """Replace the state by ``state`` and keep what is new in it."""
        old, self.state = self.state, state
        if state is old:
            return
        for name, part in _changed(old, state):
            if part is None:
                self._keep(PREFIX + name, "", until=0)
            else:
                self._keep(PREFIX + name, state_to_json(part))

    def unsure_passage(self, *, openings: int = 0, strangers: int = 0) -> None:
        """Count passages that no card accounts for."""
        self.unsure = Unsure(openings=self.unsure.openings + openings, strangers=self.unsure.strangers + strangers)
        self._keep(PREFIX + _UNSURE_ROW, json.dumps([self.unsure.openings, self.unsure.strangers]))

    @property
    def anyone_inside(self) -> bool:
        """Whether anyone may be inside: by a card, by an opening that no card accounts for, or on the way in."""
        return (
            bool(self.state.unseen)
            or self.unsure != Unsure()
            or any(one.space is not None for one in self.state.movements.values())
        )

    def tick(self, at: datetime, access_list: AccessList | None) -> None:
        """Forget what ends with the night, and the uses that a new list already contains."""
        local = at.astimezone(self._zone)
        night = (local - timedelta(hours=NIGHT.hour)).date()
        ended = night != self._night
        if ended:
            self._night = night
            rules = access_list.rules if access_list is not None else NO_RULES
            self.become(forget(self.state, at - FORGOTTEN_AFTER, rules))
            self.unsure = Unsure()
            self._keep(PREFIX + _UNSURE_ROW, "", until=0)
            self._keep(PREFIX + _NIGHT_ROW, night.isoformat())
        if access_list is None or not self.state.used:
            return
        if ended or (access_list is not self._pruned_by and len(access_list.entries) <= PRUNED_AT_ONCE):
            self._pruned_by = access_list
            self.become(prune(self.state, access_list))

    def _with(self, state: State, name: str, text: str) -> State:
        if name == _NIGHT_ROW:
            self._night = date.fromisoformat(text)
            return state
        if name == _UNSURE_ROW:
            openings, strangers = json.loads(text)
            self.unsure = Unsure(openings=int(openings), strangers=int(strangers))
            return state
        part = state_from_json(text)
        what, _, _ = name.partition(":")
        if what in _TOGETHER:
            return replace(state, **{field: getattr(part, field) for field in _TOGETHER[what]})
        if what in _BY_KEY:
            merged: dict[str, Any] = {what: {**getattr(state, what), **getattr(part, what)}}
            return replace(state, **merged)
        raise ListError("a part of the state with another name")


def _changed(old: State, new: State) -> Iterator[tuple[str, State | None]]:
    """Yield the parts of ``new`` that ``old`` doesn't have, and None for those that are gone."""
    for what, names in _TOGETHER.items():
        part = {name: getattr(new, name) for name in names}
        if any(getattr(old, name) != value for name, value in part.items()):
            yield what, replace(_EMPTY, **part)
    for what in _BY_KEY:
        before: Mapping[str, Any] = getattr(old, what)
        now: Mapping[str, Any] = getattr(new, what)
        if before is now:
            continue
        for key, value in now.items():
            if (known := before.get(key)) is not value and known != value:
                entry: dict[str, Any] = {what: {key: value}}
                yield f"{what}:{key}", replace(_EMPTY, **entry)
        for key in before:
            if key not in now:
                yield f"{what}:{key}", None
