"""What each page of signed-in people costs the server, and when a phone has painted it: ``python -m benchmarks.pages``.

A network of 1,512 places with a year behind it in a real TimescaleDB (`benchmarks.network_year`), one API process, and
one browser after the other: a place's manager, an administrator of the network, a member. Every page that the
application has is asked for on one connection, again and again. Then Chromium opens it with an empty cache on fast 3G
(1.6 Mbit/s down, 0.75 up, 150 ms there and back) with its processor slowed down four times.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import psycopg
from playwright.sync_api import Browser, sync_playwright

from api.keys.owner import create_key
from benchmarks.board import _API, _EMPTY, _database, _load, _process
from benchmarks.network_year import make
from benchmarks.report import Result, finish, progress
from maillage.embedded.secrets import LOGINS
from maillage.logins import make_login
from tests.e2e.furnished import VALUES, opened_here
from tests.page_routes import filled

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
# The place with the most members, one of them (not of those who hold the network's bookings), and what of theirs the
# pages' addresses name.
_WHO: Final = """
SELECT p.code, m.ref, (SELECT c.ref FROM card c WHERE c.member = m.ref LIMIT 1) AS card,
  (SELECT b.ref FROM booking b WHERE b.member = m.ref LIMIT 1) AS booking,
  (SELECT d.code FROM door d WHERE d.place = p.id LIMIT 1) AS door,
  (SELECT g.code FROM gateway g WHERE g.place = p.id LIMIT 1) AS gateway
FROM place p JOIN member m ON m.home = p.id
WHERE p.id = (SELECT home FROM member WHERE home IS NOT NULL GROUP BY home ORDER BY count(*) DESC, home LIMIT 1)
  AND EXISTS (SELECT FROM card c WHERE c.member = m.ref)
ORDER BY (SELECT count(*) FROM booking b WHERE b.member = m.ref), m.ref LIMIT 1
"""
_OWN: Final = """
INSERT INTO booking (ref, member, place, space, starts_at, ends_at)
SELECT 'b-own' || n, %(member)s, s.place, s.id, b.at, b.at + interval '2 hours'
FROM generate_series(-10, 5) n
CROSS JOIN LATERAL (SELECT s.id, s.place FROM space s JOIN place p ON p.id = s.place
                    JOIN space_kind k ON k.kind = s.kind WHERE p.code = %(place)s AND k.for_work LIMIT 1) s
CROSS JOIN LATERAL (SELECT date_trunc('hour', now()) + n * interval '1 day' AS at) b
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and end with the line of results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--places", type=int, default=1512)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each page")
    parser.add_argument("--paints", type=int, default=3, help="of each page")
    options = parser.parse_args(arguments)
    limits = ("CLIENT_REQUESTS", "CLIENT_STREAMS", "CLIENT_CONNECTIONS", "KEY_REQUESTS")
    with tempfile.TemporaryDirectory(prefix="maillage-pages-") as folder:
        Path(folder).chmod(0o755)
        with _database(Path(folder)) as url:
            with psycopg.connect(url, autocommit=True) as owner:
                make(owner, places=options.places, days=options.days, today=datetime.now(UTC).date())
                keys, given = _people(owner)
            make_login(url, "api_1", password=_PASSWORD, group=LOGINS["api_1"])
            settings = {
                "MAILLAGE_DATABASE_URL": _as_login(url),
                **{f"MAILLAGE_{name}": "1000000000" for name in limits},
            }
            with _process(_API, settings) as api, _process(_EMPTY, {}, path="/") as empty:
                empty_route = _load(
                    {"port": empty, "requests": [["/", None]], "status": 200, "seconds": 2, "connections": 1}
                )
                finish("pages", _measure(api, keys, given, options, empty_route))


def _as_login(url: str) -> str:
    """The API's own user: row-level security holds for it, and costs what it costs."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"api_1:{_PASSWORD}@{parts.hostname}:{parts.port}"))


def _people(owner: psycopg.Connection[Any]) -> tuple[dict[str, str], dict[str, str]]:
    row = owner.execute(_WHO).fetchone()
    assert row is not None, "the sample has members"
    place, member, card, booking, door, gateway = (str(one) for one in row)
    owner.execute(_OWN.encode(), {"member": member, "place": place})
    keys = {
        "manager": create_key(owner, "manager", role="place_manager", places=[place]),
        "admin": create_key(owner, "admin", role="network_administrator"),
        "member": create_key(owner, "member", role="member", member=member),
    }
    given = {"place": place, "member": member, "card": card, "booking": booking, "door": door, "gateway": gateway}
    return keys, given


def _measure(
    api: int, keys: Mapping[str, str], given: Mapping[str, str], options: argparse.Namespace, empty: Mapping[str, float]
) -> list[Result]:
    times: dict[str, dict[str, float]] = {}
    paints: dict[str, float] = {}
    pages = [
        (("admin" if path in VALUES["administrator"] else "member" if path.startswith("/me") else "manager"), path)
        for path in opened_here()
        if "{ref}" not in path
    ]
    given = {**given, "code": given["place"]}
    for who, path in pages:
        order = {"port": api, "requests": [[filled(path, given), None]], "status": 200, "connections": 1}
        signed = {**order, "cookie": f"__Host-maillage={keys[who]}"}
        try:
            _load({**signed, "seconds": 1.0})
            times[path] = _load({**signed, "seconds": options.seconds})
        except RuntimeError as error:
            progress(f"{path}: {error}")
            continue
        progress(f"{path:40} p50 {times[path]['p50_ms']:6.1f} ms, p99 {times[path]['p99_ms']:6.1f} ms")
    found = shutil.which("chromium")
    if found is not None and options.paints:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=found)
            for who, path in pages:
                if path in times:
                    painted = [_paint(browser, api, keys[who], filled(path, given)) for _ in range(options.paints)]
                    paints[path] = median(painted)
                    progress(f"{path:40} first paint after {paints[path]:.0f} ms")
            browser.close()
    slowest = max(times, key=lambda one: times[one]["p99_ms"])
    progress(f"the slowest: {slowest}")
    results = [
        Result(
            name="page_p99_ms",
            value=times[slowest]["p99_ms"],
            unit="ms",
            reference="goal",
            reference_value=_LIMIT_MS,
        ),
        Result(
            name="page_p50_ms",
            value=max(one["p50_ms"] for one in times.values()),
            unit="ms",
            reference="empty FastAPI route",
            reference_value=empty["p50_ms"],
        ),
        Result(
            name="pages_over_30_ms",
            value=sum(one["p99_ms"] > _LIMIT_MS for one in times.values()),
            unit="pages",
            reference="of pages",
            reference_value=len(times),
        ),
    ]
    if paints:
        results.append(
            Result(
                name="page_first_paint_ms",
                value=max(paints.values()),
                unit="ms",
                reference="goal, fast 3G and a four times slower processor",
                reference_value=_PAINT_LIMIT_MS,
            )
        )
    return results


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
