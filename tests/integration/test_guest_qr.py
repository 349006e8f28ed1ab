"""A guest's QR in the API: who makes and reads it, what is kept of it, and that it follows the visit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from gateway.contract.guest_qr import QrText, read
from gateway.contract.signing import new_seed, public_key
from rights.card_secret import lookup_key
from rights.guest_qrs import GuestQrs
from rights.sealing import reply_key, unseal
from tests.cards import SECRET
from tests.integration.test_api_manage import make_lists, wrong
from tests.managed import Managed, managed

SEED = new_seed()
DOORS = ("entry",)
MINUTE = timedelta(minutes=1)
DAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=2)
READER = """INSERT INTO device (gateway, place, code, kind, driver, address, door, side)
SELECT g.id, g.place, 'qr', 'reader', 'gm861', 'tele/limoges-qr', d.id, 'in'
FROM gateway g JOIN door d ON d.place = g.place WHERE g.code = 'limoges-1' RETURNING id"""


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        one.sql("INSERT INTO pass (ref, member, everywhere) VALUES ('p-own1', %s, true) RETURNING ref", one.member)
        one.sql(READER)
        laser = {"code": "laser", "name": "Laser", "space": "open-space", "units": 1}
        made = one.post("manager", "/v1/places/limoges/resources", {**laser, "kind": "machine"})
        assert made.status_code == 201, made.text
        yield one


def at(hour: float, days: int = 0) -> datetime:
    return DAY + timedelta(days=days, hours=hour)


def times(starts: datetime, ends: datetime) -> dict[str, str]:
    return {"from": starts.isoformat(), "until": ends.isoformat()}


def sign(network: Managed, seed: str = SEED) -> int:
    """Do what the rights process does: the lists, then the QRs."""
    make_lists(network)
    with psycopg.connect(network.database.as_login("rights_1"), autocommit=True) as connection:
        return GuestQrs(seed, card_secret=SECRET).turn(connection)


def said(network: Managed, visit: str) -> QrText | None:
    """Return what the QR in force says."""
    ((sealed,),) = network.sql("SELECT sealed FROM guest_qr WHERE pass = %s", visit)
    if sealed is None:
        return None
    text = unseal(reply_key(lookup_key(SECRET)), bytes(sealed), about=f"qr {visit}")
    assert text is not None
    return read([public_key(SEED)], "limoges", text, DOORS)


def visitor(network: Managed, who: str = "desk", **more: Any) -> Any:
    body = {"name": "Ada Exemple", "place": "limoges", "credential": "qr", **times(at(8), at(18)), **more}
    return network.post(who, "/v1/visitors", body)


def test_a_visitors_qr_is_signed_once_the_list_has_the_visit(network: Managed) -> None:
    made = visitor(network, spaces=["room-1"])
    assert made.status_code == 201, made.text
    visit, path = made.json()["ref"], f"/v1/visitors/{made.json()['ref']}/qr.svg"
    assert re.fullmatch(r"/guest/[\w-]{40,}", made.json()["path"])
    assert network.get("desk", path).status_code == 409, "not signed yet"
    assert sign(network) == 1
    assert sign(network) == 0, "once"
    picture = network.get("desk", path)
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/svg+xml")
    assert picture.text.startswith("<svg") or picture.text.startswith("<?xml")
    for who, status in (("manager", 200), ("admin", 200), ("isle", 404), ("auditor", 403), ("member", 403)):
        assert network.get(who, path).status_code == status, who
    qr = said(network, visit)
    assert qr is not None
    ((member, version),) = network.sql(
        "SELECT e.member, e.since FROM list_entry e JOIN guest_qr q ON q.member = e.member WHERE q.pass = %s", visit
    )
    assert (qr.member, qr.version, qr.starts, qr.ends) == (member, version, at(8), at(18))
    assert network.sql("SELECT count(*) FROM audit WHERE action = 'read qr' AND subject = %s", f"pass {visit}") == [
        (3,)
    ]
    # nothing that opens a door is kept readable
    ((row,),) = network.sql("SELECT to_jsonb(q)::text FROM guest_qr q WHERE pass = %s", visit)
    assert "MQ1." not in row
    assert made.json()["path"].rpartition("/")[2] not in row


def test_another_signing_key_signs_again(network: Managed) -> None:
    visit = visitor(network, name="Key Change").json()["ref"]
    sign(network)
    other = new_seed()
    assert sign(network, other) >= 1
    ((key,),) = network.sql("SELECT signed_by FROM guest_qr WHERE pass = %s", visit)
    assert key == public_key(other)
    assert sign(network) >= 1


def test_a_place_without_a_reader_and_a_long_visit_have_none(network: Managed) -> None:
    body = {"name": "Ada", "place": "isle", "credential": "qr", **times(at(8), at(18))}
    assert wrong(network.post("isle", "/v1/visitors", body)) == (409, "credential")
    assert wrong(visitor(network, **times(at(8), at(9, days=7)))) == (422, "credential")
    assert wrong(visitor(network, card={"code_digits": 6}))[0] == 422
    for _ in range(2):  # the same person may come again
        made = visitor(network, credential="code", email="ada@example.org", language="en")
        assert (made.status_code, len(made.json()["code"])) == (201, 6), made.text
        ((kind, kept),) = network.sql(
            """SELECT l.kind, m.email FROM mail l JOIN member m ON m.ref = l.to_member
            WHERE l.to_member = %s AND l.to_address = 'ada@example.org'""",
            made.json()["member"],
        )
        assert (kind, kept) == ("guest_code", None)
    assert network.sql("SELECT count(*) FROM member WHERE name = 'Ada'") == [(0,)], "refused as a whole"


def test_a_bookings_guest_gets_a_link_and_the_qr_follows_the_booking(network: Managed) -> None:
    booking = network.post("member", "/v1/bookings", {"place": "limoges", "resource": "laser", **times(at(8), at(9))})
    where = booking.headers["location"]
    guest = {"name": "Ana <b>Costa</b>", "email": "ana@example.org", "language": "fr", "credential": "qr"}
    made = network.post("member", f"{where}/guests", guest)
    assert made.status_code == 201, made.text
    assert made.json()["code"] is None
    visit, page = made.json()["ref"], made.json()["path"]
    ((member,),) = network.sql("SELECT member FROM guest_qr WHERE pass = %s", visit)
    ((kind, values),) = network.sql('SELECT kind, "values" FROM mail WHERE to_member = %s', member)
    assert (kind, values["link"].endswith(page)) == ("guest_qr", True)
    ((values,),) = network.sql('UPDATE mail SET sent_at = now() WHERE to_member = %s RETURNING "values"', member)
    assert "link" not in values, "a sent mail keeps no link"

    assert "en préparation" in _page(network, page)
    sign(network)
    assert "Ana &lt;b&gt;Costa&lt;/b&gt;" in _page(network, page)
    assert 'class="qr"' in _page(network, page)
    network.change("member", "PATCH", where, times(at(11), at(12)))
    assert 'class="qr"' not in _page(network, page), "the QR of the earlier time isn't shown any more"
    sign(network)
    qr = said(network, visit)
    assert qr is not None
    assert (qr.starts, qr.ends) == (at(11) - 15 * MINUTE, at(12))
    assert 'class="qr"' in _page(network, page)

    network.change("member", "DELETE", where)
    assert "annulée" in _page(network, page)
    sign(network)
    assert said(network, visit) is None
    kinds = [one for (one,) in network.sql("SELECT kind FROM mail WHERE to_member = %s ORDER BY id", member)]
    assert kinds == ["guest_qr", "guest_qr_moved", "guest_cancelled"]


def test_the_page_of_a_guest_needs_the_link_and_ends_with_the_visit(network: Managed) -> None:
    made = visitor(network, name="Over Soon")
    page, visit = made.json()["path"], made.json()["ref"]
    assert network.api.get(page[:-1] + ("A" if page[-1] != "A" else "B")).status_code == 404
    answer = network.api.get(page, headers={"accept-language": "en"})
    assert answer.status_code == 200
    assert "is being made" in answer.text
    assert (answer.headers["referrer-policy"], answer.headers["x-robots-tag"]) == ("no-referrer", "noindex")
    over = "UPDATE pass SET valid_from = now() - interval '9 hours', valid_until = now() - %s::interval WHERE ref = %s"
    network.sql(f"{over} RETURNING ref", "1 hour", visit)
    assert "terminée" in _page(network, page)
    network.sql(f"{over.replace('9 hours', '50 hours')} RETURNING ref", "25 hours", visit)
    assert network.api.get(page).status_code == 404


def test_a_guest_by_ones_own_pass(network: Managed) -> None:
    guest = {"place": "limoges", "name": "Nora Petit", "email": "nora@example.org", "credential": "qr"}
    made = network.post("member", "/v1/guests", {**guest, **times(at(8, 1), at(12, 1))})
    assert made.status_code == 201, made.text
    visit = made.json()["ref"]
    sign(network)
    qr = said(network, visit)
    assert qr is not None
    assert (qr.starts, qr.ends, qr.doors) == (at(8, 1), at(12, 1), None)
    listed = {one["ref"]: one for one in network.get("member", "/v1/guests").json()["guests"]}
    assert (listed[visit]["credential"], listed[visit]["status"], listed[visit]["booking"]) == ("qr", "expected", None)

    by_code = network.post("member", "/v1/guests", {**guest, "credential": "code", **times(at(9, 1), at(10, 1))})
    assert len(by_code.json()["code"]) == 6
    network.change("manager", "PUT", "/v1/places/limoges/policy", {"booking_guests": 2})
    assert wrong(network.post("member", "/v1/guests", {**guest, **times(at(13, 1), at(14, 1))})) == (409, "from")
    network.change("manager", "PUT", "/v1/places/limoges/policy", {})
    assert wrong(network.post("member", "/v1/guests", {**guest, **times(at(8, 3), at(9, 4))})) == (422, "until")
    assert wrong(network.post("member", "/v1/guests", {**guest, **times(at(8, -9), at(9, -9))})) == (422, "from")
    assert wrong(network.post("member", "/v1/guests", {**guest, **times(at(8, 90), at(9, 90))})) == (422, "from")
    assert wrong(network.post("member", "/v1/guests", {**guest, "name": " ", **times(at(8, 3), at(9, 3))})) == (
        422,
        "name",
    )
    assert network.post("desk", "/v1/guests", {**guest, **times(at(8, 3), at(9, 3))}).status_code == 403

    assert network.call("member", "DELETE", "/v1/guests/p-nobody").status_code == 404
    someone_elses = visitor(network).json()["ref"]
    assert network.call("member", "DELETE", f"/v1/guests/{someone_elses}").status_code == 404
    gone = network.call("member", "DELETE", f"/v1/guests/{visit}")
    assert (gone.status_code, gone.json()["status"]) == (200, "cancelled")


def test_who_loses_the_pass_has_no_guests_by_it(network: Managed) -> None:
    guest = {"place": "limoges", "name": "Lea", **times(at(8, 5), at(9, 5))}
    ((member,),) = network.sql("INSERT INTO member (name) VALUES ('Host') RETURNING ref")
    key = network.key("host", role="member", member=member)
    ask = {"Authorization": f"Bearer {key}"}
    assert wrong(network.api.post("/v1/guests", json=guest, headers=ask)) == (409, "place")
    ((held,),) = network.sql(
        "INSERT INTO pass (member, everywhere, valid_from, valid_until) VALUES (%s, true, %s, %s) RETURNING ref",
        member, at(0), at(0, 6),
    )  # fmt: skip
    late = {**guest, **times(at(8, 7), at(9, 7))}
    assert wrong(network.api.post("/v1/guests", json=late, headers=ask)) == (409, "place")
    visit = network.api.post("/v1/guests", json=guest, headers=ask).json()["ref"]
    network.sql("UPDATE pass SET revoked_at = now() WHERE ref = %s RETURNING ref", held)
    assert network.sql("SELECT visitor FROM pass WHERE ref = %s", visit) == [("cancelled",)]


def test_what_is_erased_leaves_nothing(network: Managed) -> None:
    made = visitor(network, name="Gone Entirely")
    sign(network)
    ((member,),) = network.sql("SELECT member FROM guest_qr WHERE pass = %s", made.json()["ref"])
    erased = network.call("admin", "DELETE", f"/v1/members/{member}", if_match="*")
    assert erased.status_code in (200, 204), erased.text
    assert network.sql("SELECT count(*) FROM guest_qr WHERE member = %s", member) == [(0,)]
    assert network.api.get(made.json()["path"]).status_code == 404


def _page(network: Managed, path: str) -> str:
    answer = network.api.get(path, headers={"accept-language": "fr"})
    assert answer.status_code == 200, answer.text
    return answer.text
