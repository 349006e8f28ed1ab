"""Whatever dies, whenever: what was committed to the spool arrives once, in order."""

from __future__ import annotations

import json
import random
import sqlite3
import threading
from pathlib import Path
from typing import Any, Self

import pytest

from gateway.settings import GatewaySettings
from tests.conftest import CentralBroker
from tests.integration.gateway.stage import Centre, Field, process_of_its_own, start
from tests.waiting import until


class Load:
    """A desk that changes all the time, until the end of the block."""

    def __init__(self, field: Field, per_s: float) -> None:
        self.sent = 0
        self._field = field
        self._pause_s = 10 / per_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._stop.wait(self._pause_s):
            for _ in range(10):  # together, so that more is on the way than is confirmed
                self._field.desk(self.sent)
                self.sent += 1

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def numbers(events: list[Any]) -> list[int]:
    return [int(event["device_at"]) for event in events if event["kind"] == "desk"]


def held(spool: Path) -> dict[int, Any]:
    """What lies in a dead process's spool, by sequence number."""
    with sqlite3.connect(spool) as connection:
        (base,) = connection.execute("SELECT base FROM gateway WHERE code = 'gare-1'").fetchone()
        rows = connection.execute("SELECT n, body FROM event WHERE gateway = 'gare-1'").fetchall()
    connection.close()
    return {n - base: json.loads(body) for n, body in rows}


def test_kill_9_of_the_gateway_loses_nothing_that_its_spool_held(
    told: GatewaySettings, field: Field, centre: Centre
) -> None:
    kept: dict[int, Any] = {}
    centre.loses = 0.05
    with Load(field, per_s=400):
        for _ in range(3):
            centre.deaf.clear()
            with process_of_its_own(told):
                enough = len(centre.events) + 50
                until(lambda enough=enough: len(centre.events) > enough)  # type: ignore[misc]
                threading.Event().wait(random.uniform(0.1, 0.6))
                centre.deaf.set()  # so that what is on its way gets lost, and only the spool has it
                threading.Event().wait(0.3)
            kept |= held(told.spool)
    centre.deaf.clear()
    centre.loses = 0.0
    last = start(told)
    try:
        until(lambda: last.spool.position("gare-1").depth == 0)
    finally:
        last.stop()
    assert len(centre.stored) == 1, "one epoch throughout"
    (stored,) = centre.stored.values()
    assert len(kept) > 300
    for seq, event in kept.items():
        assert stored[seq - 1] == event, seq
    delivered = numbers(stored)
    assert delivered == sorted(set(delivered)), "in order, nothing twice"


def test_the_central_broker_and_the_line_may_die_at_any_time(
    told: GatewaySettings, mqtt: CentralBroker, field: Field, centre: Centre
) -> None:
    process = start(told)
    centre.loses = 0.05
    try:
        with Load(field, per_s=300) as load:
            for what in ("broker", "line", "deaf", "broker", "line"):
                enough = len(centre.events) + 30
                until(lambda enough=enough: len(centre.events) > enough)  # type: ignore[misc]
                threading.Event().wait(random.uniform(0.1, 0.4))
                if what == "broker":
                    mqtt.server.kill9()
                    mqtt.server.restart()
                elif what == "line":
                    process.uplink.cut("gare-1")
                else:
                    centre.deaf.set()
                    threading.Event().wait(0.5)
                    centre.deaf.clear()
        until(
            lambda: process.spool.position("gare-1").depth == 0 and len(numbers(centre.events)) >= load.sent,
        )
        assert numbers(centre.events) == list(range(load.sent))
        assert len(centre.stored) == 1
        assert process.uplink.batches > 0
    finally:
        process.stop()


def test_a_centre_restored_from_a_backup_gets_a_new_epoch_and_all_that_is_still_held(
    told: GatewaySettings, field: Field, centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.uplink.window.LOW_FOR_S", 0.5)
    monkeypatch.setattr("gateway.uplink.window.RESEND_S", 0.3)
    process = start(told)
    try:
        for number in range(20):
            field.desk(number)
        until(lambda: len(numbers(centre.events)) == 20 and process.spool.position("gare-1").depth == 0)
        (epoch,) = centre.stored
        del centre.stored[epoch][5:]
        for number in range(20, 30):
            field.desk(number)
        until(lambda: len(centre.stored) == 2 and process.spool.position("gare-1").depth == 0)
        (later,) = set(centre.stored) - {epoch}
        assert numbers(centre.stored[later]) == list(range(20, 30))
        (said,) = [event for event in centre.stored[later] if event.get("what") == "spool"]
        assert "restored from a backup" in said["text"]
        assert centre.ignored >= 3
    finally:
        process.stop()


def test_a_new_event_goes_out_at_once(
    told: GatewaySettings, field: Field, centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = start(told)
    try:
        until(lambda: centre.of_kind("gateway"))
        monkeypatch.setattr("gateway.mqtt.loop._IDLE_S", 600.0)  # whoever waits for the next round waits in vain
        for number in range(40):
            field.desk(number)
            until(lambda number=number: len(centre.of_kind("desk")) > number)  # type: ignore[misc]
    finally:
        monkeypatch.undo()
        process.stop()
