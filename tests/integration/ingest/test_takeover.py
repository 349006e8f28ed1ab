"""A worker that is frozen is replaced, and stores nothing when it wakes up; a reader's login stops none."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psycopg

from maillage.embedded.process import free_port
from maillage.stack.children import Child
from tests.e2e.chain import kill9
from tests.integration.ingest.conftest import Bench
from tests.integration.ingest.test_events import desks, now
from tests.integration.test_readers import OLD_LOCKS
from tests.waiting import until

OWNER = "SELECT h.login, l.fence FROM lease l JOIN lease_holder h ON h.id = l.holder WHERE l.name = 'shard 01'"


def _child(bench: Bench, name: str, directory: Path) -> Child:
    port = free_port()
    return Child(
        name=name,
        arguments=["ingest"],
        environment={
            "MAILLAGE_DATABASE_URL": bench.settings.database_url.get_secret_value(),
            "MAILLAGE_MQTT_URL": bench.settings.mqtt_url.get_secret_value(),
            "MAILLAGE_METRICS_PORT": str(port),
        },
        log=directory / f"{name}.log",
        health=f"http://127.0.0.1:{port}/readyz",
    )


def _send_until(bench: Bench, seq: int) -> None:
    """As a gateway: what isn't committed is sent again."""
    gateway = bench.gateways[0]

    def resend() -> bool:
        after = gateway.mark() or 0
        if after < seq:
            gateway.batch(after + 1, desks(0, min(5, seq - after)), sent_at=now())
        return gateway.mark() == seq

    until(resend, every_s=0.2, deadline_s=120, what=f"mark {seq}")


def test_a_frozen_worker_is_replaced_and_stores_nothing_when_it_wakes(bench: Bench, tmp_path: Path) -> None:
    children = [_child(bench, name, tmp_path) for name in ("one", "two")]
    try:
        children[0].start()
        children[0].wait_until_well(deadline_s=60, stopped=lambda: False)
        _send_until(bench, 20)
        children[1].start()
        children[1].wait_until_well(deadline_s=60, stopped=lambda: False)
        first = bench.one("SELECT fence FROM lease WHERE name = 'shard 01'")
        assert children[0].pid is not None
        os.kill(children[0].pid, signal.SIGSTOP)
        with psycopg.connect(bench.url.replace("postgres:", "grafana_1:", 1)) as reader:
            reader.execute(OLD_LOCKS)  # and a reader that holds all it can
            _send_until(bench, 60)
        assert bench.one("SELECT fence FROM lease WHERE name = 'shard 01'") == first + 1
        os.kill(children[0].pid, signal.SIGCONT)  # it has batches in its hand that were committed by another
        _send_until(bench, 100)
        until(lambda: "shards_lost" in children[0].log.read_text() or "shard_lost" in children[0].log.read_text())
        kill9(children[1])
        _send_until(bench, 140)
    finally:
        for child in children:
            child.stop()
    assert bench.rows("SELECT count(*), count(DISTINCT seq), max(seq) FROM event") == [(140, 140, 140)]
    assert bench.one("SELECT fence FROM lease WHERE name = 'shard 01'") == first + 2
