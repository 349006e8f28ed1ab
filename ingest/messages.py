"""Reads one MQTT message into a batch of valid events, or into what is wrong with it. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from gateway.contract.wire import BATCH, EVENT, MAX_BATCH_EVENTS, Batch, Event, Was, parse_topic
from ingest.splitting import split
from occupancy.topology import Gateway, Topology

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
class ReadBatch:
    """A batch of a known gateway; an event that can't be read stands in it as ``Unreadable``."""

    gateway: Gateway
    message: Message
    epoch: str
    first: int
    sent_at: int
    events: list[Event] | list[Event | Unreadable]
    after: str | None = None
    """Digest of all events before ``first``; None: an older gateway, which sends none."""
    digest: str | None = None
    """The same after the last event."""
    was: list[Was] = field(default_factory=list)
    """Earlier numbers of some of the events."""
    stepped: int = 0
    boots: list[list[int]] = field(default_factory=list)
    """How the gateway's clock changed since (``gateway.contract.wire.Batch``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A whole message that can't be read."""

    gateway: Gateway | None
    message: Message
    reason: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A message from a sender that is not allowed to send it; it isn't stored here, its sender keeps it."""

    topic: str
    reason: str
    error: str


Name = tuple[str, bytes, int]
"""Topic, epoch and first number, and size of a batch: what is equal when it is sent again."""
_HEAD: Final = re.compile(rb'\{"epoch":"([0-9a-f]{8,64})","first":([1-9][0-9]{0,18}),')
"""How our gateways begin a batch (``gateway.spool.outgoing``). Others are read all the same, only less quickly."""


def name_of(message: Message) -> Name | None:
    """Return the name of a batch; None: it is none, or begins in another way than ours."""
    head = _HEAD.match(message.payload)
    return None if head is None else (message.topic, head.group(), len(message.payload))


def glance(payload: bytes) -> tuple[str, int, int] | None:
    """Return a batch's epoch, first number and how many events it has at most, without reading it; None: unknown."""
    head = _HEAD.match(payload)
    return None if head is None else (head[1].decode(), int(head[2]), payload.count(b'"kind"'))


def sender(topology: Topology, topic: str) -> tuple[Gateway, str] | Refusal:
    """Return the gateway and the leaf of a topic, or why it is refused: the broker's ACL is checked again here."""
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


def read(gateway: Gateway, message: Message, *, single_out: bool = False) -> ReadBatch | Letter:
    """Read a message of the leaf ``events``.

    Args:
        single_out: what is no JSON is taken apart, event by event (``ingest.splitting``): it came again and again.
    """
    if len(message.payload) > MAX_MESSAGE_BYTES:
        error = f"{len(message.payload)} bytes; a batch has at most {MAX_MESSAGE_BYTES}"
        return Letter(gateway=gateway, message=message, reason="too_large", error=error)
    try:
        batch: Batch = BATCH.validate_json(message.payload, strict=True)
    except ValidationError as failure:
        return _read_singly(gateway, message, failure, single_out=single_out)
    return _reading(gateway, message, batch, batch["events"])


def _reading(
    gateway: Gateway, message: Message, frame: Batch, events: list[Event] | list[Event | Unreadable]
) -> ReadBatch:
    if len(frame) == _PLAIN:
        return ReadBatch(
            gateway=gateway,
            message=message,
            epoch=frame["epoch"],
            first=frame["first"],
            sent_at=frame["sent_at"],
            events=events,
        )
    return ReadBatch(
        gateway=gateway,
        message=message,
        epoch=frame["epoch"],
        first=frame["first"],
        sent_at=frame["sent_at"],
        events=events,
        after=frame.get("after"),
        digest=frame.get("digest"),
        was=frame.get("was", []),
        stepped=frame.get("stepped", 0),
        boots=frame.get("boots", []),
    )


_PLAIN: Final = 4
"""Fields of a batch without digests, clock steps and earlier numbers."""


def _read_singly(
    gateway: Gateway, message: Message, failure: ValidationError, *, single_out: bool
) -> ReadBatch | Letter:
    """Read a batch of which something is wrong, event by event, so that the good ones count."""

    def letter(reason: str, error: str) -> Letter:
        return Letter(gateway=gateway, message=message, reason=reason, error=error)

    texts: list[bytes] | None = None
    try:
        raw = json.loads(message.payload)
    except (ValueError, RecursionError) as error:
        found = split(message.payload) if single_out else None
        if found is None:
            return letter("invalid_json", f"not JSON: {error}"[:500])
        raw, texts = found
    if texts is None:
        events = raw.get("events") if isinstance(raw, dict) else None
        if not isinstance(events, list):
            return letter("invalid_batch", describe(failure))
        texts = [_text(event) for event in events]
    if not 1 <= len(texts) <= MAX_BATCH_EVENTS:
        return letter("invalid_batch", describe(failure))
    try:
        frame = BATCH.validate_python({**raw, "events": [_PLACEHOLDER]}, strict=True)
    except ValidationError as error:
        return letter("invalid_batch", describe(error))
    return _reading(gateway, message, frame, [read_event(text) for text in texts])


_PLACEHOLDER: Final = {"kind": "desk", "at": 0, "device": "-", "occupied": None}


def _text(event: object) -> bytes:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


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
