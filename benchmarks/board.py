"""Occupancy from the board: one place beside an empty FastAPI route, and the whole network where nothing changed.

``python -m benchmarks.board`` loads the real inventory (1,512 rows; three are refused) with its generated spaces into a
real TimescaleDB, gives every space a present state, starts the API and the empty application as processes with the same
uvicorn settings, and loads them in turn from one more process: the same client, the same number of connections.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final
from urllib.request import urlopen

import psycopg

from benchmarks.report import Result, finish, progress
from database.migrate import migrate
from maillage.embedded import EmbeddedPostgres, fetch
from maillage.sample.creating import create_sample
from tests.waiting import until

_API: Final = (
    "import sys; from api.run import run; from api.http.settings import ApiSettings; sys.exit(run(ApiSettings()))"
)
_EMPTY: Final = (
    "import uvicorn; uvicorn.run('benchmarks.empty:app', host='127.0.0.1', port={port}, loop='uvloop',"
    " http='httptools', ws='none', access_log=False, log_level='warning', server_header=False)"
)
_NETWORK_CONNECTIONS: Final = 8
"""Each asks again at once: more of them would measure the queue that they make."""
# Every space and gateway as the ingest would leave them; true for a day.
_STATES: Final = """
INSERT INTO space_state (space, place, revision, present, low, high, capacity, quality, at, ttl_s, changed_at, fold)
SELECT id, place, 1, id % 7, id % 7, id % 7 + id % 2, coalesce(capacity, 10), 'live', now(), 86400, now(), '{}'
FROM space;
INSERT INTO gateway_state (gateway, place, online, heard_at, changed_at, spool_depth)
SELECT id, place, true, now(), now(), 0 FROM gateway
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and end with the line of results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="maillage-board-") as folder:
        Path(folder).chmod(0o755)
        with _database(Path(folder)) as url:
            codes = _fill(url)
            unlimited = {f"MAILLAGE_CLIENT_{name}": "1000000000" for name in ("REQUESTS", "STREAMS", "CONNECTIONS")}
            given = {"MAILLAGE_DATABASE_URL": url, **unlimited}
            with _process(_API, given) as api, _process(_EMPTY, {}, path="/") as empty:
                finish("board", _measure(api, empty, codes, options))


def _measure(api: int, empty: int, codes: list[str], options: argparse.Namespace) -> list[Result]:
    paths = [[f"/v1/places/{code}/occupancy", None] for code in codes]
    common = {"seconds": options.seconds, "connections": options.connections, "status": 200}
    pairs = []
    for number in range(options.rounds + 1):
        reference = _load({"port": empty, "requests": [["/", None]], **common})
        ours = _load({"port": api, "requests": paths, **common})
        if number == 0:
            continue  # both warm up
        pairs.append((ours["requests"] / ours["seconds"], reference["requests"] / reference["seconds"]))
        progress(
            f"round {number}: one place {pairs[-1][0]:,.0f} requests/s (p99 {ours['p99_ms']:.1f} ms), "
            f"empty route {pairs[-1][1]:,.0f} (p99 {reference['p99_ms']:.1f} ms), "
            f"ratio {pairs[-1][0] / pairs[-1][1]:.2f}"
        )
    # the round of the median ratio: on a shared machine a figure means something only beside its neighbour
    typical = sorted(pairs, key=lambda pair: pair[0] / pair[1])[len(pairs) // 2]
    with urlopen(f"http://127.0.0.1:{api}/v1/occupancy") as answer:
        etag, size = answer.headers["ETag"], len(answer.read())
    network = [["/v1/occupancy", etag]]
    few = {**common, "connections": _NETWORK_CONNECTIONS}
    unchanged = [_load({**few, "port": api, "requests": network, "status": 304}) for _ in range(options.rounds)]
    whole = _load({**few, "port": api, "requests": [["/v1/occupancy", None]]})
    progress(
        f"network, {_NETWORK_CONNECTIONS} connections, 304: "
        f"{median(one['requests'] / one['seconds'] for one in unchanged):,.0f} requests/s, "
        f"p99 {', '.join(format(one['p99_ms'], '.1f') for one in unchanged)} ms; "
        f"whole ({size / 1e6:.2f} MB): p50 {whole['p50_ms']:.1f} ms, p99 {whole['p99_ms']:.1f} ms"
    )
    return [
        Result(
            name="place_requests_per_s",
            value=typical[0],
            unit="1/s",
            reference="empty FastAPI route",
            reference_value=typical[1],
        ),
        Result(
            name="network_p99_ms",
            value=median(one["p99_ms"] for one in unchanged),
            unit="ms",
            reference="goal",
            reference_value=20.0,
        ),
    ]


@contextmanager
def _database(folder: Path) -> Iterator[str]:
    progress("starting TimescaleDB")
    server = EmbeddedPostgres(folder / "postgres", bundle=fetch(), password="of the benchmark")  # noqa: S106
    server.start()
    try:
        with psycopg.connect(server.url(database="postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE board")
        url = server.url(database="board")
        migrate(url, log=lambda _line: None)
        yield url
    finally:
        server.stop()


def _fill(url: str) -> list[str]:
    with psycopg.connect(url, autocommit=True) as connection:
        create_sample(connection, card_secret=b"\0" * 32, log=progress)
        connection.execute(_STATES.encode())
        codes = [code for (code,) in connection.execute("SELECT code::text FROM place ORDER BY md5(code)").fetchall()]
        spaces = connection.execute("SELECT count(*) FROM space").fetchone()
    assert spaces is not None
    progress(f"{len(codes)} places, {spaces[0]} spaces")
    return codes


@contextmanager
def _process(code: str, environment: dict[str, str], *, path: str = "/readyz", ready_s: float = 60) -> Iterator[int]:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = int(one.getsockname()[1])
    given = {**os.environ, **environment, "MAILLAGE_HTTP_PORT": str(port), "MAILLAGE_LOG_LEVEL": "WARNING"}
    process = subprocess.Popen([sys.executable, "-c", code.replace("{port}", str(port))], env=given)
    try:
        until(lambda: process.poll() is None and _answers(port, path), deadline_s=ready_s, what=f"port {port} answers")
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _answers(port: int, path: str) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _load(order: dict[str, Any]) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.http_load"],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        check=False,
        timeout=order["seconds"] + 60,
    )
    if done.returncode != 0:
        raise RuntimeError(f"the load has failed: {done.stderr[-2000:]}")
    result: dict[str, float] = json.loads(done.stdout)
    return result


if __name__ == "__main__":
    main()
