"""Read one MQTT message into a batch whose events are valid, or into what is wrong with it. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from gateway.wire import BATCH, EVENT, MAX_BATCH_EVENTS, Batch, Event, parse_topic
from ingest.topology import Gateway, Topology

MAX_MESSAGE_BYTES: Final = 1_048_576


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What the broker handed over; ``received_at`` in microseconds since the Unix epoch."""

    topic: str
    payload: bytes
    received_at: int
    retained: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """One event of a batch that can't be read: it keeps its place in the sequence."""

    reason: str
    error: str
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A batch of a known gateway; an event that can't be read stands in it as ``Unreadable``."""

    gateway: Gateway
    message: Message
    epoch: str
    first: int
    sent_at: int
    events: list[Event] | list[Event | Unreadable]


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A whole message that can't be read."""

    gateway: Gateway | None
    message: Message
    reason: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A message from somebody who must not send it here; it isn't kept, its sender keeps it."""

    topic: str
    reason: str
    error: str


def sender(topology: Topology, topic: str) -> tuple[Gateway, str] | Refusal:
    """Whose topic it is and which leaf, or why it is nobody's: the broker's ACL is checked a second time here."""
    parsed = parse_topic(topic)
    if parsed is None:
        return Refusal(topic=topic, reason="forged_topic", error="not a topic of ours")
    address, leaf = parsed
    gateway = topology.gateways.get(address.gateway)
    if gateway is None:
        return Refusal(
            topic=topic, reason="unknown_gateway", error=f"no gateway {address.gateway!r} is in service: enrol it"
        )
    if gateway.place_code != address.place:
        error = f"gateway {gateway.code!r} belongs to place {gateway.place_code!r}, not {address.place!r}"
        return Refusal(topic=topic, reason="wrong_place", error=error)
    if gateway.shard != address.shard:
        error = f"{gateway.place_code!r} is in shard {gateway.shard:02d}, not {address.shard:02d}: write its file anew"
        return Refusal(topic=topic, reason="wrong_shard", error=error)
    return gateway, leaf


def read(gateway: Gateway, message: Message) -> Reading | Letter:
    """Read a message of the leaf ``events``."""
    if len(message.payload) > MAX_MESSAGE_BYTES:
        error = f"{len(message.payload)} bytes; a batch has at most {MAX_MESSAGE_BYTES}"
        return Letter(gateway=gateway, message=message, reason="too_large", error=error)
    try:
        batch: Batch = BATCH.validate_json(message.payload, strict=True)
    except ValidationError as failure:
        return _read_singly(gateway, message, failure)
    return Reading(
        gateway=gateway,
        message=message,
        epoch=batch["epoch"],
        first=batch["first"],
        sent_at=batch["sent_at"],
        events=batch["events"],
    )


def _read_singly(gateway: Gateway, message: Message, failure: ValidationError) -> Reading | Letter:
    """Read a batch of which something is wrong, event by event, so that the good ones count."""

    def letter(reason: str, error: str) -> Letter:
        return Letter(gateway=gateway, message=message, reason=reason, error=error)

    try:
        raw = json.loads(message.payload)
    except (ValueError, RecursionError) as error:
        return letter("invalid_json", f"not JSON: {error}"[:500])
    events = raw.get("events") if isinstance(raw, dict) else None
    if not isinstance(events, list) or not 1 <= len(events) <= MAX_BATCH_EVENTS:
        return letter("invalid_batch", describe(failure))
    try:
        frame = BATCH.validate_python({**raw, "events": [_PLACEHOLDER]}, strict=True)
    except ValidationError as error:
        return letter("invalid_batch", describe(error))
    return Reading(
        gateway=gateway,
        message=message,
        epoch=frame["epoch"],
        first=frame["first"],
        sent_at=frame["sent_at"],
        events=[_one(event) for event in events],
    )


_PLACEHOLDER: Final = {"kind": "desk", "at": 0, "device": "-", "occupied": None}


def _one(event: object) -> Event | Unreadable:
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return read_event(text)


def read_event(text: bytes) -> Event | Unreadable:
    """Read one event's JSON text."""
    try:
        return EVENT.validate_json(text, strict=True)
    except ValidationError as error:
        return Unreadable(reason="invalid_event", error=describe(error), payload=text)


def describe(failure: ValidationError) -> str:
    """The first problem of a failed check in one line, and how many there are."""
    errors: list[Any] = failure.errors(include_url=False, include_input=False, include_context=False)
    where = ".".join(str(part) for part in errors[0]["loc"]) or "the message"
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{where}: {errors[0]['msg']}{more}"[:500]
