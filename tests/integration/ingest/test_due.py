"""Time alone changes an answer: in the database, its history, the API and Grafana's views; nothing else happens."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psycopg
import pytest

from api.keys.owner import create_key
from api.present.models import PlaceOccupancy
from ingest import refold
from ingest.store import when
from occupancy.lasting import STAY
from occupancy.space import VERSION
from tests.api_server import api_process
from tests.conftest import Database
from tests.integration.ingest.conftest import Bench
from tests.waiting import until

S = 1_000_000
EPOCH = "00000000aaaaaaaa"


def now() -> int:
    return time.time_ns() // 1000


def entry(at: int, member: str = "m-0001") -> dict[str, Any]:
    return {"kind": "access", "at": at, "device": "reader-in", "decision": "granted", "reason": "granted"} | {
        "side": "in",
        "member": member,
    }


@pytest.fixture
def readers_only(bench: Bench) -> None:
    """Places whose only devices are readers."""
    with psycopg.connect(bench.url, autocommit=True) as owner:
        owner.execute("DELETE FROM device WHERE kind <> 'reader'")


@pytest.fixture
def online(bench: Bench) -> Iterator[Callable[..., None]]:
    """Let a gateway say every second that it is there, and how many events it has left to send."""
    depths: dict[int, int] = {}
    stop = threading.Event()

    def say() -> None:
        while not stop.wait(0.5):
            for number, depth in list(depths.items()):
                state = {"online": True, "at": now(), "spool_depth": depth, "boot": "b", "epoch": EPOCH}
                bench.gateways[number].raw(json.dumps(state).encode(), "state")

    thread = threading.Thread(target=say, daemon=True)
    thread.start()
    yield lambda number, spool_depth=0: depths.__setitem__(number, spool_depth)
    stop.set()
    thread.join()


@pytest.fixture
def api(database: Database) -> Iterator[httpx.Client]:
    with psycopg.connect(database.url) as owner:
        key = create_key(owner, "test", role="availability_reader")
    with api_process(database.as_login("api_1")) as client:
        client.headers["X-Api-Key"] = key
        yield client


def shown(api: httpx.Client, place: str) -> tuple[int | None, str]:
    body = api.get(f"/v1/places/{place}/occupancy").json()
    return body["present"], body["quality"]


@pytest.mark.usefixtures("readers_only")
def test_a_forgotten_badge_out_ends_without_any_event(
    bench: Bench, start_ingest: Callable[..., Any], online: Callable[..., None], api: httpx.Client
) -> None:
    """Case 19, with everything running; a gateway that still has events to send is not judged."""
    start_ingest()
    badged = now() - STAY + 3 * S
    for gateway in bench.gateways[:2]:
        gateway.batch(1, [entry(badged)], sent_at=now())
        gateway.until_mark(1)
    online(0)
    online(1, spool_depth=3)
    until(lambda: shown(api, "p0001") == (0, "live"), deadline_s=60, what="nobody is in")
    assert now() > badged + STAY
    history = bench.rows(
        """SELECT c.at, c.present FROM occupancy_change c JOIN place p ON p.id = c.place JOIN space s ON s.id = c.space
           WHERE p.code = 'p0001' AND s.kind = 'place' ORDER BY c.at"""
    )
    assert history[0] == (when(badged), 1)
    assert [present for _, present in history] == sorted((present for _, present in history), reverse=True)
    assert history[-1][1] == 0
    root = "SELECT t.present, t.due_at IS NULL FROM space_state t JOIN place p ON p.id = t.place WHERE p.code = %s"
    assert bench.rows(root, "p0001")[0][0] == 0
    assert bench.rows(root, "p0002") == [(1, False)], "what it has not sent may say more"
    with psycopg.connect(bench.url, autocommit=True) as owner:
        assert refold.differences(owner) == []
        owner.execute("INSERT INTO scope (role) VALUES (current_user)")
        grafana = owner.execute("SELECT present, quality FROM report.place_now WHERE place = 'p0001'").fetchall()
    assert grafana == [(0, "live")]
    online(1)
    until(lambda: bench.rows(root, "p0002")[0][0] == 0, deadline_s=60, what="all its events are known by now")


@pytest.mark.usefixtures("readers_only")
def test_what_an_older_version_stored_is_settled_after_a_start(
    bench: Bench, start_ingest: Callable[..., Any], online: Callable[..., None], api: httpx.Client
) -> None:
    """Case 19, with ingest and API newly started on rows of version 1, as the migration left them."""
    ago = now() - 60 * 3600 * S
    fold: dict[str, Any] = {"at": ago, "desks": {}, "rooms": {}, "counts": {}, "inside": {"m-0001": ago}}
    fold |= {"badges": ago, "net": 0, "net_at": 0, "silent": []}
    with psycopg.connect(bench.url, autocommit=True) as owner:
        owner.execute(
            """INSERT INTO space_state (space, place, revision, present, low, high, capacity, quality, at, ttl_s,
                                        changed_at, fold, due_at)
               SELECT s.id, s.place, 7, 1, 0, 1, s.capacity, 'live', %s, 120, %s, %s::jsonb, now()
               FROM space s JOIN place p ON p.id = s.place WHERE p.code = 'p0001' AND s.kind = 'place'""",
            (when(ago), when(ago), json.dumps(fold)),
        )
    start_ingest()
    online(0)
    state = """SELECT t.revision, t.present, t.fold -> 'v' FROM space_state t JOIN space s ON s.id = t.space
               WHERE s.kind = 'place'"""
    until(lambda: (8, None, VERSION) in bench.rows(state), deadline_s=60, what="no event is stored that says more")


def test_a_sensor_that_says_nothing_any_more_is_not_believed_for_ever(
    bench: Bench, start_ingest: Callable[..., Any], online: Callable[..., None], api: httpx.Client
) -> None:
    with psycopg.connect(bench.url, autocommit=True) as owner:
        owner.execute("DELETE FROM device WHERE kind NOT IN ('desk_sensor')")
        owner.execute("DELETE FROM device WHERE code NOT IN ('desk-0', 'desk-1')")
        owner.execute("DELETE FROM desk WHERE code NOT IN ('desk-0', 'desk-1')")
        owner.execute("UPDATE device SET expect_every = interval '150 seconds' WHERE code = 'desk-1'")
    start_ingest()
    said = now() - 2 * 3600 * S  # far more than four reports of the second are missing
    events = [{"kind": "desk", "at": said, "device": f"desk-{n}", "occupied": True} for n in (0, 1)]
    bench.gateways[0].batch(1, events, sent_at=now())
    bench.gateways[0].until_mark(2)
    online(0)
    low = "SELECT DISTINCT t.low FROM space_state t JOIN space s ON s.id = t.space WHERE s.kind = 'open_space'"
    # by night the other may have left as well by now
    until(lambda: bench.rows(low) in ([(1,)], [(0,)]), deadline_s=60, what="one is not known any more")
    with psycopg.connect(bench.url, autocommit=True) as owner:
        owner.execute("INSERT INTO scope (role) VALUES (current_user)")
        desks = owner.execute(
            """SELECT desk, occupied FROM report.desk_now
               WHERE place = 'p0001' AND desk IN ('desk-0', 'desk-1') ORDER BY 1"""
        ).fetchall()
        assert desks == [("desk-0", 1), ("desk-1", None)]
        assert refold.differences(owner) == []
    history = bench.rows(
        """SELECT c.at, c.low FROM occupancy_change c JOIN space s ON s.id = c.space
           WHERE s.kind = 'open_space' ORDER BY c.at"""
    )
    assert history[0] == (when(said), 2)
    assert history[-1][1] < 2


@pytest.mark.usefixtures("readers_only")
def test_a_number_says_why(
    bench: Bench, start_ingest: Callable[..., Any], online: Callable[..., None], api: httpx.Client
) -> None:
    start_ingest()
    bench.gateways[0].batch(1, [entry(now(), "m-0001"), entry(now(), "m-0002")], sent_at=now())
    bench.gateways[0].until_mark(2)
    online(0)
    until(lambda: shown(api, "p0001")[0] == 2, deadline_s=60, what="two are in")
    answer = PlaceOccupancy.model_validate_json(
        api.get("/v1/places/p0001/occupancy", params={"explain": "true"}).content
    )
    assert answer.present == 2
    assert answer.why is not None
    (badges,) = answer.why["place"].evidence
    assert (badges.kind, badges.weight, badges.numbers["members"]) == ("badges", 1.0, 2)
    assert "membres peut-être présents : 2" in badges.text.fr
    assert answer.why["place"].faults == []
    assert answer.why["place"].bounded is None
    assert api.get("/v1/places/p0001/occupancy", params={"explain": "perhaps"}).status_code == 422


def test_a_desk_that_moves_and_one_that_is_retired_count_rightly_from_then_on(
    bench: Bench, start_ingest: Callable[..., Any], online: Callable[..., None]
) -> None:
    with psycopg.connect(bench.url, autocommit=True) as owner:
        owner.execute("DELETE FROM device WHERE code NOT IN ('desk-0', 'desk-1', 'desk-2')")
        owner.execute("DELETE FROM desk WHERE code NOT IN ('desk-0', 'desk-1', 'desk-2')")
        owner.execute(
            "INSERT INTO space (place, code, name, kind, parent)"
            " SELECT place, 'annex', 'Annexe', 'open_space', id FROM space WHERE kind = 'place'"
        )
        start_ingest()
        gateway = bench.gateways[0]
        said = {"desk-0": True, "desk-1": True, "desk-2": False}
        events = [{"kind": "desk", "at": now(), "device": n, "occupied": o} for n, o in said.items()]
        gateway.batch(1, events, sent_at=now())
        gateway.until_mark(3)
        online(0)

        def stands() -> dict[str, int | None]:
            rows = bench.rows(
                """SELECT s.code::text, t.present FROM space_state t JOIN space s ON s.id = t.space
                   JOIN place p ON p.id = t.place WHERE p.code = 'p0001'"""
            )
            return dict(rows)

        assert stands() == {"open-space": 2, "place": 2}
        moved = now()
        owner.execute(
            """UPDATE desk d SET space = s.id FROM space s, place p
               WHERE d.code = 'desk-0' AND s.place = d.place AND s.code = 'annex' AND p.id = d.place
                 AND p.code = 'p0001'"""
        )
        with owner.transaction():
            for table in ("device", "desk"):
                owner.execute(
                    f"UPDATE {table} t SET retired_at = now() FROM place p"
                    " WHERE t.code = 'desk-1' AND p.id = t.place AND p.code = 'p0001'"
                )
        until(lambda: stands().get("open-space") == 0, deadline_s=60, what="only the free desk counts there")
        events = [{"kind": "desk", "at": now(), "device": n, "occupied": True} for n in ("desk-0", "desk-1")]
        gateway.batch(4, events, sent_at=now())
        gateway.until_mark(5)
        whole = {"open-space": 0, "annex": 1, "place": 1}
        until(lambda: stands() == whole, deadline_s=60, what="the moved desk counts at its new space")
        assert bench.rows("SELECT count(*) FROM event WHERE kind = 5") == [(5,)], "the retired sensor's word is kept"
        history = bench.rows(
            """SELECT c.at > %s, c.present FROM occupancy_change c JOIN space s ON s.id = c.space
               JOIN place p ON p.id = s.place WHERE p.code = 'p0001' AND s.code = 'open-space' ORDER BY c.at""",
            when(moved),
        )
        assert list(dict.fromkeys(history)) == [(False, 2), (True, 0)], "it was so until the move"
