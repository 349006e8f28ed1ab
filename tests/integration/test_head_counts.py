"""Head counts over HTTP: who may make them, what is refused, what stands beside them, and the trust score."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import sql

from api.head_counts.head_counts import HeadCount, HeadCounts, Published
from api.head_counts.trust import Trust
from database import leases
from ingest import head_counts, store, topology
from ingest.commit import Books
from ingest.metrics import Metrics
from jobs import trust
from tests.managed import Managed, managed
from tests.waiting import until

PATH = "/v1/places/limoges/head-counts"


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        yield one


def made(network: Managed, who: str = "manager", **body: Any) -> HeadCount:
    answer = network.post(who, PATH, body)
    assert answer.status_code == 201, answer.text
    return HeadCount.model_validate_json(answer.content)


def refused(network: Managed, who: str = "manager", **body: Any) -> tuple[int, str]:
    answer = network.post(who, PATH, body)
    problem = answer.json()
    return answer.status_code, problem["errors"][0]["name"] if "errors" in problem else problem["title"]


def publish(
    network: Managed, space: str, present: int | None, *, ago_s: float, later_s: float = 0, **more: Any
) -> None:
    """Store an estimate that holds since ``ago_s`` and was stored ``later_s`` after that."""
    low, high = more.get("low", present), more.get("high", present)
    network.sql(
        """INSERT INTO occupancy_change (at, place, space, present, low, high, capacity, quality, stored_at)
           SELECT now() - make_interval(secs => %s), s.place, s.id, %s, %s, %s, s.capacity, %s,
                  now() - make_interval(secs => %s)
           FROM space s JOIN place p ON p.id = s.place WHERE p.code = 'limoges' AND s.code = %s RETURNING 1""",
        ago_s, present, low, high, "unknown" if present is None else "live", ago_s - later_s, space,
    )  # fmt: skip


def heard(network: Managed, *, online_s: float) -> None:
    """All of the place's events are stored up to now; its gateway is online since ``online_s``."""
    network.sql(
        """INSERT INTO gateway_state (gateway, place, online, heard_at, changed_at, spool_depth)
           SELECT id, place, true, now(), now() - make_interval(secs => %s), 0 FROM gateway WHERE code = 'limoges-1'
           ON CONFLICT (gateway) DO UPDATE SET heard_at = excluded.heard_at, changed_at = excluded.changed_at
           RETURNING 1""",
        online_s,
    )


def test_only_managers_of_the_place_make_them(network: Managed) -> None:
    for who in ("desk", "auditor", "isle", "reader", "gateway", "member", "feed"):
        assert network.post(who, PATH, {"present": 7}).status_code == 403, who
    assert network.api.post(PATH, json={"present": 7}).status_code == 401
    one = made(network, present=7, space="room-1", confirm_over_capacity=True)
    assert (one.place, one.space, one.present, one.stored_at, one.refused) == ("limoges", "room-1", 7, None, None)
    assert one.by.startswith("key:")
    assert (
        one.published.model_dump()
        == Published(present=None, low=None, high=None, capacity=6, quality="unknown").model_dump()
    )
    whole = made(network, who="admin", present=9)
    assert whole.space == "place"
    listed = HeadCounts.model_validate_json(network.get("auditor", f"{PATH}?limit=1").content)
    assert [found.id for found in listed.head_counts] == [whole.id]
    after = network.get("auditor", f"{PATH}?cursor={listed.next}&space=room-1").json()["head_counts"]
    assert [found["id"] for found in after] == [one.id]
    assert network.get("desk", PATH).status_code == network.get("isle", PATH).status_code == 403
    # the audit has it, with its number
    (line,) = network.get("auditor", f"/v1/audit?subject=head%20count%20{one.id}%20of%20room-1").json()["lines"]
    assert (line["action"], line["place"], line["detail"]["set"]["present"]) == ("head count created", "limoges", 7)


