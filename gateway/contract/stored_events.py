"""How an event is stored as a row of the table ``event``: encoded for a binary COPY, and decoded from its columns.

COPY's encoding is PostgreSQL's COPY BINARY format (https://www.postgresql.org/docs/17/sql-copy.html, "Binary Format"):
big-endian, each field a 32-bit length (-1: NULL) and its bytes; a timestamptz is microseconds since 2000-01-01, a
jsonb the byte 1 and its text. Packing by hand costs 0.5 µs a row where a generic encoder takes 2: the ingest packs a
hundred thousand a second (docs/decisions/0004).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from struct import Struct
from typing import Any, Final, get_args

from access.model import Reason
from gateway.contract.wire import Event

PG_EPOCH: Final = 946_684_800_000_000
"""2000-01-01T00:00:00Z in microseconds since the Unix epoch."""
HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER: Final = b"\xff\xff"

COPY_EVENT: Final = """
-- store events; the columns are those of `row`
COPY event (at, received_at, tx, stream, seq, place, device, kind, state, a, b, value, reason, card, member, edge_at,
            detail)
FROM STDIN (FORMAT binary)
"""

REASONS: Final = {name: number for number, name in enumerate(get_args(Reason))}
KINDS: Final = {
    "access": 1,
    "access_taken": 2,
    "access_not_taken": 3,
    "door": 4,
    "desk": 5,
    "count": 6,
    "measure": 7,
    "device": 8,
    "gateway": 9,
    "audit": 10,
    "head_count": 11,  # made by the ingest of what a manager says; a gateway can't send one (wire.Event)
    "booking": 12,  # likewise, of the table booking_news
}
KIND_NAMES: Final = {number: name for name, number in KINDS.items()}
DOOR_STATES: Final = {"closed": 0, "open": 1, "forced": 2, "held": 3, "tamper": 4}
_DOOR_STATE_NAMES: Final = {number: name for name, number in DOOR_STATES.items()}

_NULL: Final = b"\xff\xff\xff\xff"
_HEAD_PACK: Final = Struct(">hiq32siq").pack  # 17 fields: at, what all rows of a batch share, seq
_SHARED_PACK: Final = Struct(">iqiqii").pack  # received_at, tx, stream
_INT2: Final = Struct(">ih").pack
_INT4: Final = Struct(">ii").pack
_INT8: Final = Struct(">iq").pack
_FLOAT8: Final = Struct(">id").pack
_LENGTH: Final = Struct(">i").pack
_TO_JSON: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_FIRST: Final = -210_866_803_200_000_000  # what a timestamptz can hold: 4714 BC …
_LAST: Final = 9_223_371_331_199_999_999  # … to AD 294276


def _int2(value: int | None) -> bytes:
    return _NULL if value is None else _INT2(2, value)


def _int4(value: int | None) -> bytes:
    return _NULL if value is None else _INT4(4, value)


def _int8(value: int | None) -> bytes:
    return _NULL if value is None else _INT8(8, value)


def _float8(value: float | None) -> bytes:
    return _NULL if value is None else _FLOAT8(8, value)


def _bytes(value: bytes | None) -> bytes:
    return _NULL if value is None else _LENGTH(len(value)) + value


def _jsonb(value: dict[str, Any]) -> bytes:
    if not value:
        return _NULL
    clean = {key: item.replace("\0", "") if isinstance(item, str) else item for key, item in value.items()}
    text = b"\x01" + _TO_JSON(clean).encode()
    return _LENGTH(len(text)) + text


def _text(value: str | None) -> bytes:
    return _NULL if value is None else _bytes(value.replace("\0", "").encode())


_DESK: Final = {
    occupied: _int2(KINDS["desk"]) + _int2(None if occupied is None else int(occupied)) + _NULL * 6
    for occupied in (True, False, None)
}
_COMMON: Final = frozenset({"kind", "at", "device"})


def _detail(event: Any, *known: str) -> dict[str, Any]:
    return {key: value for key, value in event.items() if key not in _COMMON and key not in known}


_PLAIN_DESK: Final = 4
"""Keys of a desk event; the only one that it may carry beyond these is the device's own time."""


def _desk(event: Any) -> tuple[bytes, bytes]:
    return _DESK[event["occupied"]], _NULL if len(event) == _PLAIN_DESK else _jsonb(_detail(event, "occupied"))


_GRANTED: Final = {word: _int2(KINDS["access"]) + _int2(int(word == "granted")) for word in ("granted", "denied")}
_REASON: Final = {reason: _NULL + _int2(number) for reason, number in REASONS.items()}


def _access(event: Any) -> tuple[bytes, bytes]:
    # The side isn't stored: it is the device's.
    card = event.get("card")
    middle = (
        _GRANTED[event["decision"]]
        + _int4(event.get("list_version"))
        + _int4(event.get("list_age_s"))
        + _REASON[event["reason"]]
        + (_NULL if card is None else b"\0\0\0\x20" + bytes.fromhex(card))
        + _text(event.get("member"))
    )
    detail = {key: event[key] for key in _ACCESS_DETAIL if key in event}
    if not detail:
        return middle, _NULL
    few = len(detail) == 1 + ("awaits" in detail) and "rule" in detail
    return middle, _rule(event["rule"], event.get("awaits")) if few else _jsonb(detail)


_ACCESS_DETAIL: Final = ("rule", "pass_ref", "host", "by", "noted", "awaits", "bits", "tries", "device_at")
"""The fields of an access event that have no column; its slots become rows of ``pass_use``."""


