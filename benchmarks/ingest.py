"""Events through the broker to committed, with the fold, beside a bare binary COPY of the same rows in the same run.

``python -m benchmarks.ingest [--quick]``. Broker, database, the fleet of gateways and the ingest share this machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

import psycopg

from benchmarks.fleet import BATCH, events
from benchmarks.report import Result, finish, progress
from benchmarks.stand import Stand, make_network, stand
from gateway.contract.stored_events import COPY_EVENT, HEADER, TRAILER, row
from gateway.contract.wire import EVENT

_COPY_ROWS = 5_000


def copy_rate(url: str, seconds: float) -> float:
    """Rows a second of a bare binary COPY of such events, encoded beforehand, 5,000 a transaction."""
    now = time.time_ns() // 1000
    rows = [
        row(
            EVENT.validate_json(text),
            at=now + n,
            received_at=now,
            tx=1,
            stream=1,
            seq=n + 1,
            place=1,
            device=n % 28 + 1,
        )
        for n, text in enumerate(events(0, _COPY_ROWS, now, 100))
    ]
    block = HEADER + b"".join(rows) + TRAILER
    done = 0
    with psycopg.connect(url) as connection:
        started = time.monotonic()
        while time.monotonic() - started < seconds:
            with connection.transaction(), connection.cursor() as cursor, cursor.copy(COPY_EVENT) as copy:
                copy.write(block)
            done += _COPY_ROWS
        return done / (time.monotonic() - started)


def ingest_rate(
    where: Stand, url: str, gateways: int, batches: int, workers: int, *, tls: bool = False
) -> dict[str, float]:
    """Send ``batches`` batches from each gateway and return what was measured; ``tls``: everyone by certificate."""
    python = [sys.executable, "-m"]
    names = where.gateway_logins(gateways, tls=tls)
    environment = {**os.environ, "MAILLAGE_DATABASE_URL": url, **where.environment("ingest", tls=tls)}
    share = 64 // workers
    ports = [19_464 + n for n in range(workers)]
    processes = [
        subprocess.Popen(
            [*python, "benchmarks.serve_ingest"],
            env={
                **environment,
                "MAILLAGE_SHARDS": f"{n * share}-{(n + 1) * share - 1}",
                "MAILLAGE_METRICS_PORT": str(ports[n]),
                "MAILLAGE_LOG_LEVEL": "ERROR",
            },
        )
        for n in range(workers)
    ]
    fleet = subprocess.Popen([*python, "benchmarks.fleet"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert fleet.stdin is not None and fleet.stdout is not None
    try:
        for port in ports:
            _until_ready(port)
        print(json.dumps({"gateways": names, "batches": batches}), file=fleet.stdin, flush=True)
        ready = json.loads(fleet.stdout.readline())
        print("go", file=fleet.stdin, flush=True)
        said = json.loads(fleet.stdout.readline())
    finally:
        fleet.kill()
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(20)
    with psycopg.connect(url) as connection:
        stored = connection.execute("SELECT count(*), count(DISTINCT (stream, seq)) FROM event").fetchone()
    assert stored is not None
    if stored[0] != said["events"] or stored[1] != said["events"]:
        raise SystemExit(f"stored {stored[0]} rows ({stored[1]} different) of {said['events']} events")
    return {"rate": said["events"] / said["seconds"], "resent": said["resent"], "bytes": ready["bytes"], **said}


def over_tls(where: Stand, gateways: int, events: int, workers: int) -> Iterator[Result]:
    """Measure with certificates and with passwords, in turn, with half of the events; the better of two runs each."""
    rates: dict[bool, list[float]] = {False: [], True: []}
    for number in range(2):
        for tls in (False, True):
            url = where.database_url(f"ingest_tls_{gateways}_{number}_{int(tls)}")
            make_network(url, gateways)
            measured = ingest_rate(where, url, gateways, max(2, events // 2 // BATCH // gateways), workers, tls=tls)
            rates[tls].append(measured["rate"])
            progress(f"{gateways:>5} gateways {'over TLS' if tls else 'without'}: {measured['rate']:>9,.0f} events/s")
    yield Result(
        name="events_per_s_tls",
        value=max(rates[True]),
        unit="events/s",
        reference="without TLS",
        reference_value=max(rates[False]),
    )


def _until_ready(port: int) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2):
                return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the ingest does not become ready")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fifth of the events")
    parser.add_argument("--workers", type=int, default=2, choices=(1, 2, 4), help="ingest processes (default 2)")
    parser.add_argument("--gateways", type=int, nargs="*", default=[1, 10, 154, 1540])
    parser.add_argument("--tls", type=int, nargs="*", default=[154], help="gateways of the runs over TLS (default 154)")
    choice = parser.parse_args()
    events_each = 200_000 if choice.quick else 1_000_000
    results: list[Result] = []
    with stand() as where:
        rates: dict[int, float] = {}
        references: dict[int, float] = {}
        for gateways in choice.gateways:
            url = where.database_url(f"ingest_{gateways}")
            make_network(url, gateways)
            spare = where.database_url(f"copy_{gateways}")
            batches = max(2, events_each // BATCH // gateways)
            before = copy_rate(spare, 4.0)
            measured = ingest_rate(where, url, gateways, batches, choice.workers)
            after = copy_rate(spare, 4.0)
            rates[gateways], references[gateways] = measured["rate"], (before + after) / 2
            progress(
                f"{gateways:>5} gateways: {measured['rate']:>9,.0f} events/s ({measured['events']:,.0f} events of "
                f"{measured['bytes']:.0f} bytes, {measured['resent']:.0f} resends); "
                f"bare COPY {references[gateways]:,.0f} rows/s"
            )
        secure = [one for gateways in choice.tls for one in over_tls(where, gateways, events_each, choice.workers)]
        main_count = 154 if 154 in rates else choice.gateways[-1]
        results.append(
            Result(
                name="events_per_s",
                value=rates[main_count],
                unit="events/s",
                reference="bare binary COPY of the same rows",
                reference_value=references[main_count],
            )
        )
        for gateways, rate in rates.items():
            results.append(
                Result(
                    name=f"events_per_s_{gateways}_gateways",
                    value=rate,
                    unit="events/s",
                    reference="bare binary COPY of the same rows",
                    reference_value=references[gateways],
                )
            )
    finish("ingest", [*results, *secure])


if __name__ == "__main__":
    main()
