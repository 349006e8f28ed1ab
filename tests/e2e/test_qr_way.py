"""A guest's QR at a reader of a real gateway whose line to the centre is cut: it opens, and nothing else of it does."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from gateway.config import write_gateways
from gateway.contract.guest_qr import PREFIX
from gateway.door.presence import SLACK_US
from gateway.drivers.models.gm861 import READ_AGAIN_S
from maillage.embedded.bundle import Bundle
from maillage.network.gateways import export_gateways
from rights.card_secret import lookup_key
from rights.sealing import reply_key, unseal
from tests.cards import SECRET
from tests.e2e.hands import Hands, move, moved_clock
from tests.e2e.way import Way, start_way
from tests.waiting import until

QR: Final = "qr-entry"
_READER: Final = """
INSERT INTO device (gateway, place, code, kind, driver, address, door, side)
SELECT g.id, g.place, 'qr-entry', 'reader', 'gm861', 'tele/' || g.code || '-qr', d.id, 'in'
FROM gateway g JOIN door d ON d.place = g.place AND d.from_space IS NULL WHERE g.code = ANY (%s)
"""


@dataclass(slots=True, kw_only=True)
class Door:
    """The place's entry, a QR reader beside it, and its gateway's clock and spool."""

    way: Way
    hands: Hands
    clock: Path
    other: str
    """Another place with a QR reader."""
    last: dict[str, float] = field(default_factory=dict)

    def visit(self, place: str, starts: timedelta, ends: timedelta) -> str:
        """Make a visit with a QR, from now on; return its reference."""
        now = datetime.now(UTC)
        body = {"name": "Ada Exemple", "place": place, "credential": "qr"}
        times = {"from": (now + starts).isoformat(), "until": (now + ends).isoformat()}
        made = self.way.call("POST", "/v1/visitors", {**body, **times}, status=201)
        assert made["path"].startswith("/guest/")
        return str(made["ref"])

    def text(self, visit: str) -> str:
        """Return what the QR of a visit says, once the rights process has signed it."""
        ((sealed,),) = until(
            lambda: self.way.chain.rows("SELECT sealed FROM guest_qr WHERE pass = %s AND sealed IS NOT NULL", visit),
            what="the QR is signed",
        )
        text = unseal(reply_key(lookup_key(SECRET)), bytes(sealed), about=f"qr {visit}")
        assert text is not None
        return text

    def scan(self, text: str) -> dict[str, Any]:
        """Hold a QR to the reader; return the gateway's own event, also while its line is cut."""
        pause = READ_AGAIN_S + SLACK_US / 1e6 + 0.1  # sooner, it would be one that stays
        until(lambda: time.monotonic() > self.last.get(text, 0.0) + pause)
        before, opened = self._written(), self.hands.opened.total()
        self.hands.scan(self.way.gateway, QR, text)
        until(lambda: len(self._written()) > len(before), what="a decision")
        self.last[text] = time.monotonic()
        event = self._written()[-1]
        until(lambda: self.hands.opened.total() == opened + (event["reason"] == "granted"), what="the lock obeys")
        return event

    def jump(self, by: timedelta) -> None:
        """Let the gateway's clock be the real one and ``by``, and wait until it has noticed."""
        seen = len(self._written("clock_step"))
        move(self.clock, round(by.total_seconds() * 1e9))
        until(lambda: len(self._written("clock_step")) > seen, what="the gateway sees that its clock has stepped")

    def _written(self, kind: str = "access") -> list[dict[str, Any]]:
        with closing(sqlite3.connect(f"file:{self.way.chain.spool}?mode=ro", uri=True)) as file:
            rows = file.execute(
                "SELECT body FROM event WHERE gateway = ? AND instr(CAST(body AS TEXT), ?) > 0 ORDER BY n",
                (self.way.gateway, f'"{kind}"'),
            ).fetchall()
        return [json.loads(body) for (body,) in rows]


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory, bundle: Bundle) -> Iterator[Door]:
    """Yield the place with its QR reader; its line is cut already."""
    folder = tmp_path_factory.mktemp("qr")
    clock = folder / "clock"
    with start_way(folder, bundle, gateway=moved_clock(clock)) as way:
        chain = way.chain
        ((other, its),) = chain.rows(
            """SELECT p.code, g.code FROM gateway g JOIN place p ON p.id = g.place
            WHERE g.code <> %s ORDER BY g.id LIMIT 1""",
            way.gateway,
        )
        chain.gateway.stop()
        with psycopg.connect(chain.url) as connection:
            connection.execute(_READER, ([way.gateway, its],))
            gateways = export_gateways(
                connection,
                password=lambda code: f"secret of {code}",
                list_key=chain.gateways[0].list_key,
                card_secret=SECRET,
            )
        write_gateways(folder / "gateways.json", gateways)
        chain.gateway.start()
        chain.gateway.wait_until_well(deadline_s=120, stopped=lambda: False)
        way.known()
        way.hands.close()
        hands = Hands(chain.field.url(), [one for one in gateways if one.gateway == way.gateway])
        chain.line.take_offline([way.gateway])
        until(
            lambda: chain.rows(
                "SELECT FROM gateway_state s JOIN gateway g ON g.id = s.gateway WHERE g.code = %s AND NOT s.online",
                way.gateway,
            ),
            what="the centre knows that it is offline",
        )
        yield Door(way=way, hands=hands, clock=clock, other=other)
        hands.close()


