"""A network of two places with keys of every role and a real API process, for the tests of management."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg

from api.keys.owner import create_key
from tests.api_server import Centre, api_process, shared_database
from tests.cards import API_KEYS
from tests.conftest import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Managed:
    """Limoges and Isle, and who manages them. Managers and desks are of Limoges only."""

    api: httpx.Client
    centre: Centre
    database: Database
    keys: Mapping[str, str]
    member: str
    """Who has the key ``member``; at home in Limoges."""

    def call(self, who: str, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Ask as the holder of a key; ``if_match="*"`` becomes the header."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.api.request(method, path, json=body, headers={"Authorization": f"Bearer {self.keys[who]}", **given})

    def get(self, who: str, path: str) -> httpx.Response:
        return self.call(who, "GET", path)

    def post(self, who: str, path: str, body: Any) -> httpx.Response:
        return self.call(who, "POST", path, body)

    def change(self, who: str, method: str, path: str, body: Any = None) -> httpx.Response:
        """Read it, and send the change with the ETag that was read."""
        etag = self.get(who, path).headers.get("etag", '"1"')
        return self.call(who, method, path, body, if_match=etag)

    def someone(self, name: str = "Claire Martin", home: str = "limoges", who: str = "admin") -> str:
        """Make a member; return the reference."""
        answer = self.post(who, "/v1/members", {"name": name, "home": home})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["ref"])

    def card(self, member: str, number: str, who: str = "admin", **fields: Any) -> str:
        """Issue a card; return the reference."""
        answer = self.post(who, f"/v1/members/{member}/cards", {"number": number, **fields})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["ref"])

    def key(self, name: str, **fields: Any) -> str:
        """Make another key."""
        with psycopg.connect(self.database.url) as conn:
            return create_key(conn, name, **fields)

    def sql(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the database as its owner."""
        return self.centre.conn.execute(query.encode(), values).fetchall()


@contextlib.contextmanager
def managed(server_url: str, template: str, **settings: str) -> Iterator[Managed]:
    """Yield a network of its own with its API, which has further ``settings``."""
    with shared_database(server_url, template) as database, contextlib.closing(Centre(database.url)) as centre:
        centre.place("limoges", name="Limoges")
        centre.place("isle", name="Isle", latitude=45.80)
        with psycopg.connect(database.url) as conn:
            conn.execute(
                "INSERT INTO member (ref, name, home)"
                " SELECT 'm-own1', 'Jeanne Petit', id FROM place WHERE code = 'limoges'"
            )
            keys = {
                "admin": create_key(conn, "admin", role="network_administrator"),
                "manager": create_key(conn, "manager", role="place_manager", places=["limoges"]),
                "isle": create_key(conn, "isle", role="place_manager", places=["isle"]),
                "desk": create_key(conn, "desk", role="front_desk", places=["limoges"]),
                "auditor": create_key(conn, "auditor", role="auditor"),
                "reader": create_key(conn, "reader", role="availability_reader"),
                "gateway": create_key(conn, "gateway", role="gateway", gateway="limoges-1"),
                "member": create_key(conn, "member", role="member", member="m-own1"),
                "old": create_key(conn, "old", ["access:manage"]),
                "feed": create_key(conn, "feed", ["events:read"]),
            }
        keys_and_broker = {**API_KEYS, "MAILLAGE_BROKER_ADDRESS": "mqtts://broker.example.org:8883", **settings}
        with api_process(database.as_login("api_1"), **dict[str, Any](keys_and_broker)) as api:
            yield Managed(api=api, centre=centre, database=database, keys=keys, member="m-own1")
