"""What people write (names, reasons, labels, what a browser calls itself) is text on every page and picture."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
import psycopg
import pytest

from tests.integration.test_guest_qr import READER
from tests.managed import Managed, managed
from tests.operated import door
from tests.page_routes import filled, page_routes
from tests.waiting import until

MARKUP: Final = """"'><img src=x onerror=alert(1)>&{{7*7}}</script></svg>"""
PAGES: Final = sorted(path for method, path in page_routes() if method == "GET" and path != "/guest/worker.js")
PICTURES: Final = ("/v1/places/limoges/badge.svg",)
_FREE: Final = """
SELECT c.table_name, c.column_name FROM information_schema.columns c
JOIN information_schema.tables t USING (table_schema, table_name)
WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' AND c.data_type = 'text'
  AND c.column_name IN ('name', 'label', 'reason', 'note', 'comment', 'text', 'title', 'agent', 'address', 'said',
                        'phone', 'from_addr', 'description', 'model', 'commune', 'source', 'acknowledged_by', 'made_by')
"""


@pytest.fixture(scope="module")
def written(postgres_url: str, _template: str) -> Iterator[tuple[Managed, dict[str, str]]]:
    """Yield a network with one of everything, whose every free text is markup, and what its pages' addresses name."""
    with managed(postgres_url, _template) as network:
        values = _made(network)
        changed = _rewritten(network)
        assert {"member.name", "place.name", "door.name", "space.name", "resource.name"} <= changed, changed
        until(
            lambda: "<img" in network.get("admin", "/v1/places/limoges").text, deadline_s=60, what="the API has read it"
        )
        yield network, values


def _made(network: Managed) -> dict[str, str]:
    now = datetime.now(UTC)
    times = {"from": (now + timedelta(hours=2)).isoformat(), "until": (now + timedelta(hours=3)).isoformat()}
    door(network)
    network.sql(READER)
    network.sql(
        "INSERT INTO pass (ref, member, everywhere, label) VALUES ('p-own1', 'm-own1', true, 'x') RETURNING ref"
    )

    def make(who: str, path: str, **body: Any) -> dict[str, Any]:
        answer = network.post(who, path, body)
        assert answer.status_code in (200, 201), (path, answer.text)
        return dict(answer.json())

    day = (datetime.now(UTC) + timedelta(days=300)).date().isoformat()
    card = network.card("m-own1", "0A0B0C0F")
    made = make(
        "manager", "/v1/places/limoges/resources", code="laser", name="x", space="open-space", units=1, kind="machine"
    )
    booking = make("member", "/v1/bookings", place="limoges", resource=made["code"], **times)
    guest = make("member", f"/v1/bookings/{booking['ref']}/guests", name="x", credential="qr")
    own = make("member", "/v1/guests", place="limoges", name="x", **times)
    visit = make("desk", "/v1/visitors", place="limoges", name="x", credential="qr", **times)
    closure = make("manager", "/v1/closures", place="limoges", first=day, last=day, reason="x")
    schedule = make("manager", "/v1/schedules", place="limoges", code="days", name="x", hours={})
    operator = make("admin", "/v1/operators", name="x", email="ada@example.org", roles=[{"role": "auditor"}])
    return {
        "place": "limoges", "code": "limoges", "ref": "m-own1", "card": card, "booking": booking["ref"],
        "token": guest["path"].rpartition("/")[2], "guest": own["ref"], "visit": visit["ref"], "gateway": "limoges-1",
        "device": "qr", "number": str(closure["id"]), "schedule": schedule["code"], "operator": operator["ref"],
        "of": "p-own1", "do": "lockdown", "status": "lost", "door": "entry", "month": f"{now:%Y-%m}", "kind": "machine",
    }  # fmt: skip


def _rewritten(network: Managed) -> set[str]:
    changed = set()
    with psycopg.connect(network.database.url) as conn:
        for table, column in conn.execute(_FREE).fetchall():
            try:
                with conn.transaction():
                    done = conn.execute(f'UPDATE "{table}" SET "{column}" = %s', (MARKUP,)).rowcount
            except psycopg.Error:
                continue  # what nobody may write there
            if done:
                changed.add(f"{table}.{column}")
    return changed


def _address(path: str, values: dict[str, str]) -> str:
    """Fill in a path: what ``{ref}``, ``{code}`` and ``{number}`` name depends on the page."""
    own = dict(values)
    for what, kind in (("bookings", "booking"), ("guests", "guest"), ("visitors", "visit"), ("cards", "card")):
        if f"{what}/{{ref}}" in path:
            own["ref"] = values[kind]
    if "team/{ref}" in path:
        own["ref"] = values["operator"]
    if "resources/{code}" in path:
        own["code"] = "laser"
    if "schedules/{code}" in path:
        own["code"] = values["schedule"]
    return filled(path, own)


@pytest.mark.parametrize("who", ["admin", "member"])
def test_what_people_wrote_is_no_markup(written: tuple[Managed, dict[str, str]], who: str) -> None:
    network, values = written
    shown, as_markup = set(), []
    headers = {"sec-fetch-site": "same-origin", "cookie": f"__Host-maillage={network.keys[who]}"}
    with httpx.Client(base_url=network.api.base_url, timeout=60, headers=headers) as browser:
        for path in (*PAGES, *PICTURES):
            answer = browser.get(_address(path, values))
            assert answer.status_code < 500, (path, answer.text)
            if "<img src=x" in answer.text and not answer.headers.get("content-type", "").startswith("text/csv"):
                as_markup.append(path)
            if "onerror=alert" in answer.text:
                shown.add(path)
            if answer.headers.get("content-type", "").startswith("text/html"):
                assert "&{{7*7}}" not in answer.text, "escaped as well"
    assert not as_markup
    assert len(shown) >= {"admin": 30, "member": 8}[who], sorted(shown)
