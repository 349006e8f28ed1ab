"""What the API logs while it manages people: never a name, an address, a number, a PIN or a key."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import httpx
import pytest
from pydantic import SecretStr

from api.app import create_app
from api.http.settings import ApiSettings
from api.keys.owner import create_key
from database.pool import connect
from tests.api_server import Centre
from tests.cards import KEYS
from tests.conftest import Database

PERSONAL = ("Ségolène", "segolene@example.org", "04A2245AC16D80", "24:5A", "471147", "mk_")


@pytest.fixture
def key(database: Database) -> Iterator[str]:
    centre = Centre(database.url)
    centre.place("limoges")
    # a fault that quotes the row, as the database's own messages do
    centre.conn.execute("""
        CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'broken at %', NEW.name USING ERRCODE = 'XX000', DETAIL = NEW.name; END $$;
        CREATE TRIGGER broken BEFORE INSERT ON member FOR EACH ROW WHEN (NEW.status = 'suspended')
          EXECUTE FUNCTION broken()
    """)
    with connect(database.url, application_name="test") as conn:
        made = create_key(conn, "test", role="network_administrator")
    yield made
    centre.close()


async def _talk(settings: ApiSettings, key: str) -> list[int]:
    app = create_app(settings)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    someone = {"name": "Ségolène", "email": "segolene@example.org", "home": "limoges"}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://api", headers={"X-Api-Key": key}) as client,
    ):
        made = await client.post("/v1/members", json=someone)
        path = f"/v1/members/{made.json()['ref']}"
        answers = [
            made,
            await client.post("/v1/members", json=someone),
            await client.post("/v1/members", json={**someone, "email": None, "status": "suspended"}),
            await client.put(f"{path}/pin", json={"pin": "471147"}, headers={"If-Match": "*"}),
            await client.put(f"{path}/pin", json={"pin": "471147x"}, headers={"If-Match": "*"}),
            await client.post(f"{path}/cards", json={"number": "04:A2:24:5A:C1:6D:80"}),
            await client.post(f"{path}/cards", json={"number": "04A2245AC16D80"}),
            await client.post(f"{path}/cards", json={"number": "04A2245AC16D80", "format": "H10301"}),
            await client.get("/v1/members", params={"q": "Ségolène"}, headers={"X-Api-Key": "mk_wrong"}),
        ]
    return [one.status_code for one in answers]


def test_the_log_holds_no_persons(database: Database, key: str, caplog: pytest.LogCaptureFixture) -> None:
    settings = ApiSettings(
        database_url=SecretStr(database.as_login("api_1")),
        card_sealing_key=KEYS.sealing_text,
        card_lookup_key=SecretStr(KEYS.lookup.hex()),
    )
    with caplog.at_level(logging.DEBUG):
        statuses = asyncio.run(_talk(settings, key))
    assert statuses == [201, 409, 500, 200, 422, 201, 409, 422, 401]
    formatter = logging.Formatter("%(name)s %(message)s")
    ours = [one for one in caplog.records if not one.name.startswith("httpx")]  # the test's own client
    text = "\n".join(formatter.format(one) + str(one.__dict__) for one in ours)
    assert "request_failed" in text
    assert "XX000" in text
    for word in PERSONAL:
        assert word not in text, word