def test_a_mistake_is_withdrawn(network: Managed) -> None:
    one = made(network, present=20, space="open-space")
    path = f"{PATH}/{one.id}"
    for who in ("desk", "auditor", "isle"):
        assert network.call(who, "DELETE", path).status_code == 403, who
    assert network.call("admin", "DELETE", f"/v1/places/isle/head-counts/{one.id}").status_code == 404
    before = score(network).head_counts
    assert [network.call("manager", "DELETE", path).status_code for _ in range(2)] == [204, 204]
    assert score(network).head_counts == before - 1
    listed = HeadCounts.model_validate_json(network.get("manager", PATH).content).head_counts
    assert [found.id for found in listed if found.withdrawn_at is not None] == [one.id]
    lines = network.get("auditor", f"/v1/audit?subject=head%20count%20{one.id}%20of%20open-space").json()["lines"]
    assert [line["action"] for line in lines] == ["head count changed", "head count created"]


def test_the_database_lets_nobody_else_add_or_forge_one(network: Managed) -> None:
    (space, place), (_, isle) = network.centre.space("limoges"), network.centre.space("isle")
    with psycopg.connect(network.database.as_login("api_1"), autocommit=True) as conn:

        def add(who: str, columns: str, *values: Any) -> None:
            with conn.transaction():
                conn.execute("SELECT * FROM enter(%s, '', '')", (network.keys[who],))
                query = sql.SQL("INSERT INTO head_count ({}) VALUES ({})").format(
                    sql.SQL(columns), sql.SQL(", ").join(sql.Placeholder() * len(values))
                )
                conn.execute(query, values)

        for who in ("desk", "isle"):  # nor does anybody else withdraw one
            with conn.transaction():
                conn.execute("SELECT * FROM enter(%s, '', '')", (network.keys[who],))
                assert conn.execute("UPDATE head_count SET withdrawn_at = now()").rowcount == 0
        for who, where in (("desk", place), ("isle", place), ("manager", isle)):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                add(who, "place, space, present", where, space, 3)
        for column, value in (("published", 3), ("made_by", "somebody"), ("stored_at", datetime.now(UTC))):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                add("manager", f"place, space, present, {column}", place, space, 3, value)
        with pytest.raises(psycopg.errors.ForeignKeyViolation):  # a space of another place
            add("admin", "place, space, present", isle, space, 3)
        assert conn.execute("SELECT count(*) FROM head_count").fetchone() == (0,)  # nobody has entered


def test_what_cannot_be_is_refused(network: Managed) -> None:
    now = datetime.now(UTC)
    assert refused(network, present=500, space="room-1") == (409, "confirm_over_capacity")
    assert refused(network, present=31) == (409, "confirm_over_capacity")
    assert refused(network, present=-1) == (422, "present")
    assert refused(network, present=100_001, confirm_over_capacity=True) == (422, "present")
    assert refused(network, present=3, at=(now + timedelta(minutes=10)).isoformat()) == (422, "at")
    assert refused(network, present=3, at=(now - timedelta(days=7, minutes=1)).isoformat()) == (422, "at")
    assert refused(network, present=3, space="attic") == (422, "space")
    assert network.post("admin", "/v1/places/nowhere/head-counts", {"present": 3}).status_code == 404
    answer = network.post("manager", PATH, {"present": 500, "space": "room-1"})
    assert "the space holds 6 people" in answer.json()["detail"]
    # a clock that is some seconds ahead means now
    ahead = made(network, present=3, at=(now + timedelta(seconds=30)).isoformat())
    assert ahead.at == ahead.made_at
    # a space without a capacity has that of the space around it; one out of service isn't counted
    spaces = "/v1/places/limoges/spaces"
    assert network.post("manager", spaces, {"code": "loft", "name": "Loft", "kind": "workshop"}).status_code == 201
    assert refused(network, present=31, space="loft") == (409, "confirm_over_capacity")
    assert made(network, present=30, space="loft").present == 30
    assert network.change("manager", "PATCH", f"{spaces}/loft", {"retired": True}).status_code == 200
    assert refused(network, present=3, space="loft") == (409, "space")