@lru_cache(maxsize=256)
def _rule(name: str, awaits: bool | None) -> bytes:
    return _jsonb({"rule": name} if awaits is None else {"rule": name, "awaits": awaits})


def _taken(event: Any) -> tuple[bytes, bytes]:
    return _int2(KINDS[event["kind"]]) + _NULL * 7, _jsonb(_detail(event, "slots"))


_DOOR: Final = {state: _int2(KINDS["door"]) + _int2(number) + _NULL * 6 for state, number in DOOR_STATES.items()}


def _door(event: Any) -> tuple[bytes, bytes]:
    return _DOOR[event["state"]], _jsonb(_detail(event, "state"))


_COUNT: Final = {moved: _int2(KINDS["count"]) + _int2(int(moved)) for moved in (True, False)}


def _count(event: Any) -> tuple[bytes, bytes]:
    moved = "entered" in event or "left" in event
    a = event.get("entered", 0) if moved else event.get("present")
    # the column state: 1 people in and out, 0 people present
    middle = _COUNT[moved] + _int4(a) + _int4(event.get("left", 0) if moved else None) + _NULL * 4
    return middle, _jsonb(_detail(event, "entered", "left", "present"))


def _measure(event: Any) -> tuple[bytes, bytes]:
    middle = _MEASURE + _FLOAT8(8, event["value"]) + _NULL * 3
    return middle, _named(event["name"]) if len(event) == _PLAIN_MEASURE else _jsonb(_detail(event, "value"))


_MEASURE: Final = _int2(KINDS["measure"]) + _NULL * 3
_PLAIN_MEASURE: Final = 5


@lru_cache(maxsize=256)
def _named(name: str) -> bytes:
    return _jsonb({"name": name})


def _valued(event: Any) -> tuple[bytes, bytes]:
    middle = _int2(KINDS[event["kind"]]) + _NULL * 3 + _float8(event.get("value")) + _NULL * 3
    return middle, _jsonb(_detail(event, "value", "payload"))


def _head_count(event: Any) -> tuple[bytes, bytes]:
    return _int2(KINDS["head_count"]) + _NULL + _int4(event["present"]) + _int4(event["space"]) + _NULL * 4, _NULL


def _booking(event: Any) -> tuple[bytes, bytes]:
    middle = _int2(KINDS["booking"]) + _int2(int(event["held"])) + _NULL + _int4(event["space"]) + _NULL * 4
    return middle, _jsonb(_detail(event, "held", "space"))


def _other(event: Any) -> tuple[bytes, bytes]:
    return _int2(KINDS[event["kind"]]) + _NULL * 7, _jsonb(_detail(event))


_ENCODE: Final[dict[str, Callable[[Any], tuple[bytes, bytes]]]] = {
    "desk": _desk,
    "access": _access,
    "access_taken": _taken,
    "access_not_taken": _taken,
    "door": _door,
    "count": _count,
    "measure": _measure,
    "device": _valued,
    "gateway": _valued,
    "audit": _other,
    "head_count": _head_count,
    "booking": _booking,
}


class Encoder:
    """Encodes events as rows of COPY_EVENT: what the rows of one batch share is packed once."""

    __slots__ = ("_ends", "_place", "_shared")

    def __init__(self, *, received_at: int, tx: int, stream: int, place: int) -> None:
        self._shared = _SHARED_PACK(8, received_at - PG_EPOCH, 8, tx, 4, stream)
        self._place = _INT4(4, place)
        self._ends: dict[tuple[int | None, bool | None], bytes] = {}
        """How a row of a desk ends, by device and state: most rows are of desks."""

    def row(self, event: Event, at: int, seq: int, device: int | None) -> bytes:
        """Return an event's row; ``at`` is the corrected time, the event's own is kept if it differs."""
        edge_at = event["at"]
        if event["kind"] == "desk" and at == edge_at and len(event) == _PLAIN_DESK:
            key = device, event["occupied"]
            end = self._ends.get(key)
            if end is None:
                end = self._ends[key] = self._end(event, _NULL, device)
        else:
            edge = _NULL if at == edge_at else _int8(max(min(edge_at - PG_EPOCH, _LAST), _FIRST))
            end = self._end(event, edge, device)
        return _HEAD_PACK(17, 8, at - PG_EPOCH, self._shared, 8, seq) + end

    def _end(self, event: Event, edge: bytes, device: int | None) -> bytes:
        middle, detail = _ENCODE[event["kind"]](event)
        return self._place + (_NULL if device is None else _INT4(4, device)) + middle + edge + detail


def row(
    event: Event, *, at: int, received_at: int, tx: int, stream: int, seq: int, place: int, device: int | None
) -> bytes:
    """One event as a row of COPY_EVENT."""
    return Encoder(received_at=received_at, tx=tx, stream=stream, place=place).row(event, at, seq, device)


def fields(kind: str, state: int | None, a: int | None, b: int | None, value: float | None) -> dict[str, Any]:
    """Return the event's fields that are stored in these columns; those in ``detail`` stand there by name."""
    match kind:
        case "access":
            return {"decision": "granted" if state == 1 else "denied", "list_version": a, "list_age_s": b}
        case "door":
            return {"state": None if state is None else _DOOR_STATE_NAMES.get(state)}
        case "desk":
            return {"occupied": None if state is None else bool(state)}
        case "count":
            return {"entered": a, "left": b} if state == 1 else {"present": a}
        case "head_count":
            return {"present": a, "space": b}
        case "booking":
            return {"held": state == 1, "space": b}
        case "measure" | "device" | "gateway" if value is not None:
            return {"value": value}
        case _:
            return {}
