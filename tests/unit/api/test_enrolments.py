"""An enrolment and its order are read one after the other, and the answer may be committed between the two."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from api.cards import enrolment_routes as enrolments

AT = datetime(2026, 3, 3, 8, 0, tzinfo=UTC)
CARD = dict.fromkeys(("card", "member", "status", "sealed"))
ORDER = dict.fromkeys(
    (
        "id",
        "do_what",
        "place",
        "gateway",
        "door",
        "device",
        "ordered_by",
        "sent_at",
        "outcome_at",
        "online",
        "unwell",
        "line_since",
    ),
    None,
) | {"ordered_at": AT, "expires_at": AT}


class Committing:
    """A session between whose first and second question the card's answer is committed."""

    caller = SimpleNamespace(id=7)

    def __init__(self) -> None:
        self.asked = 0

    def _committed(self) -> bool:
        self.asked += 1
        return self.asked > 1

    async def row(self, _query: str, values: dict[str, Any]) -> dict[str, Any]:
        read = self._committed()
        card = {"lookup": "ab" * 32, "last4": "1B5A", "format": "MIFARE4", "bits": 32, "read_at": AT}
        return {**CARD, **(card if read else dict.fromkeys(card)), "place": "p", "reader": "r", "key": 7, **values}

    async def orders(self, _session: object, _ids: list[str]) -> list[dict[str, Any]]:
        return [{**ORDER, "outcome": "done" if self._committed() else None}]


def test_a_card_that_is_read_meanwhile_is_never_enrolment_as_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Committing()
    monkeypatch.setattr(enrolments, "found", session.orders)
    told = asyncio.run(enrolments._enrolment(session, object(), "o-1"))  # type: ignore[arg-type]
    assert told["state"] == "read"
