"""Reads events from a spool, as the uplink would."""

from __future__ import annotations

from gateway.spool.spool import Spool


def read_spool(
    spool: Spool, gateway: str, epoch: str, after: int, *, limit_events: int, limit_bytes: int
) -> list[tuple[int, bytes]]:
    """Return the events after ``after`` as (sequence number, JSON)."""
    found = spool.batch(gateway, epoch, after, limit_events=limit_events, limit_bytes=limit_bytes)
    return [] if found is None else list(enumerate(found.bodies, found.first))
