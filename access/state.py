"""What decisions depend on beside the list: the gateway's own memory, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from access.schedules import Period


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """A member's last reading at a door that leads somewhere: ``space`` is where it led (None: outside)."""

    space: str | None
    door: str
    at: datetime
    entered_at: datetime | None = None
    """When the stay in the place began that this is part of; None: it is over."""
    host: bool = False
    """Came in by a right that supervises."""
    pass_ref: str | None = None
    """The counted pass that the stay uses, if any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """A member's wrong PINs in a row; or a door's recent wrong codes or unknown cards (``access.brakes``)."""

    count: int
    last_at: datetime
    recent: tuple[tuple[datetime, str | None], ...] = ()
    """Of a door: those that count, the oldest first, each with the first digits of its card's token (None: a code)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """All of it. Mappings are never changed in place: ``access.aftermath`` makes new ones."""

    lockdown: bool = False
    """A lockdown ordered at the place itself or by a command."""
    locked_doors: frozenset[str] = frozenset()
    """Likewise, of single doors."""
    evacuation: bool = False
    """Evacuation: doors stay open, entry is refused."""
    evacuated_doors: frozenset[str] = frozenset()
    """Likewise, of single doors."""
    movements: Mapping[str, Movement] = field(default_factory=dict)
    """By member: where each one went last."""
    unseen: Mapping[str, Movement] = field(default_factory=dict)
    """By member: where each one was let in without being seen to pass. No rule asks for it; a muster does."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """By space, with the spaces in it: people inside by the movements, or by a better counter of the gateway's."""
    hosts: int = 0
    """How many of those inside came by a right that supervises."""
    used: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """By pass: the slots (``access.passes``) used here; sets, so that telling them twice counts them once."""
    tries: Mapping[str, Tries] = field(default_factory=dict)
    """By ``member:REF`` (PINs), ``door:CODE`` (codes) and ``cards:CODE`` (unknown cards at that door)."""
    held_open: Mapping[str, tuple[date, Period]] = field(default_factory=dict)
    """By door: the local day and period for which a first card left it open."""
