"""All that one message makes: its events and what is kept with them are written in one transaction, or not at all."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.contract.wire import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Gathered while the message is taken in, then given to ``gateway.spool.spool.Spool.append_unit``."""

    events: list[tuple[str, Event]] = field(default_factory=list)
    """(gateway, event), in order."""
    kept: list[tuple[str, str, str]] = field(default_factory=list)
    """(gateway, name, value)."""
