"""The codec of stored events: what is encoded for COPY comes back from the columns."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path
from typing import Any

import pytest

from gateway.contract.stored_events import DOOR_STATES, KIND_NAMES, fields, row

ROOT = Path(__file__).parents[3]
EVENTS: list[dict[str, Any]] = [
    {"kind": "access", "decision": "granted", "reason": "granted", "side": "in", "card": "ab" * 32, "member": "m1",
     "list_version": 7, "list_age_s": 30, "rule": "pass", "awaits": True},
    {"kind": "access", "decision": "denied", "reason": "unknown_card", "side": "out", "list_version": 7,
     "list_age_s": 0, "tries": 5},
    {"kind": "access_taken", "access_at": 5},
    {"kind": "access_not_taken", "access_at": 5, "pass_ref": "p1"},
    *({"kind": "door", "state": state} for state in DOOR_STATES),
    *({"kind": "desk", "occupied": occupied} for occupied in (True, False, None)),
    {"kind": "count", "entered": 2, "left": 1},
    {"kind": "count", "present": 4},
    {"kind": "count", "present": None},
    {"kind": "measure", "name": "co2", "value": 612.5},
    {"kind": "device", "what": "link", "value": 0.0},
    {"kind": "device", "what": "fault", "text": "a fault"},
    {"kind": "gateway", "what": "clock_step", "value": -3.5},
    {"kind": "audit", "by": "gateway", "text": "unlock hall"},
    {"kind": "head_count", "present": 7, "space": 12},
    {"kind": "booking", "held": True, "space": 12, "booking": -(2**62), "starts": 5, "ends": 9, "party": True},
    {"kind": "booking", "held": False, "space": 12, "booking": 7, "starts": 5, "ends": 9, "party": False, "came": True},
]  # fmt: skip


def columns(data: bytes) -> list[bytes | None]:
    """Read one row of COPY BINARY."""
    (count,) = struct.unpack_from(">h", data)
    at, found = 2, []
    for _ in range(count):
        (length,) = struct.unpack_from(">i", data, at)
        at += 4
        found.append(None if length < 0 else data[at : at + length])
        at += max(length, 0)
    assert at == len(data)
    return found


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: f"{event['kind']}-{list(event.values())[1]}")
def test_what_is_stored_of_an_event_comes_back(event: Any) -> None:
    event = {"at": 1_700_000_000_000_000, "device": "d", **event}
    data = row(event, at=event["at"], received_at=0, tx=1, stream=2, seq=3, place=4, device=5)
    kind, state, a, b, value, _reason, card, member, edge_at, detail = columns(data)[7:]
    assert kind is not None
    name = KIND_NAMES[int.from_bytes(kind)]
    number, first, second = (None if one is None else int.from_bytes(one, signed=True) for one in (state, a, b))
    found = {
        "kind": name,
        **(json.loads(detail[1:]) if detail else {}),
        **fields(name, number, first, second, None if value is None else struct.unpack(">d", value)[0]),
    }
    if card is not None:
        found["card"] = card.hex()
    if member is not None:
        found["member"] = member.decode()
    not_stored = {"at", "device", "side", "reason"}  # columns of their own; the side is the device's
    assert found == {name: one for name, one in event.items() if name not in not_stored}
    assert edge_at is None


def test_no_query_writes_a_kind_as_a_number() -> None:
    bare = re.compile(r"\bkind\b(\"\])? *(=|==|<>|!=|IN|in) *\(?[0-9]")
    folders = ("api", "dashboards", "ingest", "jobs", "maillage", "occupancy", "rights")
    found = [
        f"{file.relative_to(ROOT)}: {line.strip()}"
        for folder in folders
        for file in sorted((ROOT / folder).rglob("*.py"))
        for line in file.read_text().splitlines()
        if bare.search(line)
    ]
    assert found == []
