"""A real API process for tests: uvicorn on a free port, and rows as the ingest would write them."""

from __future__ import annotations

import contextlib
import json
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg
from psycopg import sql

from api.keys.owner import create_key
from maillage.embedded.process import free_port
from tests.api_forks import forks
from tests.conftest import Database
from tests.waiting import until


@contextlib.contextmanager
def shared_database(server_url: str, template: str) -> Iterator[Database]:
    """A migrated database for a whole module of tests that don't disturb each other."""
    name = f"maillage_api_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as server:
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        server.execute(copy.format(sql.Identifier(name), sql.Identifier(template)))
        try:
            yield Database(url=urlunsplit(urlsplit(server_url)._replace(path=f"/{name}")))
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


PROCESSES: Final[dict[int, int]] = {}
"""The API processes of this run: by port the number of the process that was started last."""


@contextlib.contextmanager
def api_process(database_url: str, *, ready: bool = True, port: int = 0, **settings: str) -> Iterator[httpx.Client]:
    """Run the API on ``database_url``; yield a client of it; ask it to stop at the end."""
    port = port or free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAILLAGE_")}
    environment |= {"MAILLAGE_DATABASE_URL": database_url, "MAILLAGE_HTTP_PORT": str(port), **settings}
    process = forks().start(environment)
    PROCESSES[port] = process.pid
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:

            def answers() -> bool:
                assert process.poll() is None, "the API has ended"
                with contextlib.suppress(httpx.TransportError):
                    return client.get("/readyz" if ready else "/healthz").status_code == 200
                return False

            until(answers, deadline_s=120, what="the API is up")
            yield client
    finally:
        process.terminate()
        try:
            process.wait(60)
        finally:
            process.kill()
            process.wait()


