"""The addresses of every page of a member and of a manager, in a network in which something stands on each of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen
from zoneinfo import ZoneInfo

import psycopg

from api.keys.owner import create_key
from benchmarks.report import progress
from tests.e2e.furnished import VALUES
from tests.page_routes import filled, page_routes, parameters

_ZONE: Final = ZoneInfo("Europe/Paris")
_PARTS: Final = frozenset(("/manage/{place}/now", "/manage/{place}/orders"))
"""Parts of a page that the page asks for again and again while it is open."""
_NOT_MEASURED: Final = frozenset(
    (
        *("/me/{rest:path}", "/manage/{rest:path}", "/guest/worker.js"),
        # they wait up to three seconds for gateways to report a card; none runs here
        *("/me/cards/{ref}/doors", "/manage/{place}/members/{ref}/cards/{card}/doors"),
        "/manage/{place}/members/{ref}/doors",
    )
)
_TOWN: Final = "Limoges"
# The place with the most members, one of them (not of those who hold the network's bookings), and what of theirs the
# pages' addresses name.
_WHO: Final = """
SELECT p.code AS place, m.ref AS member, (SELECT c.ref FROM card c WHERE c.member = m.ref LIMIT 1) AS card,
  (SELECT x.ref FROM pass x WHERE x.member = m.ref LIMIT 1) AS pass,
  (SELECT d.code FROM door d WHERE d.place = p.id LIMIT 1) AS door,
  d.gateway, d.device,
  (SELECT s.code FROM space s JOIN space_kind k ON k.kind = s.kind WHERE s.place = p.id AND k.for_work LIMIT 1) AS space
FROM place p JOIN member m ON m.home = p.id
CROSS JOIN LATERAL (SELECT g.code AS gateway, d.code AS device FROM gateway g JOIN device d ON d.gateway = g.id
                    WHERE g.place = p.id LIMIT 1) d
WHERE p.id = (SELECT home FROM member WHERE home IS NOT NULL GROUP BY home ORDER BY count(*) DESC, home LIMIT 1)
  AND EXISTS (SELECT FROM card c WHERE c.member = m.ref)
ORDER BY (SELECT count(*) FROM booking b WHERE b.member = m.ref), m.ref LIMIT 1
"""
_OWN: Final = """
INSERT INTO booking (ref, member, place, space, starts_at, ends_at)
SELECT 'b-own' || n + 10, %(member)s, s.place, s.id, b.at, b.at + interval '2 hours'
FROM generate_series(-10, 5) n
CROSS JOIN (SELECT s.id, s.place FROM space s JOIN place p ON p.id = s.place
            WHERE p.code = %(place)s AND s.code = %(space)s) s
CROSS JOIN LATERAL (SELECT date_trunc('hour', now()) + n * interval '1 day' AS at) b
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A page as one person opens it."""

    who: str
    """``member``, ``manager`` (of one place) or ``admin`` (of the network)."""
    name: str
    """The path with the names of its parameters, and of what is asked for."""
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Who opens the pages: their keys, and what of theirs the addresses name."""

    keys: Mapping[str, str]
    given: Mapping[str, str]


def people(owner: psycopg.Connection[Any]) -> People:
    """Make a key for each who opens pages, and bookings of the member."""
    with owner.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        row = cursor.execute(_WHO.encode()).fetchone()
    assert row is not None, "the sample has members"
    given = {name: str(value) for name, value in row.items()}
    owner.execute(_OWN.encode(), given)
    place = given["place"]
    keys = {
        "manager": create_key(owner, "manager", role="place_manager", places=[place]),
        "admin": create_key(owner, "admin", role="network_administrator"),
        "member": create_key(owner, "member", role="member", member=given["member"]),
    }
    return People(keys=keys, given=given)


def furnish(port: int, people: People) -> Mapping[str, str]:
    """Put something on each page, over the API; return the references of what was made."""
    today = datetime.now(_ZONE).date()
    place, space = people.given["place"], people.given["space"]
    day = today + timedelta(days=7 - today.weekday() + 1)  # a Tuesday to come
    at = {"place": place, "from": _at(day, 10), "until": _at(day, 12)}
    made: dict[str, str] = {}

    def put(name: str, who: str, path: str, body: Mapping[str, Any], field: str) -> None:
        try:
            made[name] = str(_post(port, people.keys[who], path, body)[field])
        except HTTPError as error:
            progress(f"no {name}: {error.read().decode()[:300]}")

    put("resource", "admin", f"/v1/places/{place}/resources",
        {"code": "bench", "name": "Laser", "kind": "machine", "units": 2}, "code")  # fmt: skip
    put("series", "admin", "/v1/booking-series",
        {**at, "space": space, "member": people.given["member"], "rule": "FREQ=WEEKLY;COUNT=8",
         "conflicts": "skip"}, "ref")  # fmt: skip
    put("visit", "admin", "/v1/visitors", {**at, "name": "Ines", "host": people.given["member"]}, "ref")
    put("guest", "member", "/v1/guests", {**at, "name": "Paul"}, "ref")
    put("closure", "admin", "/v1/closures",
        {"place": place, "first": "2199-12-24", "last": "2199-12-31"}, "id")  # fmt: skip
    evenings = {"mon": [["18:00", "22:00"]]}
    put("schedule", "admin", "/v1/schedules",
        {"place": place, "code": "evenings", "name": "Evenings", "hours": evenings}, "code")  # fmt: skip
    put("operator", "admin", "/v1/operators",
        {"name": "Anne", "roles": [{"role": "front_desk", "places": [place]}]}, "ref")  # fmt: skip
    put("key", "admin", "/v1/keys", {"name": "kiosk", "role": "availability_reader", "places": [place]}, "id")
    return made


