"""Alarms of gateways' streams: two machines with one identity, a disk that died, a clock that is wrong."""

from __future__ import annotations

from database.alarms import Alarm
from ingest.messages import ReadBatch
from ingest.store import Stream, when
from occupancy.topology import Gateway


def clock_wrong(gateway: Gateway, shift: int) -> Alarm:
    """Its clock is wrong: ``shift`` microseconds were added to its events' times."""
    return Alarm(kind="clock_wrong", place=gateway.place, gateway=gateway.id, text=clock_text(gateway, shift, None))


def clock_text(gateway: Gateway, shift: int, complaint: str | None) -> str:
    """Say what is wrong with a gateway's clock: by the centre's clock (``shift``), or as the gateway says itself."""
    if shift:
        wrong_s = -shift // 1_000_000
        return f"the clock of gateway {gateway.code} is wrong by {wrong_s:+d} s; its events' times are put right"
    return (
        f"gateway {gateway.code} says of its clock: {(complaint or '')[:300]}. By the ingest's clock it is right:"
        " look at the clocks of the centre's machines"
    )


def conflict(gateway: Gateway) -> Alarm:
    """Two machines send as one gateway."""
    text = (
        f"two machines send as gateway {gateway.code}: an epoch came back after another had begun. Change its password."
    )
    return Alarm(kind="identity_conflict", place=gateway.place, gateway=gateway.id, text=text)


def new_life(reading: ReadBatch, old: Stream) -> Alarm:
    """Its spool began anew: events may be missing since the last one of the old life."""
    text = (
        f"the spool of gateway {reading.gateway.code} began anew: what it had not sent before may be lost"
        f" (last stored of the old one: {old.last_seq})"
    )
    return Alarm(
        kind="epoch_change",
        place=reading.gateway.place,
        gateway=reading.gateway.id,
        text=text,
        from_at=old.last_received_at,
        until_at=when(reading.message.received_at),
    )


def rubbish(gateway: Gateway) -> Alarm:
    """It sends more that can't be read than is kept."""
    text = (
        f"gateway {gateway.code} sends many events that can't be read; the first are kept, the others only counted:"
        " `maillage dead-letters count`"
    )
    return Alarm(kind="unreadable_events", place=gateway.place, gateway=gateway.id, text=text)
