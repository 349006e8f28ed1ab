"""What happens at the doors of a managed network, stored as by the ingest; lists as the rights process makes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

from database.pool import connect
from gateway.contract.stored_events import KINDS, REASONS
from rights.refresh import Refresher
from tests.cards import SECRET, token_at
from tests.conftest import Database
from tests.managed import Managed

_EVENT = """
WITH e AS (
  INSERT INTO event (at, received_at, tx, stream, seq, place, device, kind, state, a, b, reason, card, member, detail)
  VALUES (%(at)s, now(), nextval('event_batch'), %(stream)s, %(seq)s, %(place)s, %(device)s, %(kind)s, %(state)s,
          %(version)s, %(age_s)s, %(reason)s, %(card)s, %(member)s, %(detail)s::jsonb)
  RETURNING tx, stream, place, seq, at
)
SELECT append_feed(tx, ARRAY[stream], ARRAY[place], ARRAY[seq], ARRAY[seq], ARRAY[at], ARRAY[at]) FROM e
"""


def token(number: str, place: str = "limoges") -> str:
    """A card's token at a place."""
    return token_at(place, number)


@dataclass(slots=True, kw_only=True)
class Door:
    """A place's door with a reader on each side, and what is read there."""

    network: Managed
    place: str
    ids: dict[str, int]
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def read(
        self,
        at: datetime,
        *,
        card: str | None = None,
        member: str | None = None,
        reason: str = "granted",
        side: str = "in",
        kind: str = "access",
        version: int | None = None,
        age_s: int = 0,
        **detail: Any,
    ) -> tuple[int, int]:
        """Store an event; return its stream and number."""
        seq, read = next(self.numbers), kind == "access"
        values = {
            "at": at,
            "stream": self.ids["stream"],
            "seq": seq,
            "place": self.ids["place"],
            "device": self.ids[side],
            "kind": KINDS[kind],
            "state": int(reason == "granted") if read else None,
            "version": version,
            "age_s": age_s,
            "reason": REASONS[reason] if read else None,
            "card": bytes.fromhex(token(card, self.place)) if card else None,
            "member": member,
            "detail": json.dumps(detail) if detail else None,
        }
        self.network.centre.conn.execute(_EVENT, values)
        return self.ids["stream"], seq


def door(network: Managed, place: str = "limoges", *, contact: bool = False) -> Door:
    """Equip a place's entry with readers (and a contact)."""
    one = network.sql
    where = one(
        "SELECT g.id, g.place, d.id FROM gateway g JOIN door d ON d.place = g.place WHERE g.code = %s", f"{place}-1"
    )
    gateway, number, entry = where[0]
    ids = {"place": number}
    insert = (
        "INSERT INTO device (gateway, place, code, kind, driver, address, door, side) "
        "VALUES (%s, %s, %s, %s, 'esp_rfid', %s, %s, %s) RETURNING id"
    )
    for side in ("in", "out"):
        row = one(insert, gateway, number, f"entry-{side}", "reader", f"{place}/entry#{side}", entry, side)
        ids[side] = row[0][0]
    if contact:
        one(insert, gateway, number, "contact", "contact", f"{place}/contact", entry, "in")
    ids["stream"] = one("INSERT INTO stream (gateway, epoch) VALUES (%s, '00000000a') RETURNING id", gateway)[0][0]
    return Door(network=network, place=place, ids=ids)


@contextmanager
def lists(database: Database) -> Iterator[Any]:
    """Yield what brings the lists up to date, as the rights process does."""
    with connect(database.as_login("rights_1"), application_name="test", autocommit=True) as connection:
        refresher = Refresher(lambda: datetime.now(UTC), card_secret=SECRET)
        refresher.begin(connection)

        def refresh() -> None:
            while refresher.turn(connection) or refresher.waits:
                pass

        yield refresh