class Centre:
    """Writes network, states and notifications into a database, as the import and the ingest do."""

    def __init__(self, url: str) -> None:
        self.conn: psycopg.Connection[Any] = psycopg.connect(url, autocommit=True)

    def close(self) -> None:
        self.conn.close()

    def key(self) -> dict[str, str]:
        """Make a key that sees the numbers of all places; return the headers to send it with."""
        return {"X-Api-Key": create_key(self.conn, f"test {uuid.uuid4().hex}", role="availability_reader")}

    def place(self, code: str, *, latitude: float = 45.83, longitude: float = 1.26, **columns: Any) -> int:
        """Add a place with a root space of 30, an open space of 24 (with 2 desks) and a meeting room of 6."""
        values: dict[str, Any] = {"name": code.title(), "time_zone": "Europe/Paris", "department": "87", **columns}
        values |= {"code": code, "shard": 1, "latitude": latitude, "longitude": longitude}
        values |= {"source": "test", "source_id": code}
        names = sql.SQL(", ").join(map(sql.Identifier, values))
        marks = sql.SQL(", ").join(sql.Placeholder() * len(values))
        with self.conn.transaction():
            insert = sql.SQL("INSERT INTO place ({}) VALUES ({}) RETURNING id").format(names, marks)
            place = self._one(insert, *values.values())
            root = self._space(place, "place", "place", None, 30)
            inner = self._space(place, "open-space", "open_space", root, 24)
            self._space(place, "room-1", "meeting_room", root, 6)
            for number in (1, 2):
                self._one(
                    "INSERT INTO desk (place, space, code, name, generated) VALUES (%s, %s, %s, %s, true) RETURNING id",
                    place, inner, f"desk-{number}", f"Desk {number}",
                )  # fmt: skip
            self._one(
                "INSERT INTO door (place, code, name, to_space) VALUES (%s, 'entry', 'Entry', %s) RETURNING id",
                place,
                root,
            )
            self._one("INSERT INTO gateway (place, code) VALUES (%s, %s) RETURNING id", place, f"{code}-1")
        return place

    def space(self, place: str, code: str = "place") -> tuple[int, int]:
        """Return the ids of a space and its place."""
        row = self.conn.execute(
            "SELECT s.id, p.id FROM space s JOIN place p ON p.id = s.place WHERE p.code = %s AND s.code = %s",
            (place, code),
        ).fetchone()
        assert row is not None
        return row[0], row[1]

    def state(
        self,
        place: str,
        space: str = "place",
        *,
        present: int | None,
        low: int | None = None,
        high: int | None = None,
        quality: str = "live",
        age_s: float = 0,
        ttl_s: int = 900,
        notify: bool = True,
        skip: int = 0,
    ) -> int:
        """Upsert a space's state and notify, in one transaction as the ingest does; return the revision."""
        space_id, place_id = self.space(place, space)
        now = time.time_ns() // 1000
        at, changed = now - int(age_s * 1e6), now
        low, high = (present if low is None else low), (present if high is None else high)
        with self.conn.transaction():
            row = self.conn.execute(
                """
                INSERT INTO space_state (space, place, revision, present, low, high, capacity, quality, at, ttl_s,
                                         changed_at, fold)
                VALUES (%s, %s, %s, %s, %s, %s, (SELECT capacity FROM space WHERE id = %s), %s,
                        to_timestamp(0) + %s * interval '1 microsecond', %s,
                        to_timestamp(0) + %s * interval '1 microsecond', '{}')
                ON CONFLICT (space) DO UPDATE SET revision = space_state.revision + %s, present = excluded.present,
                  low = excluded.low, high = excluded.high, quality = excluded.quality, at = excluded.at,
                  ttl_s = excluded.ttl_s, changed_at = excluded.changed_at
                RETURNING revision
                """,
                (space_id, place_id, 1 + skip, present, low, high, space_id, quality, at, ttl_s, changed, 1 + skip),
            ).fetchone()
            assert row is not None
            if notify:
                self.notify("maillage_occupancy", str(space_id))
        return int(row[0])

    def gateway(
        self, place: str, *, online: bool = True, heard_age_s: float = 0, spool_depth: int = 0, notify: bool = True
    ) -> None:
        """Upsert what a place's gateway said of itself, and notify."""
        heard = time.time_ns() // 1000 - int(heard_age_s * 1e6)
        with self.conn.transaction():
            row = self.conn.execute(
                """
                INSERT INTO gateway_state (gateway, place, online, heard_at, changed_at, spool_depth)
                SELECT g.id, g.place, %s, to_timestamp(0) + %s * interval '1 microsecond', now(), %s
                FROM gateway g WHERE g.code = %s
                ON CONFLICT (gateway) DO UPDATE SET online = excluded.online, heard_at = excluded.heard_at,
                  spool_depth = excluded.spool_depth
                RETURNING gateway
                """,
                (online, heard, spool_depth, f"{place}-1"),
            ).fetchone()
            assert row is not None
            if notify:
                self.notify("maillage_gateway", str(row[0]))

    def notify(self, channel: str, payload: str = "") -> None:
        self.conn.execute("SELECT pg_notify(%s, %s)", (channel, payload))

    def _space(self, place: int, code: str, kind: str, parent: int | None, capacity: int) -> int:
        return self._one(
            "INSERT INTO space (place, code, name, kind, parent, capacity, generated)"
            " VALUES (%s, %s, %s, %s, %s, %s, true) RETURNING id",
            place,
            code,
            code.title(),
            kind,
            parent,
            capacity,
        )

    def _one(self, query: Any, *values: Any) -> int:
        row = self.conn.execute(query, values).fetchone()
        assert row is not None
        return int(row[0])


class Listening:
    """A client of the stream that collects whole events."""

    def __init__(self, response: httpx.Response) -> None:
        assert response.status_code == 200
        self._lines = response.iter_lines()

    def events(self, count: int) -> list[dict[str, Any]]:
        """Read ``count`` events, heartbeats skipped."""
        found: list[dict[str, Any]] = []
        event: dict[str, Any] = {}
        for line in self._lines:
            if line.startswith((":", "retry")):
                continue
            if line:
                name, _, value = line.partition(": ")
                event[name] = json.loads(value) if name == "data" else value
            elif event:
                if event.get("event") != "heartbeat":
                    found.append(event)
                event = {}
                if len(found) == count:
                    return found
        raise AssertionError(f"the stream ended after {len(found)} of {count} events")


def codes(rows: Sequence[dict[str, Any]], key: str = "id") -> list[str]:
    return [row[key] for row in rows]
