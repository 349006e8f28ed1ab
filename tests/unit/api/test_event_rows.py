"""Events that belong to a space and to no device, as the API tells them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from api.events.routes import _event

AT = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)


def row(kind: str, **more: Any) -> dict[str, Any]:
    columns = (
        "state",
        "a",
        "b",
        "value",
        "edge_at",
        "gateway",
        "device",
        "desk",
        "door",
        "reason",
        "card",
        "member",
        "detail",
    )
    empty = dict.fromkeys(columns)
    return (
        empty
        | {
            "kind": kind,
            "at": AT,
            "received_at": AT,
            "place": "limoges",
            "stream": -1,
            "seq": 7,
            "tx": 3,
            "space": "meet",
        }
        | more
    )


def test_a_booking_is_told_by_its_space_and_times_and_by_no_number_of_its_own() -> None:
    detail = {
        "booking": 2**60,
        "starts": 1_764_147_600_000_000,
        "ends": 1_764_154_800_000_000,
        "party": True,
        "came": False,
    }
    told = _event(row("booking", state=0, b=12, detail=detail))
    assert (told["space"], told["held"], told["came"], told["party"]) == ("meet", False, False, True)
    assert (told["starts"], told["ends"]) == ("2025-11-26T09:00:00.000Z", "2025-11-26T11:00:00.000Z")
    assert "booking" not in told
