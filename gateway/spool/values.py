"""What the spool takes and returns: a message's events, a position, small values. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from gateway.contract.wire import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where one gateway's spool stands, in sequence numbers of its epoch."""

    epoch: str
    """Empty: not known yet, on a disk that refuses."""
    committed: int
    """The centre has stored everything up to here, and the spool has deleted it."""
    last: int
    """The last event on the disk."""

    @property
    def depth(self) -> int:
        """How many events are not yet known to be committed."""
        return self.last - self.committed


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What one message makes: its events and kept values are written in one transaction, or not at all."""

    events: list[tuple[str, Event]] = field(default_factory=list)
    """(gateway, event), in order."""
    kept: list[tuple[str, str, str]] = field(default_factory=list)
    """(gateway, name, value)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A small value that survives a restart."""

    gateway: str
    name: str
    value: str
    until: int | None


class Keep(Protocol):
    """``Spool.keep`` for one gateway; ``until`` in the past drops the name."""

    def __call__(self, name: str, value: str, *, until: int | None = None) -> None:
        """Keep ``value``."""


def keep_nothing(name: str, value: str, *, until: int | None = None) -> None:
    """Discard the value: for a gateway without a spool."""
