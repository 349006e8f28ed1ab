"""A gateway whose wall clock is set back by a year, or ahead and back again: every process and server real."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg
import pytest

from gateway.mqtt.loop import MqttLoop, parse_mqtt_url
from maillage.embedded.bundle import Bundle
from tests.e2e.hands import move, moved_clock, sleep
from tests.e2e.way import Way, start_way
from tests.waiting import until

YEAR: Final = timedelta(days=365)
MONTH: Final = timedelta(days=31)
LONGEST_S: Final = 3600
"""Of an order's life, and the shortest limit of a list's age."""


@dataclass(slots=True, kw_only=True)
class Moved:
    """The network, and the clock of its gateways' process."""

    way: Way
    clock: Path

    def set(self, by: timedelta) -> None:
        """Let the process's clock be wrong by ``by``."""
        move(self.clock, by // timedelta(microseconds=1) * 1000)

    def restart(self) -> None:
        """Stop the process and start it again."""
        gateway = self.way.chain.gateway
        gateway.stop()
        gateway.start()
        gateway.wait_until_well(deadline_s=120, stopped=lambda: False)
        until(lambda: self.metric("maillage_gateway_field_connected") == 1, what="it hears its devices")

    def metric(self, name: str) -> float:
        """Return one of the process's metrics; 0 where it isn't there yet."""
        assert self.way.chain.gateway.health is not None
        text = httpx.get(self.way.chain.gateway.health.replace("/healthz", "/metrics"), timeout=30).text
        return next((float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name + " ")), 0.0)

    def alarms(self) -> list[dict[str, Any]]:
        """Return the alarms of the gateway's clock as the API tells them."""
        found: list[dict[str, Any]] = self.way.call("GET", f"/v1/alarms?place={self.way.place}&kind=clock_wrong")[
            "alarms"
        ]
        return found

    def put_right(self) -> None:
        """Let the clock be right, and see the alarm end."""
        self.set(timedelta(0))
        until(lambda: [one["until"] for one in self.alarms()] != [None], what="the alarm has ended")
        assert len(self.alarms()) == 1, "one alarm, whatever comes again"
        assert self.metric("maillage_gateway_clocks_wrong") == 0

    def decisions_kept(self) -> int:
        """Return how many decisions of the gateway wait in its spool."""
        with closing(sqlite3.connect(f"file:{self.way.chain.spool}?mode=ro", uri=True)) as file:
            found = file.execute(
                """SELECT count(*) FROM event WHERE gateway = ? AND instr(CAST(body AS TEXT), '"access"') > 0""",
                (self.way.gateway,),
            ).fetchone()
        return int(found[0])


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory, bundle: Bundle) -> Iterator[Moved]:
    """Yield the network; two members' passes have ended an hour ago, and the place's list may be an hour old."""
    folder = tmp_path_factory.mktemp("clocks")
    clock = folder / "clock"
    with start_way(folder, bundle, gateway=moved_clock(clock)) as way:
        with psycopg.connect(way.chain.url) as connection:
            connection.execute(
                "UPDATE pass SET valid_until = now() - interval '1 hour' WHERE member = ANY(%s)",
                ([way.people[1].ref, way.people[4].ref],),
            )
            connection.execute(
                """INSERT INTO place_policy (place, list_max_age_s) SELECT id, %s FROM place WHERE code = %s
                ON CONFLICT (place) DO UPDATE SET list_max_age_s = excluded.list_max_age_s""",
                (LONGEST_S, way.place),
            )
        way.known()
        yield Moved(way=way, clock=clock)


@pytest.fixture
def moved(network: Moved) -> Moved:
    """Return the network, its clock right."""
    network.set(timedelta(0))
    until(lambda: network.metric("maillage_gateway_clocks_wrong") == 0, what="the gateway has seen that it is right")
    return network


