"""Two gateways of one place in one process, with doors of their own, and a clock that a test moves."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import psycopg

from access.formats import read_code
from access.holidays import is_holiday
from access.schedules import DAYS
from access.tokens import hard_pin
from gateway.config import GatewayConfig, write_gateways
from maillage.broker import where_of
from maillage.embedded.bundle import Bundle
from maillage.embedded.process import free_port
from maillage.network.gateways import export_gateways
from maillage.stack.children import Child
from simulator.sample.entitlements import pin_of
from simulator.sample.people import Member, members
from tests.cards import SECRET, keep_number
from tests.e2e.chain import Chain, start_chain
from tests.e2e.hands import Hands, move, moved_clock
from tests.waiting import until

PARIS: Final = ZoneInfo("Europe/Paris")
CODE: Final = "27011976"
"""Typed at the workshop's keypad, it is one of the members'."""

TWIN: Final = (
    """INSERT INTO gateway (place, code, generated)
    SELECT g.place, g.code || '-twin', true FROM gateway g WHERE g.place = %(place)s""",
    """INSERT INTO device (gateway, place, code, kind, driver, model, address, space, desk, door, side, expect_every)
    SELECT t.id, d.place, d.code, d.kind, d.driver, d.model, 'twin-' || d.address, d.space, d.desk, d.door, d.side,
      d.expect_every
    FROM device d JOIN gateway g ON g.id = d.gateway AND g.place = %(place)s
    JOIN gateway t ON t.code = g.code || '-twin'
    WHERE d.kind IN ('reader', 'keypad')""",
)
RULES: Final = (
    """UPDATE place SET opening_hours = jsonb_build_object(%(weekday)s::text, '[["05:45", "23:00"]]'::jsonb)
    WHERE id = %(place)s""",
    "DELETE FROM closure WHERE place = %(place)s",
    "INSERT INTO place_policy (place, tries, pause_s) VALUES (%(place)s, 3, 120)",
    """INSERT INTO door_rule (door, place, passback, supervised)
    SELECT d.id, d.place, 'hard', (SELECT id FROM schedule WHERE place IS NULL AND code = 'soir-et-week-end')
    FROM door d WHERE d.place = %(place)s AND d.from_space IS NULL
    ON CONFLICT (door) DO UPDATE SET passback = excluded.passback, supervised = excluded.supervised""",
    "UPDATE space SET person_limit = 1 WHERE place = %(place)s AND kind = 'fab_lab'",
    "UPDATE space SET person_limit = 8 WHERE place = %(place)s AND parent IS NULL",
    "UPDATE member SET status = 'active' WHERE ref = ANY(%(members)s)",
    """UPDATE pass SET schedule = NULL, unit = NULL, allowance = NULL, each_month = false, outside_hours = false,
      supervises = false, valid_from = NULL, valid_until = NULL WHERE member = ANY(%(members)s)""",
    "UPDATE pass SET unit = 'half_day', allowance = 1 WHERE member = %(half)s",
    "UPDATE pass SET unit = 'hour', allowance = 3 WHERE member = %(hour)s",
    """UPDATE pass SET schedule = (SELECT id FROM schedule WHERE place IS NULL AND code = 'journee')
    WHERE member = %(day)s""",
    "UPDATE pass SET valid_until = %(begin)s::timestamptz + interval '15 hours' WHERE member = %(ends)s",
    "UPDATE pass SET valid_from = %(begin)s::timestamptz + interval '12 hours' WHERE member = %(begins)s",
    "UPDATE card SET status = 'suspended' WHERE member = %(suspended)s",
    "UPDATE pass SET supervises = true, outside_hours = true WHERE member = %(host)s",
    "UPDATE pass_place SET spaces = NULL WHERE pass IN (SELECT ref FROM pass WHERE member = ANY(%(trained)s))",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tap:
    """Something done at a door, at both gateways."""

    device: str
    door: str
    side: Literal["in", "out"]
    card: str | None = None
    digits: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A decision as the centre has it."""

    seq: int
    at: datetime
    version: int
    reason: str
    rule: str
    member: str | None


