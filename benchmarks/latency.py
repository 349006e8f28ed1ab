"""Event at the driver → row committed → stream client, at three rates; and card read → unlock command on the wire.

``python -m benchmarks.latency [--seconds N] [--rates 100 1000] [--recorded 10000]``; 1,000 a second also over TLS and
without, in turn, three times each, of which the medians are compared (``--only-tls``: nothing else). Real parts, each a
process of its own: field broker, gateway (154 places), central broker, ingest, TimescaleDB, API, and one client of
``/v1/stream``. An event's time is the gateway's, at the moment its driver's connection hears the message; the stream's
is the client's, at the moment it reads the first message that holds the event. The transaction's time is that of its
beginning, the commit's that of its end, as the database notes them. All clocks are this machine's.

One process that plays 154 gateways takes about 7,500 events a second. So the highest rate comes in recorded batches
(``benchmarks.recorded``), without field broker and gateway, and an event's time is when it goes into its batch's spool.
"""

from __future__ import annotations

import argparse
import bisect
import http.client
import json
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any, Final, Self

import psycopg

from api.keys.owner import create_key
from benchmarks import tap
from benchmarks.report import Result, finish, progress
from benchmarks.secure import configure
from benchmarks.stand import SECRET, Stand, create_login, make_network, stand
from gateway.config import write_gateways
from gateway.contract.signing import new_seed
from maillage.embedded import EmbeddedMosquitto, fetch
from maillage.embedded.process import free_port
from maillage.network.gateways import export_gateways
from maillage.stack.children import Child

PLACES = 154
_USUAL = 1000
"""Events a second at which a goal stands…"""
_HIGHEST = 10_000
"""…and the highest, which is measured in recorded batches."""
_TURNS: Final = 3
"""With TLS and without, each."""
_STAGES: Final = {"stored": "to the transaction", "committed": "to its commit", "seen": "to the stream"}
_DATABASE: Final = {"track_commit_timestamp": "on"}
_ROWS = """
-- each event's place and time, with the delays to its transaction and to the end of its commit, in microseconds
SELECT p.code, (extract(epoch FROM e.at) * 1000000)::bigint,
       (extract(epoch FROM e.received_at - e.at) * 1000000)::bigint,
       (extract(epoch FROM pg_xact_commit_timestamp(e.xmin) - e.at) * 1000000)::bigint
FROM event e JOIN place p ON p.id = e.place WHERE e.kind = 5 AND e.at BETWEEN %s AND %s
"""


class Listener:
    """One client of the live stream; keeps (time of receipt, time of the state) by place, in microseconds."""

    def __init__(self, port: int, key: str) -> None:
        self._headers = {"X-Api-Key": key}
        self.heard: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        self._connection.request("GET", "/v1/stream", headers=self._headers)
        answer = self._connection.getresponse()
        try:
            while line := answer.readline():
                if line.startswith(b"data:"):
                    now = time.time_ns() // 1000
                    said = json.loads(line[5:])
                    if said.get("at") is not None:  # else nothing is known of the place, or it is a heartbeat
                        at = int(datetime.fromisoformat(said["at"]).timestamp() * 1e6 + 0.5)
                        self.heard[said["place"]].append((at, now))
        except (OSError, ValueError, AttributeError):
            return  # the API has stopped


@contextmanager
def centre(where: Stand, name: str, *, tls: bool = False) -> Iterator[tuple[str, int, Path]]:
    """Start ingest and API on a database of their own; gives its URL, the API's port and a folder."""
    url, folder = where.database_url(name), where.directory / name
    folder.mkdir()
    make_network(url, PLACES)
    with psycopg.connect(url) as connection:
        for login, group in (("ingest_1", "maillage_ingest"), ("api_1", "maillage_api")):
            create_login(connection, login, group)
    api, ingest = free_port(), free_port()
    children = [
        _child(
            folder,
            "ingest",
            f"{ingest}/readyz",
            {
                "MAILLAGE_DATABASE_URL": _as(url, "ingest_1"),
                **where.environment("ingest", tls=tls),
                "MAILLAGE_METRICS_PORT": str(ingest),
            },
        ),
        _child(
            folder,
            "api",
            f"{api}/readyz",
            {
                "MAILLAGE_DATABASE_URL": _as(url, "api_1"),
                "MAILLAGE_HTTP_PORT": str(api),
            },
        ),
    ]
    with _running(children):
        yield url, api, folder


@contextmanager
def _running(children: list[Child]) -> Iterator[None]:
    try:
        for child in children:
            child.start()
        for child in children:
            child.wait_until_well(deadline_s=60, stopped=lambda: False)
        yield
    finally:
        for child in reversed(children):
            child.stop()