def test_a_clock_set_back_opens_no_ended_pass_and_is_an_alarm(moved: Moved) -> None:
    way = moved.way
    right, ended = way.people[0], way.people[1]
    assert way.show(ended.card) == "pass_ended"
    moved.set(-YEAR)
    alarm = until(moved.alarms, what="the alarm")[0]
    assert (alarm["gateway"], alarm["until"]) == (way.gateway, None)
    until(lambda: moved.metric("maillage_gateway_clocks_wrong") >= 1, what="the gateway says so itself")
    assert way.show(ended.card) == "pass_ended"
    assert way.show(right.card) == "granted"
    assert way.show(right.card, "reader-entry-out") == "granted"
    moved.restart()
    right, ended = way.people[3], way.people[4]  # a card that was there before a restart may lie there still
    assert way.show(ended.card) == "pass_ended"
    assert way.show(right.card) == "granted"
    assert way.show(ended.card, "reader-entry-out") == "granted", "egress opens for everybody"
    moved.put_right()


def test_an_order_is_obeyed_once_though_the_clock_is_set_ahead_and_back(moved: Moved) -> None:
    way = moved.way
    heard: list[bytes] = []
    config = next(one for one in way.chain.gateways if one.gateway == way.gateway)
    topic = config.address.topic("command")
    loop = MqttLoop("recorder")
    recorder = loop.add(
        parse_mqtt_url(way.chain.central.url(way.gateway)),
        client_id="recorder",
        on_message=lambda message: heard.append(message.payload),
        subscriptions=[(topic, 1)],
    )
    sender = loop.add(parse_mqtt_url(way.chain.central.url("rights")), client_id="again", on_message=lambda _: None)
    loop.start()
    try:
        until(lambda: recorder.connected and sender.connected)
        opened = way.opened
        path = f"/v1/places/{way.place}/doors/door-entry/unlock?wait=30"
        orders = way.call("POST", path, {"expires_s": LONGEST_S})["orders"]
        assert [one["outcome"] for one in orders] == ["done"]
        until(lambda: way.opened == opened + 1 and heard, what="the door opens")

        def again(outcome: str) -> None:
            name = f'maillage_gateway_commands_total{{do="unlock",outcome="{outcome}"}}'
            before = moved.metric(name)
            sender.publish(topic, heard[0], qos=1)
            until(lambda: moved.metric(name) == before + 1, what=f"the order is {outcome}")

        again("refused")
        moved.set(MONTH)
        until(lambda: moved.alarms()[0]["until"] is None, what="a clock that is ahead is an alarm, too")
        moved.restart()
        way.hands.show(way.gateway, "reader-entry-out", way.people[5].card)  # something is kept, and old things go
        until(lambda: way.opened == opened + 2)
        again("expired")
        moved.set(timedelta(0))
        moved.restart()
        again("refused")
        moved.set(-YEAR)
        moved.restart()
        again("refused")
        assert way.opened == opened + 2
        moved.put_right()
        orders = way.call("POST", path, {"expires_s": LONGEST_S})["orders"]
        assert [one["outcome"] for one in orders] == ["done"]
        until(lambda: way.opened == opened + 3, what="a new order is obeyed")
    finally:
        loop.stop()


def test_a_list_grows_old_though_the_clock_is_set_back(moved: Moved) -> None:
    """The last one here: the machine has slept for longer than the centre, whose time is then behind the floor."""
    way = moved.way
    member = way.people[2]
    slept = timedelta(seconds=2 * LONGEST_S)
    way.chain.line.cut()
    try:
        until(lambda: moved.metric("maillage_gateway_uplink_connected") == 0, what="it is offline")
        sleep(moved.clock, slept // timedelta(microseconds=1) * 1000)
        moved.set(-YEAR)
        until(lambda: moved.metric("maillage_gateway_clocks_wrong") >= 1, what="the gateway has looked at its clock")
        before, opened, kept = way.count(), way.opened, moved.decisions_kept()
        way.hands.show(way.gateway, "reader-entry-in", member.card)
        until(lambda: moved.decisions_kept() == kept + 1, what="it has decided")
        way.hands.show(way.gateway, "reader-entry-out", member.card)
        until(lambda: moved.decisions_kept() == kept + 2, what="it has decided again")
        until(lambda: way.opened > opened, what="egress opens")
    finally:
        way.chain.line.mend()
    until(lambda: way.count() == before + 2)
    reasons = [reason for reason, _, _ in way.decided(before + 1)]
    assert sorted(reasons) == ["granted", "list_too_old"]
    assert way.opened == opened + 1