def test_a_key_makes_a_head_count_once(network: Managed) -> None:
    body = {"present": 4, "space": "open-space"}
    first, again = (network.call("manager", "POST", PATH, body, idempotency_key="visit-1") for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    other = network.call("manager", "POST", PATH, {**body, "present": 5}, idempotency_key="visit-1")
    assert (other.status_code, "Idempotency-Key" in other.json()["detail"]) == (409, True)
    # another key's is its own
    assert network.call("admin", "POST", PATH, body, idempotency_key="visit-1").json()["id"] != first.json()["id"]
    assert network.call("manager", "POST", PATH, body, idempotency_key="x" * 101).status_code == 422


def test_what_was_published_then_stands_beside_it(network: Managed) -> None:
    network.sql("DELETE FROM head_count RETURNING 1")
    network.centre.state("limoges", "open-space", present=12, age_s=0)
    heard(network, online_s=7200)
    publish(network, "open-space", 5, ago_s=5400, low=4, high=8)
    publish(network, "open-space", 9, ago_s=3000, later_s=1200)  # held since 50 minutes, stored 30 minutes ago
    publish(network, "open-space", 12, ago_s=600)
    publish(network, "open-space", 20, ago_s=5, later_s=5)
    now = datetime.now(UTC)

    def published(minutes: float) -> tuple[int | None, int | None, int | None, str]:
        found = made(network, present=7, space="open-space", at=(now - timedelta(minutes=minutes)).isoformat())
        return found.published.present, found.published.low, found.published.high, found.published.quality

    assert published(100) == (None, None, None, "unknown")  # nothing was published yet
    assert published(45) == (5, 4, 8, "live")  # 9 was only known later
    assert published(25) == (9, 9, 9, "live")
    assert published(9) == (12, 12, 12, "live")
    # a gateway that is back since 20 minutes was away before: the number was past its time to live
    heard(network, online_s=1200)
    assert published(45) == (None, None, None, "stale")
    assert published(15) == (9, 9, 9, "live")


def score(network: Managed) -> Trust:
    with psycopg.connect(network.database.as_login("api_1")) as conn:  # the API's own answer may be a minute old
        names = ("head_counts", "compared", "error", "error_percent", "within", "false_empty", "false_occupied")
        query = sql.SQL("SELECT {} FROM trust JOIN place p ON p.id = place WHERE p.code = 'limoges' AND space IS NULL")
        row = conn.execute(query.format(sql.SQL(", ").join(map(sql.Identifier, names)))).fetchone()
    assert row is not None
    return Trust(place="limoges", days=90, spaces=[], last_at=None, **dict(zip(names, row, strict=True)))


def test_the_score_is_measured_on_what_was_published(network: Managed) -> None:
    network.sql("DELETE FROM head_count RETURNING 1")
    network.sql("DELETE FROM occupancy_change RETURNING 1")
    heard(network, online_s=6 * 86400)
    now = datetime.now(UTC)
    # published, its interval, and what was counted half an hour after; each two hours after the one before
    days = [(6, 4, 8, 7), (0, 0, 2, 3), (3, 2, 4, 0), (12, 12, 12, 12), (None, None, None, 5)]
    for n, (present, low, high, counted) in enumerate(days):
        ago_s = 3600 * (20 - 2 * n)
        publish(network, "open-space", present, ago_s=ago_s, low=low, high=high)
        made(network, present=counted, space="open-space", at=(now - timedelta(seconds=ago_s - 1800)).isoformat())
    few = score(network)
    assert (few.head_counts, few.compared, few.error, few.within, few.false_empty) == (5, 4, None, None, None)
    publish(network, "open-space", 6, ago_s=3600)
    network.sql(
        "UPDATE head_count SET made_at = made_at - interval '2 hours', at = at - interval '2 hours' RETURNING 1"
    )
    made(network, present=9, space="open-space")
    made(network, present=9, space="open-space")  # right after the other: it measures nothing
    found = score(network)
    assert (found.head_counts, found.compared) == (7, 5)
    assert found.error == pytest.approx((1 + 3 + 3 + 0 + 3) / 5)
    assert found.error_percent == pytest.approx(100 * 10 / 24 / 5)
    assert found.within == pytest.approx(2 / 5)
    assert (found.false_empty, found.false_occupied) == (1, 1)
    with psycopg.connect(network.database.as_login("maintain_1")) as conn:
        (one,) = trust.read(conn)
    assert found.error is not None
    assert found.within is not None
    assert one == trust.Score("limoges", 5, found.error, found.error_percent, found.within, 0.4)
    answer = network.get("manager", "/v1/places/limoges/trust")
    shown = Trust.model_validate_json(answer.content)
    assert (shown.place, shown.days, shown.head_counts, shown.error) == ("limoges", 90, 7, 2.0)
    assert [one.space for one in shown.spaces] == ["open-space"]
    nothing = Trust.model_validate_json(network.get("isle", "/v1/places/isle/trust").content)
    assert (nothing.head_counts, nothing.error, nothing.spaces) == (0, None, [])
    assert network.api.get("/v1/places/nowhere/trust").status_code == 404
    public = Trust.model_validate_json(network.api.get("/v1/places/limoges/trust").content)
    assert (public.head_counts, public.compared, public.error, public.false_empty) == (7, None, None, None)
    assert [(one.space, one.error) for one in public.spaces] == [("open-space", None)]


def test_dashboards_see_the_score_of_their_places_and_no_person(network: Managed) -> None:
    network.sql("DELETE FROM head_count RETURNING 1")
    made(network, present=9)
    with psycopg.connect(network.database.url) as conn:
        conn.execute("CREATE ROLE scope_isle IN ROLE maillage_report")
        conn.execute("INSERT INTO scope (role, place) SELECT 'scope_isle', id FROM place WHERE code = 'isle'")
        conn.execute("CREATE ROLE scope_all IN ROLE maillage_report")
        conn.execute("INSERT INTO scope (role) VALUES ('scope_all')")
        seen: dict[str, list[Any]] = {}
        for role in ("scope_isle", "scope_all"):
            conn.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
            seen[role] = conn.execute(
                "SELECT place, head_counts, error FROM report.trust WHERE space IS NULL"
            ).fetchall()
            seen[role] += conn.execute("SELECT place, present, published FROM report.head_count").fetchall()
            conn.execute("RESET ROLE")
        columns = conn.execute(
            "SELECT DISTINCT column_name FROM information_schema.columns"
            " WHERE table_schema = 'report' AND table_name IN ('trust', 'head_count')"
        ).fetchall()
        conn.rollback()
    assert seen == {"scope_isle": [], "scope_all": [("limoges", 1, None), ("limoges", 9, None)]}
    assert {"made_by", "key"}.isdisjoint(name for (name,) in columns)


def test_the_ingest_makes_it_an_event_and_the_number_of_now(network: Managed) -> None:
    one = made(network, present=7, space="open-space")
    url = network.database.as_login("ingest_1")
    with leases.connect(url, application_name="test") as connection:
        keeper = leases.Keeper(url, [store.lease_of(1)], application_name="test")
        keeper.take(connection)
        connection.fences = keeper.held
        head_counts.take(connection, Books(topology.load(connection)), frozenset({1}), Metrics())
    listed = HeadCounts.model_validate_json(network.get("manager", PATH).content)
    assert listed.head_counts[0].id == one.id

    def shown() -> Any:
        spaces = network.get("manager", "/v1/places/limoges/occupancy").json()["spaces"]
        return next(space["present"] for space in spaces if space["space"] == "open-space")

    until(lambda: shown() == 7, what="the counted number is what the manager reads")
    assert all(found.stored_at is not None for found in listed.head_counts)
    for who in ("manager", "feed"):
        event = network.get(who, "/v1/events?kind=head_count").json()["events"][-1]
        names = ("stream", "seq", "kind", "place", "space", "present", "device", "gateway")
        assert {name: event[name] for name in names} == {
            "stream": 0, "seq": one.id, "kind": "head_count", "place": "limoges", "space": "open-space", "present": 7,
            "device": None, "gateway": None,
        }  # fmt: skip
    assert network.get("isle", "/v1/events?kind=head_count").json()["events"] == []