def test_a_qr_opens_without_a_line_and_only_as_it_says(door: Door) -> None:
    way = door.way
    now_on, tomorrow = timedelta(hours=-1), timedelta(hours=23)
    today = door.visit(way.place, now_on, timedelta(hours=8))
    early = door.visit(way.place, tomorrow, tomorrow + timedelta(hours=8))
    elsewhere = door.visit(door.other, now_on, timedelta(hours=8))
    text, to_come, foreign = door.text(today), door.text(early), door.text(elsewhere)

    first = door.scan(text)
    assert (first["reason"], first["by"], first["device"]) == ("granted", "qr", QR)
    ((guest,),) = way.chain.rows("SELECT member FROM guest_qr WHERE pass = %s", today)
    assert first["member"] == guest
    assert door.scan(to_come)["reason"] == "pass_not_started"
    assert door.scan(foreign)["reason"] == "qr_elsewhere"
    changed = text[:40] + ("0" if text[40] != "0" else "1") + text[41:]
    assert door.scan(changed)["reason"] == "qr_unsigned"
    assert door.scan("https://example.org/a-poster")["reason"] == "qr_unsigned"

    door.jump(timedelta(hours=24))  # the next day
    assert door.scan(text)["reason"] == "card_expired"
    assert door.scan(to_come)["reason"] == "granted"
    door.jump(timedelta())

    # Called off while the line is cut: the gateway can't know, so it opens until its end. Then it knows.
    way.call("PATCH", f"/v1/visitors/{today}", {"status": "cancelled"})
    assert door.scan(text)["reason"] == "granted"
    way.chain.line.take_offline([])
    way.known()
    until(lambda: door.scan(text)["reason"] == "qr_void", deadline_s=60, what="the gateway has the list")

    # All of it arrives as card reads do, and the text of a QR is nowhere.
    def arrived() -> list[dict[str, Any]]:
        found = way.call("GET", f"/v1/events?place={way.place}&kind=access&limit=1000")["events"]
        return list(found) if len(found) >= 9 else []

    events = until(arrived, what="the events arrive")
    reasons = [one["reason"] for one in events]
    assert {"granted", "pass_not_started", "qr_elsewhere", "qr_unsigned", "card_expired", "qr_void"} <= set(reasons)
    assert way.chain.rows("SELECT count(*) FROM dead_letter") == [(0,)]
    # The centre explains what the gateway decided alone.
    for one in (events[0], events[-1], next(event for event in events if event["reason"] == "qr_elsewhere")):
        said = way.call("POST", "/v1/decisions/explain", {"event": {"stream": one["stream"], "seq": one["seq"]}})
        assert said["reason"] == one["reason"], said
    folder = way.chain.spool.parent
    for where in (*folder.glob("*.log"), *folder.glob("spool.sqlite*")):
        assert text.removeprefix(PREFIX).encode() not in where.read_bytes(), where
    ((kept,),) = way.chain.rows("SELECT count(*) FROM event WHERE strpos(detail::text, 'MQ1.') > 0")
    assert kept == 0
