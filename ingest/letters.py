"""Makes dead letters of messages and events that could not be read. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from typing import Final

from gateway.contract.wire import Event
from ingest.messages import Letter, ReadBatch, Unreadable
from occupancy.topology import Gateway

A_MINUTE: Final = 20
"""Whole messages of one gateway kept as dead letters; beyond, they are counted and logged only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """What could not be read, as stored."""

    origin: str
    reason: str
    error: str
    topic: str
    gateway: int | None
    stream: int | None
    seq: int | None
    received_at: int
    sent_at: int | None
    payload: bytes

    @property
    def digest(self) -> bytes:
        """What makes two letters the same: an event's place in its stream, or the whole message."""
        key = f"{self.origin}|{self.topic}|{self.stream}|{self.seq}|".encode()
        return hashlib.sha256(key + (b"" if self.seq is not None else self.payload)).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class OldLetter:
    """A stored dead letter that holds one event of a stream; times in microseconds since the Unix epoch."""

    id: int
    gateway: str
    stream: int
    seq: int
    payload: bytes
    received_at: int
    sent_at: int


def of_event(event: Unreadable, stream: int, seq: int, reading: ReadBatch) -> DeadLetter:
    """The letter of one event of a batch: it keeps its place in the stream."""
    return DeadLetter(
        origin="ingest",
        reason=event.reason,
        error=event.error,
        topic=reading.message.topic,
        gateway=reading.gateway.id,
        stream=stream,
        seq=seq,
        received_at=reading.message.received_at,
        sent_at=reading.sent_at - reading.stepped,
        payload=event.payload,
    )


def stranger(event: Event, gateway: Gateway) -> Unreadable:
    """An event of a device that its gateway doesn't have."""
    error = f"gateway {gateway.code} has no device {event['device']!r}: add it, then replay its dead letters"
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    return Unreadable(reason="unknown_device", error=error, payload=text)


def of_driver(event: Event, stream: int, seq: int, reading: ReadBatch) -> DeadLetter | None:
    """The letter of what a driver or the spool could not read: an event too, but only a letter holds the bytes."""
    if event["kind"] != "gateway" or not (event["what"] == "driver_fault" or "payload" in event):
        return None
    try:
        payload = base64.b64decode(event.get("payload", ""), validate=True)
    except (binascii.Error, ValueError):
        payload = event.get("payload", "").encode()
    return DeadLetter(
        origin="gateway",
        reason="driver_fault" if event["what"] == "driver_fault" else "damaged_in_spool",
        error=event.get("text", "") or "a driver could not read it",
        topic=event.get("topic", ""),
        gateway=reading.gateway.id,
        stream=stream,
        seq=seq,
        received_at=reading.message.received_at,
        sent_at=event["at"],
        payload=payload,
    )


def not_storable(event: Event, reason: str) -> Unreadable:
    """An event that is proven to be what is refused (``ingest.isolate``)."""
    payload = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    error = f"could not be stored: {reason}".encode("utf-8", "replace").decode()
    return Unreadable(reason="not_storable", error=error, payload=payload)


class Limit:
    """Limits the dead letters of one gateway, so that a faulty one does not fill the disk."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[int, int]] = {}

    def of_message(self, letter: Letter, now: int) -> DeadLetter | None:
        """The letter of a whole message; None where its sender has filled its share of the minute (``now`` in µs)."""
        gateway = letter.gateway
        minute, key = now // 60_000_000, gateway.id if gateway else 0
        start, count = self._kept.get(key, (minute, 0))
        if start != minute:
            count = 0
        self._kept[key] = (minute, count + 1)
        if count >= A_MINUTE:
            return None
        return DeadLetter(
            origin="ingest",
            reason=letter.reason,
            error=letter.error,
            topic=letter.message.topic,
            gateway=gateway.id if gateway else None,
            stream=None,
            seq=None,
            received_at=letter.message.received_at,
            sent_at=None,
            payload=letter.message.payload,
        )