@dataclass(slots=True, kw_only=True)
class Twins:
    """Two gateways of one place in one process whose clock is ours."""

    chain: Chain
    place: int
    connected: str
    alone: str
    hands: Hands
    people: tuple[Member, ...]
    day: datetime
    """The beginning of the day that the rules are for."""
    clock: Path
    spool: Path

    def spooled(self, what: str) -> int:
        """Return how many events with ``what`` in them wait at the gateway that is alone."""
        with closing(sqlite3.connect(f"file:{self.spool}?mode=ro", uri=True)) as file:
            found = file.execute(
                "SELECT count(*) FROM event WHERE gateway = ? AND instr(CAST(body AS TEXT), ?) > 0", (self.alone, what)
            ).fetchone()
        return int(found[0])

    def jump(self, to: datetime) -> None:
        """Let the process's clock show ``to``, and wait until it has noticed."""
        seen = self.spooled('"clock_step"')
        move(self.clock, round((to - datetime.now(UTC)).total_seconds() * 1e9))
        until(lambda: self.spooled('"clock_step"') > seen, what="the gateway sees that its clock has stepped")

    def tap(self, one: Tap) -> str:
        """Do it at both, and wait until the one that is alone has decided; return its reason."""
        before, opened = self.spooled('"access"'), self.hands.opened.total()
        for gateway in (self.connected, self.alone):
            if one.card is not None:
                self.hands.show(gateway, one.device, one.card)
            elif one.digits is not None:
                self.hands.type(gateway, one.device, one.digits)
        until(lambda: self.spooled('"access"') > before, what=f"a decision on {one}")
        with closing(sqlite3.connect(f"file:{self.spool}?mode=ro", uri=True)) as file:
            (body,) = file.execute(
                """SELECT body FROM event WHERE gateway = ? AND instr(CAST(body AS TEXT), '"access"') > 0
                ORDER BY n DESC LIMIT 1""",
                (self.alone,),
            ).fetchone()
        reason = str(json.loads(body)["reason"])
        if reason == "granted":  # both are through before the next one is at the door
            until(lambda: self.hands.opened.total() == opened + 2, what="both locks have moved")
        return reason

    def told(self, gateway: str) -> list[Told]:
        """Return what the centre has of a gateway's decisions, in their order."""
        rows = self.chain.rows(
            """SELECT e.seq, coalesce(e.edge_at, e.at), e.a, r.name, e.detail ->> 'rule', e.member
            FROM event e JOIN stream s ON s.id = e.stream JOIN gateway g ON g.id = s.gateway
            JOIN reason r ON r.id = e.reason
            WHERE g.code = %s AND e.kind = 1 ORDER BY e.seq""",
            gateway,
        )
        return [
            Told(seq=seq, at=at, version=a, reason=name, rule=rule, member=ref) for seq, at, a, name, rule, ref in rows
        ]

    def versions(self) -> dict[str, tuple[int | None, bool]]:
        """Return each gateway's list version and whether it is online, as the centre has it."""
        rows = self.chain.rows(
            """SELECT g.code, s.list_version, s.online FROM gateway_state s JOIN gateway g ON g.id = s.gateway
            WHERE g.place = %s""",
            self.place,
        )
        return {code: (version, online) for code, version, online in rows}


def start_twins(tmp_path: Path, bundle: Bundle) -> Twins:
    """Start a chain, give a place with a workshop a second gateway and rules of every kind, and run both."""
    chain = start_chain(tmp_path, bundle, places=24)
    chain.gateway.stop()
    ((place, code, desks),) = chain.rows(
        """SELECT p.id, p.code, (SELECT count(*) FROM desk d WHERE d.place = p.id)::int
        FROM place p JOIN space s ON s.place = p.id AND s.kind = 'fab_lab' ORDER BY p.id LIMIT 1"""
    )
    people, day = members(1, code, desks), _workday()
    with psycopg.connect(chain.url) as connection:
        for query in (*TWIN, *RULES):
            connection.execute(query.encode(), _values(place, people, day))
        for one in people[8:10]:
            pin = hard_pin(one.ref, pin_of(1, one.ref))
            connection.execute("UPDATE member SET pin = %s WHERE ref = %s", (pin, one.ref))
        connection.execute(
            "INSERT INTO card (lookup, member, kind) VALUES (%s, %s, 'code')",
            (keep_number(connection, read_code(CODE).number), people[9].ref),
        )
        gateways = export_gateways(
            connection,
            password=lambda name: f"secret of {name}",
            list_key=chain.gateways[0].list_key,
            card_secret=SECRET,
            places=[code],
        )
    alone = next(one.gateway for one in gateways if one.gateway.endswith("-twin"))
    chain.central.enrol({alone: f"secret of {alone}"}, where=where_of(gateways))
    chain.gateway = _process(chain, tmp_path, gateways)
    return Twins(
        chain=chain,
        place=place,
        connected=next(one.gateway for one in gateways if one.gateway != alone),
        alone=alone,
        hands=Hands(chain.field.url(), gateways),
        people=people,
        day=day,
        clock=tmp_path / "clock",
        spool=tmp_path / "twins.sqlite",
    )


def _values(place: int, people: Sequence[Member], day: datetime) -> dict[str, Any]:
    names = ("half", "hour", "day", "ends", "begins", "suspended", "host")
    return {
        "place": place,
        "members": [one.ref for one in people[:12]],
        "trained": [one.ref for one in people[7:10]],
        "begin": day,
        "weekday": DAYS[day.weekday()],
        **{name: one.ref for name, one in zip(names, people, strict=False)},
    }


def _process(chain: Chain, folder: Path, gateways: tuple[GatewayConfig, ...]) -> Child:
    write_gateways(folder / "twins.json", gateways)
    port = free_port()
    child = Child(
        name="gateway",
        arguments=["gateway"],
        environment={
            "MAILLAGE_MQTT_URL": f"mqtt://127.0.0.1:{chain.line.port}",
            "MAILLAGE_FIELD_MQTT_URL": chain.field.url(),
            "MAILLAGE_GATEWAYS_FILE": str(folder / "twins.json"),
            "MAILLAGE_SPOOL": str(folder / "twins.sqlite"),
            "MAILLAGE_METRICS_PORT": str(port),
            **moved_clock(folder / "clock"),
        },
        log=folder / "twins.log",
        health=f"http://127.0.0.1:{port}/healthz",
    )
    child.start()
    child.wait_until_well(deadline_s=120, stopped=lambda: False)
    return child


def _workday() -> datetime:
    """Return the beginning of the next day from Monday to Thursday in Paris that is no public holiday: a gateway
    believes no time before its list was signed. It is less than a week ahead, so the list is not too old by then."""
    day = (datetime.now(PARIS) + timedelta(days=1)).date()
    while day.weekday() > 3 or is_holiday(day):
        day += timedelta(days=1)
    return datetime(day.year, day.month, day.day, tzinfo=PARIS)
