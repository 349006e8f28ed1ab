"""Places, availability, errors, keys and the feed, over HTTP and as the API's own user."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from api.events.routes import Events
from api.http.errors import KeyInvalid
from api.http.openapi import Problem
from api.keys import owner as keys
from api.places.models import PlaceDetail, Places
from api.present.availability_models import Availability
from api.present.models import NetworkOccupancy, PlaceOccupancy
from tests.api_server import Centre, api_process, codes
from tests.conftest import Database
from tests.waiting import until

ALWAYS = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}


@pytest.fixture(scope="module")
def centre(own: Database) -> Iterator[Centre]:
    centre = Centre(own.url)
    centre.place(
        "cremieu", latitude=45.72, longitude=5.25, department="38", name="Tiers-Lieu L’Œuvre", commune="Crémieu"
    )
    centre.place("limoges", latitude=45.83, longitude=1.26, opening_hours=json.dumps(ALWAYS))
    centre.place("isle", latitude=45.80, longitude=1.22)
    centre.place("panazol", latitude=45.84, longitude=1.31, opening_hours="{}")
    centre.place("couzeix", latitude=45.87, longitude=1.24)
    centre.state("limoges", present=20, low=18, high=22)
    centre.state("limoges", "open-space", present=14, low=12, high=16)
    centre.state("panazol", present=0)
    centre.state("couzeix", present=3, age_s=86_400)
    yield centre
    centre.close()


@pytest.fixture(scope="module")
def api(centre: Centre, own: Database) -> Iterator[httpx.Client]:
    with api_process(own.as_login("api_1")) as client:
        yield client


def test_places_are_found_paged_and_conditional(api: httpx.Client) -> None:
    everything = api.get("/v1/places")
    Places.model_validate_json(everything.content)
    assert codes(everything.json()["places"]) == ["couzeix", "cremieu", "isle", "limoges", "panazol"]
    assert api.get("/v1/places", headers={"If-None-Match": everything.headers["etag"]}).status_code == 304
    pages, cursor = [], None
    for _ in range(3):
        page = api.get("/v1/places", params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        pages += codes(page["places"])
        cursor = page["next"]
    assert (pages, cursor) == (codes(everything.json()["places"]), None)
    assert codes(api.get("/v1/places", params={"q": "cremieu oeuvre"}).json()["places"]) == ["cremieu"]
    assert codes(api.get("/v1/places", params={"department": "38"}).json()["places"]) == ["cremieu"]
    assert codes(api.get("/v1/places", params={"bbox": "1.2,45.7,1.25,45.85"}).json()["places"]) == ["isle"]
    near = api.get("/v1/places", params={"near": "45.83,1.26", "radius_km": 5, "kind": "meeting_room"}).json()
    assert codes(near["places"]) == ["limoges", "panazol", "isle", "couzeix"]
    assert [row["distance_km"] < 5.1 for row in near["places"]] == [True] * 4
    Places.model_validate(near)


def test_a_place_in_full(api: httpx.Client) -> None:
    answer = api.get("/v1/places/limoges")
    place = PlaceDetail.model_validate_json(answer.content)
    assert (place.desks, place.generated, place.opening_hours is not None) == (2, False, True)
    assert [(space.id, space.parent, space.desks, space.generated) for space in place.spaces] == [
        ("place", None, 0, True),
        ("open-space", "place", 2, True),
        ("room-1", "place", 0, True),
    ]
    assert [(door.id, door.from_, door.to) for door in place.doors] == [("entry", None, "place")]
    assert api.get("/v1/places/limoges", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304


def test_answers_have_the_shapes_that_openapi_tells(api: httpx.Client) -> None:
    PlaceOccupancy.model_validate_json(api.get("/v1/places/limoges/occupancy").content)
    NetworkOccupancy.model_validate_json(api.get("/v1/occupancy").content)
    NetworkOccupancy.model_validate_json(api.get("/v1/occupancy?spaces=false").content)
    document = api.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    names = set(document["paths"])
    assert names >= {"/v1/places", "/v1/occupancy", "/v1/stream", "/v1/events", "/v1/availability"}
    schemas = document["components"]["schemas"]
    assert schemas["PlaceOccupancy"]["examples"]
    for example in schemas["NetworkOccupancy"]["examples"]:
        NetworkOccupancy.model_validate(example)
    references = {part.split('"')[0] for part in json.dumps(document).split("#/components/schemas/")[1:]}
    assert references <= schemas.keys()
    for path, methods in document["paths"].items():
        assert {"503"} <= methods.get("get", {"responses": {"503": 1}})["responses"].keys() or not path.startswith(
            "/v1"
        )


def test_free_seats_are_surely_free_and_the_unknown_stands_apart(api: httpx.Client, centre: Centre) -> None:
    key = centre.key()
    question: dict[str, Any] = {"near": "45.83,1.26", "radius_km": 20}
    answer = api.get("/v1/availability", params=question, headers=key)
    Availability.model_validate_json(answer.content)
    body = answer.json()
    assert [(row["place"], row["free"], row["open"]) for row in body["places"]] == [
        ("limoges", {"low": 8, "high": 12}, True)
    ]
    assert [(row["place"], row["quality"], row["free"]) for row in body["unknown"]] == [
        ("isle", "unknown", None),
        ("couzeix", "stale", None),
    ]
    assert body["counts"] == {"free": 1, "full": 0, "unknown": 2, "closed": 1}
    assert api.get("/v1/availability", params={**question, "seats": 9}, headers=key).json()["places"] == []
    asked = {**question, "seats": 9, "kind": "open_space"}
    assert api.get("/v1/availability", params=asked, headers=key).json()["counts"]["full"] == 1


@pytest.mark.parametrize("shut", ["closure (place, first, last)", "lockdown (place, ordered_by)"])
def test_no_seat_is_free_where_nobody_gets_in(api: httpx.Client, centre: Centre, shut: str) -> None:
    key = centre.key()

    def free() -> list[str]:
        asked = api.get("/v1/availability", params={"near": "45.83,1.26", "radius_km": 20}, headers=key)
        return [row["place"] for row in asked.json()["places"]]

    assert free() == ["limoges"]
    table, values = shut.split(maxsplit=1)[0], "current_date - 1, current_date + 1" if "closure" in shut else "'us'"
    centre.conn.execute(f"INSERT INTO {shut} SELECT id, {values} FROM place WHERE code = 'limoges'".encode())
    until(lambda: free() == [], what=f"a {table} is believed")
    shown = api.get("/v1/places/limoges").json()["closures"]
    assert len(shown) == (table == "closure")
    centre.conn.execute(f"DELETE FROM {table}".encode())
    until(lambda: free() == ["limoges"], what="it is open again")


@pytest.mark.parametrize(
    ("path", "status", "name", "say"),
    [
        ("/v1/nothing", 404, "not-found", "/openapi.json"),
        ("/v1/places/atlantis", 404, "not-found", "atlantis"),
        ("/v1/places/atlantis/occupancy", 404, "not-found", "atlantis"),
        ("/v1/places?near=here", 422, "bad-query", "near"),
        ("/v1/places?limit=0", 422, "bad-query", "limit"),
        ("/v1/places?colour=red", 422, "bad-query", "colour"),
        ("/v1/places?radius_km=5", 422, "bad-query", "near"),
        ("/v1/places?cursor=zzz", 422, "bad-query", "cursor"),
        ("/v1/places?department=999", 422, "bad-query", "department"),
        ("/v1/places/limoges?x=1", 422, "bad-query", "x"),
        ("/v1/places/limoges/occupancy?x=1", 422, "bad-query", "x"),
        ("/v1/occupancy?changed_since=yesterday", 422, "bad-query", "changed_since"),
        ("/v1/stream?place=atlantis", 422, "bad-query", "atlantis"),
        ("/v1/stream?since=yesterday", 422, "bad-query", "since"),
        ("/v1/availability", 422, "bad-query", "near"),
        ("/v1/availability?near=45,1&kind=sauna", 422, "bad-query", "kind"),
        ("/v1/events", 401, "key-missing", "mk_"),
    ],
)
def test_errors_are_problems_that_say_what_to_do(
    api: httpx.Client, path: str, status: int, name: str, say: str
) -> None:
    answer = api.get(path)
    problem = Problem.model_validate_json(answer.content)
    assert (answer.status_code, problem.status, problem.type) == (status, status, f"urn:maillage:problem:{name}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert say in problem.detail
    if status == 422:
        assert problem.errors
        assert problem.errors[0]["what"]


def test_methods_cors_and_security_headers(api: httpx.Client) -> None:
    refused = api.post("/v1/occupancy")
    assert (refused.status_code, refused.json()["status"]) == (405, 405)
    assert "GET" in refused.headers["allow"]
    for path in ("/v1/places", "/v1/occupancy", "/v1/nothing", "/healthz", "/v1/events"):
        answer = api.get(path, headers={"Origin": "https://example.org"})
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        open_to_all = answer.headers.get("access-control-allow-origin") == "*"
        assert open_to_all == path.startswith(("/v1/places", "/v1/occupancy"))
    whole, head = api.get("/v1/places/limoges"), api.head("/v1/places/limoges")
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", whole.headers["etag"])
    assert head.headers["content-length"] == str(len(whole.content))
    preflight = api.options(
        "/v1/occupancy", headers={"Origin": "https://example.org", "Access-Control-Request-Method": "GET"}
    )
    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (204, "*")
    assert "If-None-Match" in preflight.headers["access-control-allow-headers"]


def test_metrics_count_by_route_not_by_address(api: httpx.Client) -> None:
    for place in ("limoges", "isle"):
        api.get(f"/v1/places/{place}/occupancy")
    api.get("/v1/places/atlantis/occupancy")
    text = api.get("/metrics").text
    assert 'maillage_api_requests_total{method="GET",route="/v1/places/{place}/occupancy",status="200"}' in text
    assert 'maillage_api_requests_total{method="GET",route="/v1/places/{place}/occupancy",status="404"}' in text
    assert "atlantis" not in text
    assert "maillage_api_board_places 5.0" in text
    assert "maillage_api_request_seconds_bucket" in text


def make_key(own: Database, *scopes: str, places: list[str] | None = None, expires_at: datetime | None = None) -> str:
    with psycopg.connect(own.url) as conn:
        return keys.create_key(conn, "test", scopes, places=places, expires_at=expires_at)


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_keys_are_held_as_digests_and_open_what_they_say(api: httpx.Client, own: Database) -> None:
    key = make_key(own, "events:read")
    with psycopg.connect(own.url) as conn:
        assert key.startswith("mk_")
        stored = conn.execute("SELECT api_key::text FROM api_key").fetchall()
        assert all(key not in row[0] for row in stored)
    assert api.get("/v1/events", headers=bearer(key)).status_code == 200
    assert api.get("/v1/events", headers={"X-API-Key": key}).status_code == 200
    for wrong in ("mk_wrong", "nonsense", "mk_" + "x" * 300):
        answer = api.get("/v1/events", headers=bearer(wrong))
        assert (answer.status_code, answer.json()["type"]) == (401, "urn:maillage:problem:key-refused")
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert wrong not in answer.text
    answer = api.get("/v1/events", headers=bearer(make_key(own, "access:manage")))
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:maillage:problem:scope-missing")
    soon = make_key(own, "events:read", expires_at=datetime.now(UTC) + timedelta(days=1))
    with psycopg.connect(own.url) as conn:
        (told,) = [one for one in keys.list_keys(conn) if one.expires_at]
        assert keys.revoke_key(conn, told.id)
        assert not keys.revoke_key(conn, told.id)
    assert api.get("/v1/events", headers=bearer(soon)).status_code == 401
    with psycopg.connect(own.url) as conn:
        assert any(one.last_used_at for one in keys.list_keys(conn))
        for scopes, extra in (
            ((), {}),
            (("all",), {}),
            (("admin",), {"places": ["atlantis"]}),
            (("admin",), {"places": []}),
        ):
            with pytest.raises(KeyInvalid):
                keys.create_key(conn, "x", scopes, **extra)
        with pytest.raises(KeyInvalid):
            keys.create_key(conn, "x", ["admin"], expires_at=datetime.now(UTC))
        with pytest.raises(KeyInvalid):
            keys.create_key(conn, " ", ["admin"])


class Stored:
    """Stores events as the ingest does: one transaction at a time, each with its number."""

    def __init__(self, centre: Centre, url: str, place: str) -> None:
        self._space, self.place = centre.space(place)
        row = centre.conn.execute("SELECT id FROM gateway WHERE place = %s", (self.place,)).fetchone()
        assert row is not None
        epoch = f"{next(_EPOCHS):016x}"
        made = centre.conn.execute(
            "INSERT INTO stream (gateway, epoch) VALUES (%s, %s) RETURNING id", (row[0], epoch)
        ).fetchone()
        assert made is not None
        self.stream: int = made[0]
        self.conn = psycopg.connect(url)
        self._seq = self._batch = self._first = 0

    def add(self, count: int = 1, **columns: Any) -> None:
        names = ("kind", "state", "device", "reason", "card", "member", "a", "b", "value", "detail")
        values = {**dict.fromkeys(names), "kind": 5, "state": 1, **columns}
        for _ in range(count):
            self._seq += 1
            self.conn.execute(
                """
                INSERT INTO event (at, received_at, tx, stream, seq, place, kind, state, device, reason, card, member,
                                   a, b, value, detail)
                VALUES (now(), now(), %(tx)s, %(stream)s, %(seq)s, %(place)s, %(kind)s,
                        %(state)s, %(device)s, %(reason)s, %(card)s, %(member)s, %(a)s, %(b)s, %(value)s, %(detail)s)
                """,
                {**values, "tx": self._tx(), "stream": self.stream, "seq": self._seq, "place": self.place},
            )

    def _tx(self) -> int:
        if not self._batch:
            row = self.conn.execute("SELECT nextval('event_batch')").fetchone()
            assert row is not None
            self._batch, self._first = row[0], self._seq
        return self._batch

    def end(self) -> None:
        """Take the last step before the commit."""
        self.conn.execute(
            "SELECT append_feed(%s, ARRAY[%s::int], ARRAY[%s::int], ARRAY[%s::bigint], ARRAY[%s::bigint], ARRAY[now()],"
            " ARRAY[now()])",
            (self._batch, self.stream, self.place, self._first, self._seq),
        )
        self._batch = 0

    def commit(self) -> None:
        self.end()
        self.conn.commit()


@pytest.fixture
def storing(centre: Centre, own: Database) -> Iterator[Callable[[str], Stored]]:
    made: list[Stored] = []

    def store(place: str) -> Stored:
        made.append(Stored(centre, own.url, place))
        return made[-1]

    yield store
    for one in made:
        one.conn.close()


_EPOCHS = itertools.count(0xABCDEF00)


def read_all(
    api: httpx.Client, key: str, cursor: str | None = None, **question: Any
) -> tuple[list[tuple[int, int]], str]:
    seen: list[tuple[int, int]] = []
    while True:
        params = {**question, **({"cursor": cursor} if cursor else {})}
        answer = api.get("/v1/events", params=params, headers=bearer(key))
        assert answer.status_code == 200, answer.text
        page = answer.json()
        seen += [(event["stream"], event["seq"]) for event in page["events"]]
        cursor = page["next"]
        if not page["more"]:
            return seen, cursor


def test_the_feed_skips_nothing_though_transactions_end_out_of_order(
    api: httpx.Client, storing: Callable[[str], Stored], own: Database
) -> None:
    key = make_key(own, "events:read")
    first, second = storing("limoges"), storing("isle")
    first.add()  # the hypertable's chunk is made in a transaction of its own: others wait for it
    first.commit()
    before, cursor = read_all(api, key)
    assert before == [(first.stream, 1)]
    first.add(3)  # begins first …
    second.add(4)
    second.commit()  # … and is still open when this is committed
    seen, cursor = read_all(api, key, cursor, limit=2)
    assert seen == [(second.stream, n) for n in (1, 2, 3, 4)]
    first.commit()
    more, cursor = read_all(api, key, cursor, limit=2)
    assert more == [(first.stream, n) for n in (2, 3, 4)]
    assert read_all(api, key, cursor)[0] == []
    for _ in range(3):
        second.add(2)
        second.commit()
    assert [seq for _, seq in read_all(api, key, cursor, limit=1)[0]] == [5, 6, 7, 8, 9, 10]
    assert len(read_all(api, key)[0]) == 14


def test_the_feed_shows_a_key_its_places_only_and_no_cards(
    api: httpx.Client, storing: Callable[[str], Stored], own: Database
) -> None:
    stored, other = storing("panazol"), storing("couzeix")
    card = bytes(range(32))
    stored.add(kind=1, state=0, reason=8, card=card, member="m-abcd", a=7, b=60, detail='{"device_at": "12:00"}')
    stored.add(kind=4, state=2)
    stored.add(kind=6, state=1, a=2, b=1)
    stored.add(kind=6, state=0, a=5)
    stored.add(kind=7, state=None, value=612.0, detail='{"name": "co2"}')
    stored.add(kind=5, state=None)
    stored.add(kind=9, state=None, detail='{"what": "driver_fault", "payload": "c2VjcmV0", "text": "unreadable"}')
    stored.commit()
    other.add()
    other.commit()
    key = make_key(own, "events:read", places=["panazol"])
    answer = api.get("/v1/events", headers=bearer(key))
    Events.model_validate_json(answer.content)
    access, door, moved, heads, measure, desk, gateway = answer.json()["events"]
    assert (access["decision"], access["reason"], access["member"]) == ("denied", "outside_schedule", "m-abcd")
    assert len(access["card"]) == 12
    assert card.hex()[:12] not in answer.text
    assert (access["list_version"], access["device_at"], access["place"]) == (7, "12:00", "panazol")
    assert (door["kind"], door["state"]) == ("door", "forced")
    assert (moved["entered"], moved["left"]) == (2, 1)
    assert heads["present"] == 5
    assert (measure["name"], measure["value"]) == ("co2", 612.0)
    assert desk["occupied"] is None
    assert (gateway["what"], gateway["text"], "payload" in gateway) == ("driver_fault", "unreadable", False)
    assert {event["place"] for event in answer.json()["events"]} == {"panazol"}
    assert api.get("/v1/events", params={"place": "couzeix"}, headers=bearer(key)).status_code == 403
    assert api.get("/v1/events", params={"place": "atlantis"}, headers=bearer(key)).status_code == 404
    doors = api.get("/v1/events", params={"place": "panazol", "kind": "door"}, headers=bearer(key)).json()["events"]
    assert [event["kind"] for event in doors] == ["door"]
    for cursor in ("zzz", "W10", "WzFd"):
        assert api.get("/v1/events", params={"cursor": cursor}, headers=bearer(key)).status_code == 422


def test_the_apis_user_can_read_what_it_needs_and_change_nothing_else(own: Database) -> None:
    with psycopg.connect(own.as_login("api_1"), autocommit=True) as conn:
        for table in ("place", "space_state", "gateway_state", "event", "stream", "api_key"):
            conn.execute(psycopg.sql.SQL("SELECT 1 FROM {} LIMIT 1").format(psycopg.sql.Identifier(table)))
        for forbidden in (
            "INSERT INTO space_state SELECT * FROM space_state",
            "DELETE FROM event",
            "UPDATE api_key SET scopes = '{admin}'",
            "INSERT INTO api_key (name, digest, scopes) VALUES ('x', 'x', '{admin}')",
            "UPDATE place SET code = 'x'",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(forbidden.encode())
        assert conn.execute("UPDATE place SET name = 'x'").rowcount == 0  # nobody has entered with a key


def test_the_database_away_says_503_where_it_is_needed(api: httpx.Client, own: Database, postgres_url: str) -> None:
    key = make_key(own, "events:read")
    assert api.get("/v1/events", headers=bearer(key)).status_code == 200
    name = own.url.rsplit("/", 1)[1].split("?")[0]
    toggle = psycopg.sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(toggle.format(psycopg.sql.Identifier(name), psycopg.sql.SQL("false")))
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = %s AND application_name LIKE 'maillage-api%%'",
            (name,),
        )
        try:
            answer = api.get("/v1/events", headers=bearer(key))
            assert (answer.status_code, answer.json()["type"]) == (503, "urn:maillage:problem:unavailable")
            assert api.get("/v1/places/limoges").status_code == 200
        finally:
            server.execute(toggle.format(psycopg.sql.Identifier(name), psycopg.sql.SQL("true")))
    until(lambda: api.get("/v1/events", headers=bearer(key)).status_code == 200, what="the feed is back")
