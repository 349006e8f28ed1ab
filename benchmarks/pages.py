"""What each page of signed-in people costs the server, and when a phone has painted it: ``python -m benchmarks.pages``.

A network of 1,512 places with a year behind it in a real TimescaleDB (`benchmarks.network_year`), one API process, and
one browser after the other: a place's manager, an administrator of the network, a member. Every page that the
application has is asked for on one connection, again and again; before that a few times with the database's statements
and the processors' time counted. Then Chromium opens it with an empty cache on fast 3G (1.6 Mbit/s down, 0.75 up,
150 ms there and back) with its processor slowed down four times.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import psycopg
from playwright.sync_api import Browser, sync_playwright

from benchmarks.board import _API, _EMPTY, _database, _load, _process
from benchmarks.network_year import make
from benchmarks.page_addresses import Address, People, addresses, furnish, people
from benchmarks.page_costs import Cost, child_with, count_statements, processor_time, statements_logged
from benchmarks.report import Result, finish, progress
from maillage.embedded.secrets import LOGINS
from maillage.logins import make_login

_LIMIT_MS: Final = 30.0
_PAINT_LIMIT_MS: Final = 1000.0
_FAST_3G: Final = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1_600_000 / 8,
    "uploadThroughput": 750_000 / 8,
}
_SLOWER: Final = 4
_PASSWORD: Final = "of-the-benchmark"  # noqa: S105 — of a server that lives for minutes
_COUNTED: Final = 5
"""Requests of each page whose statements are counted."""
_TIMED: Final = 25
"""Requests of each page whose processors' time is taken: the kernel counts in steps of 10 ms."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and end with the line of results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--places", type=int, default=1512)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each page")
    parser.add_argument("--paints", type=int, default=1, help="of each page")
    parser.add_argument("--only", default="", help="only pages in whose address this stands")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="maillage-pages-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with _database(folder) as url:
            with psycopg.connect(url, autocommit=True) as owner:
                make(owner, places=options.places, days=options.days, today=datetime.now(UTC).date())
                who = people(owner)
            make_login(url, "api_1", password=_PASSWORD, group=LOGINS["api_1"])
            finish("pages", measure(url, folder / "postgres" / "postgres.log", who, options))


def measure(url: str, log: Path, who: People, options: argparse.Namespace) -> list[Result]:
    """Measure the pages on a database that is filled; ``url`` is its owner's, ``log`` the server's."""
    limits = ("CLIENT_REQUESTS", "CLIENT_STREAMS", "CLIENT_CONNECTIONS", "KEY_REQUESTS")
    settings = {"MAILLAGE_DATABASE_URL": as_login(url), **{f"MAILLAGE_{name}": "1000000000" for name in limits}}
    with _process(_API, settings) as api, _process(_EMPTY, {}, path="/") as empty:
        pages = [one for one in addresses(who.given, furnish(api, who)) if options.only in one.name]
        empty_route = _load({"port": empty, "requests": [["/", None]], "status": 200, "seconds": 2, "connections": 1})
        with psycopg.connect(url, autocommit=True) as owner:
            costs = _costs(owner, api, log, who.keys, pages)
        times: dict[Address, dict[str, float]] = {}
        progress("statements, ms of the processor in the API and in the database, ms until the answer: median, p99")
        for one, cost in costs.items():
            order = {"port": api, "requests": [[one.url, None]], "status": 200, "connections": 1}
            order |= {"cookie": _cookie(who.keys[one.who]), "seconds": options.seconds}
            times[one] = _load(order)
            progress(
                f"{one.name:56} {cost.statements:5.1f} {cost.api_ms:6.1f} {cost.database_ms:6.1f} "
                f"{times[one]['p50_ms']:7.1f} {times[one]['p99_ms']:7.1f}"
            )
        return _results(times, costs, _paints(api, who.keys, pages, options.paints), empty_route)


def as_login(url: str) -> str:
    """Return the URL of the API's own user: row-level security holds for it, and costs what it costs."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"api_1:{_PASSWORD}@{parts.hostname}:{parts.port}"))


def _cookie(key: str) -> str:
    return f"__Host-maillage={key}"


def _costs(
    owner: psycopg.Connection[Any], port: int, log: Path, keys: Mapping[str, str], pages: Sequence[Address]
) -> dict[Address, Cost]:
    api = child_with("api.run")
    statements: dict[Address, float] = {}
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        with statements_logged(owner):
            for one in pages:
                try:
                    counted = count_statements(connection, _cookie(keys[one.who]), one.url, log, rounds=_COUNTED)
                    statements[one] = counted
                except RuntimeError as error:
                    progress(f"not measured: {one.name}: {error}")
        costs = {}
        for one, counted in statements.items():
            ours, its = processor_time(connection, _cookie(keys[one.who]), one.url, owner, api, rounds=_TIMED)
            costs[one] = Cost(statements=counted, api_ms=ours, database_ms=its)
    return costs


def _paints(port: int, keys: Mapping[str, str], pages: Sequence[Address], many: int) -> dict[Address, float]:
    found = shutil.which("chromium")
    if found is None or not many:
        return {}
    paints = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found)
        for one in pages:
            paints[one] = median(_paint(browser, port, keys[one.who], one.url) for _ in range(many))
            progress(f"{one.name:56} first paint after {paints[one]:.0f} ms")
        browser.close()
    return paints


def _results(
    times: Mapping[Address, Mapping[str, float]],
    costs: Mapping[Address, Cost],
    paints: Mapping[Address, float],
    empty: Mapping[str, float],
) -> list[Result]:
    slowest = max(times, key=lambda one: times[one]["p99_ms"])
    progress(f"the slowest: {slowest.name}")
    over = sum(one["p99_ms"] > _LIMIT_MS for one in times.values())
    median_ms = max(one["p50_ms"] for one in times.values())
    most = max(one.statements for one in costs.values())
    given = [
        ("page_p99_ms", times[slowest]["p99_ms"], "ms", "goal", _LIMIT_MS),
        ("page_p50_ms", median_ms, "ms", "empty FastAPI route", empty["p50_ms"]),
        ("pages_over_30_ms", over, "pages", "of pages", len(times)),
        ("page_statements", most, "", "median page", median(one.statements for one in costs.values())),
    ]
    if paints:
        goal = "goal, fast 3G and a four times slower processor"
        given.append(("page_first_paint_ms", max(paints.values()), "ms", goal, _PAINT_LIMIT_MS))
    return [
        Result(name=name, value=value, unit=unit, reference=reference, reference_value=against)
        for name, value, unit, reference, against in given
    ]


def _paint(browser: Browser, port: int, key: str, path: str) -> float:
    """Open a page with an empty cache on a slow phone; return when it first painted text, in milliseconds."""
    context = browser.new_context(locale="fr-FR", viewport={"width": 390, "height": 800})
    where: dict[str, Any] = {"url": "https://127.0.0.1/", "secure": True, "httpOnly": True, "sameSite": "Lax"}
    context.add_cookies([{"name": "__Host-maillage", "value": key, **where}])  # type: ignore[typeddict-item]
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", _FAST_3G)
    session.send("Emulation.setCPUThrottlingRate", {"rate": _SLOWER})
    page.goto(f"http://127.0.0.1:{port}{path}")
    page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length > 0")
    painted: float = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    context.close()
    return painted


if __name__ == "__main__":
    main()