@contextmanager
def chain(where: Stand, name: str, *, tls: bool = False) -> Iterator[tuple[str, EmbeddedMosquitto, int, list[str]]]:
    """Start the processes; gives the database's URL, the field broker, the API's port and the sensors' topics.

    ``tls``: gateways and ingest connect with certificates.
    """
    with centre(where, name, tls=tls) as (url, api, folder):
        with psycopg.connect(url) as connection:
            gateways = export_gateways(
                connection, password=lambda _code: SECRET, list_key=None, card_secret=bytes.fromhex("5a" * 32)
            )
        spool = folder / "spool.sqlite"
        if tls:
            seed = new_seed()
            joined = where.secure.join(
                folder / "identities", [(one.shard, one.place, one.gateway) for one in gateways], seed
            )
            where.secure.admit(joined)
            configure(spool, joined, {one.gateway: one for one in gateways}, seed)
            connects = {"MAILLAGE_IDENTITY": str(folder / "identities")}
        else:
            where.broker.enrol({one.gateway: SECRET for one in gateways})
            write_gateways(folder / "gateways.json", gateways)
            connects = {
                "MAILLAGE_MQTT_URL": f"mqtt://127.0.0.1:{where.broker.port}",
                "MAILLAGE_GATEWAYS_FILE": str(folder / "gateways.json"),
            }
        field = EmbeddedMosquitto(folder / "field", bundle=fetch())
        field.start()
        metrics = free_port()
        gateway = _child(
            folder,
            "gateway",
            f"{metrics}/healthz",
            {
                **connects,
                "MAILLAGE_FIELD_MQTT_URL": field.url(),
                "MAILLAGE_SPOOL": str(spool),
                "MAILLAGE_METRICS_PORT": str(metrics),
            },
        )
        topics = [
            device.address
            for desk in range(24)
            for one in gateways
            for device in one.devices
            if device.code == f"desk-{desk}"
        ]
        try:
            with _running([gateway]):
                yield url, field, api, topics
        finally:
            field.stop()


def _child(folder: Path, name: str, health: str, environment: dict[str, str]) -> Child:
    return Child(
        name=name,
        arguments=[name],
        environment={**environment, "MAILLAGE_LOG_LEVEL": "WARNING"},
        log=folder / f"{name}.log",
        health=f"http://127.0.0.1:{health}",
    )


def _as(url: str, user: str) -> str:
    return url.replace("postgres:", f"{user}:", 1)


