"""Alarms of gateways: two machines with one identity, a disk that died, a wrong clock, devices that are unwell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from database.alarms import Alarm
from gateway.contract.device_reports import DeviceHealth
from ingest.messages import ReadBatch
from ingest.store import Stream, when
from occupancy.topology import Gateway

DEVICE_TROUBLES: Final = {
    "silent": ("devices_silent", "silent"),
    "low_battery": ("battery_low", "with a low battery: change it"),
    "bad_link": ("link_bad", "heard badly: move it, or its antenna"),
    "stuck": ("device_stuck", "with a value that can't be true any more: look at it"),
}
"""A device's trouble, its alarm's kind, and what the alarm says."""
_NAMED: Final = 10


def devices_unwell(gateway: Gateway, unwell: Sequence[DeviceHealth], now: int) -> dict[str, tuple[int, str]]:
    """Return the alarms about a gateway's devices by kind, each with since when it has been true and its text."""
    found: dict[str, tuple[int, str]] = {}
    for trouble, (kind, text) in DEVICE_TROUBLES.items():
        those = [one for one in unwell if trouble in one.troubles or (trouble == "silent" and one.silent_since)]
        if those:
            names = ", ".join(one.device for one in those[:_NAMED])
            more = f" and {len(those) - _NAMED} more" if len(those) > _NAMED else ""
            since = min((one.silent_since or now for one in those), default=now) if trouble == "silent" else now
            found[kind] = (since, f"devices of gateway {gateway.code} {text} ({len(those)}): {names}{more}")
    return found


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