def addresses(given: Mapping[str, str], made: Mapping[str, str]) -> list[Address]:
    """Return every page whose parameters are known; the others are named on the way."""
    month = (datetime.now(_ZONE).date().replace(day=1) - timedelta(days=1)).strftime("%Y-%m")
    fixed = {
        **given,
        "month": month,
        "do": "lockdown",
        "kind": "desk",
        "status": "lost",
        "of": given["pass"],
    }
    found: list[Address] = []
    for method, path in page_routes():
        wanted = path.startswith(("/me", "/manage")) and path not in _NOT_MEASURED
        if method != "GET" or not wanted or (path in VALUES["not a page"] and path not in _PARTS):
            continue
        own = next((name for start, name in _NAMED.items() if path.startswith(start)), None)
        values = {**fixed, **({} if own is None else _named(own, path, {**given, **made}))}
        if missing := [one for one in parameters(path) if one not in values]:
            progress(f"not measured: {path} ({', '.join(missing)})")
            continue
        who = "member" if path.startswith("/me") else "admin" if path in VALUES["administrator"] else "manager"
        found.append(Address(who=who, name=path, url=filled(path, {name: quote(one) for name, one in values.items()})))
    return found + _asked(given)


_NAMED: Final[Mapping[str, str]] = {
    "/me/bookings/series/": "series",
    "/me/bookings/": "booking",
    "/me/cards/": "card",
    "/me/guests/": "guest",
    "/manage/{place}/bookings/series/": "series",
    "/manage/{place}/bookings/resources/{": "resource",
    "/manage/{place}/bookings/{ref}": "booking",
    "/manage/{place}/members/{ref}": "member",
    "/manage/{place}/hours/closures/": "closure",
    "/manage/{place}/hours/schedules/": "schedule",
    "/manage/{place}/team/keys/": "key",
    "/manage/{place}/team/": "operator",
    "/manage/{place}/visitors/": "visit",
}
"""What ``{ref}``, ``{code}`` or ``{number}`` means below an address; the longest beginnings first."""


def _named(kind: str, path: str, known: Mapping[str, str]) -> dict[str, str]:
    value = "b-own12" if kind == "booking" else known.get(kind)
    names = [one for one in ("ref", "number", "code") if f"{{{one}}}" in path]
    return {} if value is None else dict.fromkeys(names, value)


def _asked(given: Mapping[str, str]) -> list[Address]:
    """Return pages with a question in their address."""
    place, tomorrow = given["place"], datetime.now(_ZONE).date() + timedelta(days=1)
    when = {"day": tomorrow.isoformat(), "from": "10:00", "until": "12:00"}
    asked: list[tuple[str, str, Callable[[], Mapping[str, str]]]] = [
        ("member", "/me/seats", lambda: {"near": _TOWN}),
        ("member", "/me/seats", lambda: {"when": "then", **when}),
        ("member", "/me/bookings/new", lambda: {"place": place}),
        ("member", "/me/bookings/confirm", lambda: {"place": place, "thing": f"space:{given['space']}", **when}),
        ("member", "/me/bookings", lambda: {"past": "all"}),
        ("manager", "/manage/{place}/members", lambda: {"q": "mar"}),
    ]
    found = [
        Address(who=who, name=f"{path}?{'&'.join(query())}", url=f"{filled(path, given)}?{urlencode(query())}")
        for who, path, query in asked
    ]
    whole = filled("/manage/{place}", given)
    return [*found, Address(who="admin", name="/manage/{place}, an administrator", url=whole)]


def _at(day: date, hour: int) -> str:
    return datetime.combine(day, time(hour), _ZONE).astimezone(UTC).isoformat()


def _post(port: int, key: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    question = Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), headers)
    with urlopen(question, timeout=30) as answer:  # noqa: S310 — of our own API
        found: dict[str, Any] = json.loads(answer.read())
    return found