def measure(url: str, listener: Listener, load: Any, orders: dict[str, Any]) -> dict[str, float]:
    """Run the load at one rate; latencies in milliseconds."""
    began = time.time_ns() // 1000
    print(json.dumps(orders), file=load.stdin, flush=True)
    said = json.loads(load.stdout.readline())
    ended = time.time_ns() // 1000
    rows = _settled(url, began, ended)
    delays: dict[str, list[float]] = {stage: [] for stage in _STAGES}
    missing = 0
    for place, at, to_transaction, to_commit in rows:
        heard = listener.heard[place]
        index = bisect.bisect_left(heard, (at - at % 1000, 0))  # the stream tells milliseconds
        if index == len(heard):
            missing += 1
        else:
            delays["seen"].append((heard[index][1] - at) / 1000)
        delays["stored"].append(to_transaction / 1000)
        delays["committed"].append(to_commit / 1000)
    if missing:
        progress(f"{missing} of {len(rows)} events were never seen on the stream")
    found = {"sent": said["sent"], "stored": len(rows), "rate": said["sent"] / said["seconds"]}
    for stage, values in delays.items():
        values.sort()
        found[f"{stage}_p50"] = values[len(values) // 2]
        found[f"{stage}_p99"] = values[int(len(values) * 0.99)]
    return found


def _settled(url: str, began: int, ended: int) -> list[tuple[str, int, int, int]]:
    """The rows of a run, once no more arrive."""

    def when(micros: int) -> datetime:
        return datetime.fromtimestamp(micros / 1e6).astimezone()

    with psycopg.connect(url, autocommit=True) as connection:
        count = -1
        while True:
            rows = connection.execute(_ROWS, (when(began), when(ended + 60_000_000))).fetchall()
            if len(rows) == count:
                return rows
            count = len(rows)
            time.sleep(3.0)  # longer than the gateway takes to send again what was lost on its way


def rates(where: Stand, wanted: Iterable[int], seconds: float) -> dict[int, dict[str, float]]:
    """Measure at each rate."""
    with sensed(where, "latency") as load:
        return {rate: load.run(rate, seconds) for rate in wanted}


def with_and_without_tls(where: Stand, seconds: float) -> dict[bool, dict[str, float]]:
    """Measure the usual rate over TLS and without, in turn; the median of each figure."""
    runs: dict[bool, list[dict[str, float]]] = {False: [], True: []}
    with sensed(where, "plain") as plain, sensed(where, "over_tls", tls=True) as secure:
        for number in range(_TURNS):
            for tls in (False, True) if number % 2 == 0 else (True, False):
                runs[tls].append((secure if tls else plain).run(_USUAL, seconds))
    return {tls: {name: median(one[name] for one in found) for name in found[0]} for tls, found in runs.items()}


def recorded(where: Stand, wanted: Iterable[int], seconds: float) -> dict[int, dict[str, float]]:
    """Measure at each rate what the centre takes, with recorded batches in place of gateways (``recorded``)."""
    with centre(where, "recorded") as (url, api, _):
        logins = where.gateway_logins(PLACES, tls=False)
        gateways = [[place, code, n % 64, broker] for n, (place, code, broker, _) in enumerate(logins, start=1)]
        with Load(url, api, "benchmarks.recorded", {"gateways": gateways}, "in recorded batches") as load:
            return {rate: load.run(rate, seconds) for rate in wanted}


@contextmanager
def sensed(where: Stand, name: str, *, tls: bool = False) -> Iterator[Load]:
    """Start a whole chain and its sensors; ``tls``: gateways and ingest connect with certificates."""
    with (
        chain(where, name, tls=tls) as (url, field, api, topics),
        Load(url, api, "benchmarks.sensors", {"url": field.url(), "topics": topics}, "over TLS" if tls else "") as load,
    ):
        yield load


class Load:
    """A process that makes events, and a client of the stream that sees them."""

    def __init__(self, url: str, api: int, module: str, order: dict[str, Any], how: str) -> None:
        self._url = url
        self._order = order
        self._how = how
        with psycopg.connect(url) as connection:
            key = create_key(connection, "latency", role="availability_reader")
        self._listener = Listener(api, key)
        self._process = subprocess.Popen(
            [sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        """Warm all of it up."""
        self._measure(200, 3)
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()

    def run(self, rate: int, seconds: float) -> dict[str, float]:
        """Measure at one rate."""
        one = self._measure(rate, seconds)
        stages = "; ".join(
            f"{words} p50 {one[f'{stage}_p50']:.1f} ms, p99 {one[f'{stage}_p99']:.1f} ms"
            for stage, words in _STAGES.items()
        )
        progress(f"{one['rate']:>8,.0f} events/s {self._how}: {stages}; {one['stored']:,} of {one['sent']:,} stored")
        return one

    def _measure(self, rate: int, seconds: float) -> dict[str, float]:
        orders = {**self._order, "rate": rate, "seconds": seconds}
        return measure(self._url, self._listener, self._process, orders)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each rate (default 15)")
    parser.add_argument("--rates", type=int, nargs="+", default=[100, _USUAL], help="events a second")
    parser.add_argument(
        "--recorded",
        type=int,
        nargs="*",
        default=[_HIGHEST],
        help="events a second, in recorded batches (default 10000)",
    )
    parser.add_argument("--taps", type=int, default=2000, help="card reads (default 2000)")
    parser.add_argument("--only-tls", action="store_true", help="only 1,000 a second over TLS and without, in turn")
    choice = parser.parse_args()
    results: list[Result] = []
    with stand(_DATABASE) as where:
        if not choice.only_tls:
            found = rates(where, sorted({*choice.rates, _USUAL}), choice.seconds)
            results += _usual(found) + _recorded(recorded(where, choice.recorded, choice.seconds))
        turns = with_and_without_tls(where, choice.seconds / 2)
    results += [
        Result(
            name=f"event_to_stream_tls_{quantile}_ms",
            value=turns[True][f"seen_{quantile}"],
            unit="ms",
            reference="without TLS, at 1,000 events/s, in turn",
            reference_value=turns[False][f"seen_{quantile}"],
        )
        for quantile in ("p50", "p99")
    ]
    if not choice.only_tls:
        results.append(tap.result(taps=choice.taps))
    finish("latency", results)


def _usual(found: dict[int, dict[str, float]]) -> list[Result]:
    return [
        Result(
            name="event_to_stream_p99_ms",
            value=found[_USUAL]["seen_p99"],
            unit="ms",
            reference="goal at 1,000 events/s",
            reference_value=75,
        ),
        *(
            Result(name=f"event_to_{stage}_{quantile}_ms_at_{rate}_per_s", value=one[f"{key}_{quantile}"], unit="ms")
            for key, stage in (("seen", "stream"), ("stored", "transaction"), ("committed", "commit"))
            for quantile in ("p50", "p99")
            for rate, one in found.items()
        ),
    ]


def _recorded(found: dict[int, dict[str, float]]) -> list[Result]:
    return [
        Result(
            name=f"event_to_stream_{quantile}_ms_at_{rate}_per_s",
            value=one[f"seen_{quantile}"],
            unit="ms",
            reference=f"goal at {_HIGHEST:,} events/s, in recorded batches" if quantile == "p99" else None,
            reference_value=500 if quantile == "p99" else None,
        )
        for quantile in ("p50", "p99")
        for rate, one in found.items()
    ]


if __name__ == "__main__":
    main()
