"""People sign in by a link in a mail; their sessions are keys; a browser that another site drives is refused."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.managed import Managed, managed
from tests.waiting import until

OURS = {"sec-fetch-site": "same-origin"}
ADDRESS = "jeanne@example.org"


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        one.sql("UPDATE member SET email = 'Jeanne@example.org' WHERE ref = 'm-own1' RETURNING ref")
        yield one


@pytest.fixture
def browser(network: Managed) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=network.api.base_url, headers={"accept-language": "fr"}, timeout=60) as one:
        yield one


def link(network: Managed, browser: httpx.Client, address: str = ADDRESS) -> str | None:
    """Ask for a link, and return the path in the mail; None: no mail was queued."""
    before = network.sql("SELECT coalesce(max(id), 0) FROM mail")[0][0]
    assert browser.post("/sign-in", data={"address": address}, headers=OURS).status_code == 200
    found = network.sql("SELECT \"values\" ->> 'link' FROM mail WHERE kind = 'sign_in' AND id > %s", before)
    return httpx.URL(found[0][0]).path if found else None


def signed_in(network: Managed, browser: httpx.Client, ref: str, role: str, address: str = ADDRESS) -> httpx.Response:
    network.sql("DELETE FROM sign_in_link RETURNING 1")
    path = link(network, browser, address)
    assert path is not None
    answer = browser.post(path, data={"ref": ref, "role": role}, headers=OURS)
    if cookie := answer.cookies.get("__Host-maillage"):  # httpx keeps no Secure cookie of http://, a browser does here
        browser.headers["cookie"] = f"__Host-maillage={cookie}"
    return answer


def test_a_member_signs_in_by_mail_and_the_session_is_a_key_of_theirs(network: Managed, browser: httpx.Client) -> None:
    path = link(network, browser)
    assert path is not None
    assert "Jeanne Petit" in browser.get(path).text
    assert browser.get(path).status_code == 200  # looking uses nothing
    answer = browser.post(path, data={"ref": "m-own1", "role": "member"}, headers=OURS)
    assert (answer.status_code, answer.headers["location"]) == (303, "/me")
    assert re.search(r"HttpOnly;.*SameSite=lax; Secure", answer.headers["set-cookie"])
    browser.headers["cookie"] = f"__Host-maillage={answer.cookies['__Host-maillage']}"
    assert "Jeanne Petit" in browser.get("/me").text
    assert browser.get("/v1/me").json()["ref"] == "m-own1"
    assert browser.get(path).status_code == 410  # once
    assert browser.post(path, data={"ref": "m-own1", "role": "member"}, headers=OURS).status_code == 410


def test_an_unknown_address_gets_the_same_answer_and_no_mail(network: Managed, browser: httpx.Client) -> None:
    assert link(network, browser, "nobody@example.org") is None


def test_no_link_makes_somebody_of_another_address_or_role(network: Managed, browser: httpx.Client) -> None:
    assert signed_in(network, browser, "m-own1", "network_administrator").status_code == 410
    other = network.someone("Paul")
    assert signed_in(network, browser, other, "member").status_code == 410


def test_an_operator_signs_in_as_one_of_their_roles_and_the_audit_names_them(
    network: Managed, browser: httpx.Client
) -> None:
    made = network.post(
        "admin",
        "/v1/operators",
        {"name": "Ada", "email": "ada@example.org", "roles": [{"role": "place_manager", "places": ["limoges"]}]},
    )
    assert made.status_code == 201, made.text
    ref = made.json()["ref"]
    assert signed_in(network, browser, ref, "place_manager", "ada@example.org").status_code == 303
    answer = browser.post("/v1/members", json={"name": "New", "home": "limoges"}, headers=OURS)
    assert answer.status_code == 201, answer.text
    actor = network.sql(
        "SELECT actor FROM audit WHERE subject = %s ORDER BY id DESC LIMIT 1", f"member {answer.json()['ref']}"
    )
    assert f"operator:{ref}" in actor[0][0]
    assert browser.post("/v1/members", json={"name": "New", "home": "isle"}, headers=OURS).status_code == 403
    assert browser.get("/me").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{}, {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://evil.example"}],
)
def test_another_site_changes_nothing_with_the_cookie(
    network: Managed, browser: httpx.Client, headers: dict[str, str]
) -> None:
    signed_in(network, browser, "m-own1", "member")
    card = network.card("m-own1", "04112233445566", status="active")
    assert browser.post(f"/v1/cards/{card}/lost", headers=headers).status_code == 401
    assert browser.post(f"/me/cards/{card}/lost", headers=headers).status_code == 422
    assert browser.post("/sign-out", headers=headers).status_code == 422
    assert network.get("admin", f"/v1/cards/{card}").json()["status"] == "active"
    network.sql("DELETE FROM card WHERE ref = %s RETURNING 1", card)


def test_a_lost_card_is_reported_in_two_steps_and_nobody_elses(network: Managed, browser: httpx.Client) -> None:
    signed_in(network, browser, "m-own1", "member")
    mine = network.card("m-own1", "04AABBCCDDEEFF", status="active")
    theirs = network.card(network.someone("Paul"), "04AABBCCDDEE00", status="active")
    assert f"/me/cards/{mine}/lost" in browser.get("/me").text
    assert browser.get(f"/me/cards/{mine}/lost").status_code == 200
    answer = browser.post(f"/me/cards/{mine}/lost", headers=OURS)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/me/cards/{mine}/doors")
    assert "déclaré perdu" in browser.get(answer.headers["location"]).text
    assert network.get("admin", f"/v1/cards/{mine}").json()["status"] == "lost"
    assert browser.post(f"/me/cards/{theirs}/lost", headers=OURS).status_code == 404
    assert network.get("admin", f"/v1/cards/{theirs}").json()["status"] == "active"


def test_bookings_are_shown_in_the_hours_of_their_place_and_can_be_cancelled(
    network: Managed, browser: httpx.Client
) -> None:
    signed_in(network, browser, "m-own1", "member")
    zone = ZoneInfo("Indian/Reunion")
    network.sql("UPDATE place SET time_zone = %s, name = %s WHERE code = 'isle' RETURNING 1", zone.key, "L'Île")
    starts = (datetime.now(zone) + timedelta(days=1)).replace(hour=10, minute=15, second=0, microsecond=0)
    wish = {"member": "m-own1", "place": "isle", "from": starts.isoformat()}
    made = network.post("admin", "/v1/bookings", {**wish, "until": (starts + timedelta(hours=2)).isoformat()})
    assert made.status_code == 201, made.text

    def shown() -> str:
        return html.unescape(browser.get("/me").text)

    until(lambda: "L'Île" in shown(), deadline_s=60, what="the API knows the place's new name")
    assert "10:15 – 12:15" in shown()
    assert browser.post(f"/me/bookings/{made.json()['ref']}/cancel", headers=OURS).status_code == 303
    assert "10:15" not in shown()


def test_a_session_ends_at_sign_out_and_from_another_browser(network: Managed, browser: httpx.Client) -> None:
    signed_in(network, browser, "m-own1", "member")
    stolen = browser.headers["cookie"]
    other = httpx.Client(base_url=network.api.base_url, timeout=60)
    signed_in(network, other, "m-own1", "member")
    number = next(one["id"] for one in other.get("/v1/sessions").json()["sessions"] if one["current"])
    assert browser.post(f"/me/sessions/{number}/end", headers=OURS).status_code == 303
    assert other.get("/v1/me").status_code == 401
    other.close()
    gone = browser.post("/sign-out", headers=OURS)
    assert gone.status_code == 303
    assert "Max-Age=0" in gone.headers["set-cookie"]
    assert browser.get("/v1/me", headers={"cookie": stolen}).status_code == 401
    assert browser.get("/me", headers={"cookie": stolen}).headers["location"] == "/sign-in"


def test_what_a_person_wrote_is_no_markup(network: Managed, browser: httpx.Client) -> None:
    network.sql("UPDATE member SET name = %s WHERE ref = 'm-own1' RETURNING 1", "<script>x</script>")
    signed_in(network, browser, "m-own1", "member")
    text = browser.get("/me").text
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "unsafe-inline" not in browser.get("/me").headers["content-security-policy"]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example\\@localhost", "evil.example:1@localhost", "localhost/x"]
)
def test_a_link_never_leads_to_the_host_that_a_request_names(
    network: Managed, browser: httpx.Client, host: str
) -> None:
    before = network.sql("SELECT count(*) FROM mail")
    answer = browser.post("/sign-in", data={"address": ADDRESS}, headers={**OURS, "host": host})
    assert answer.status_code == 503
    assert network.sql("SELECT count(*) FROM mail") == before


def test_five_links_an_hour_are_enough(network: Managed, browser: httpx.Client) -> None:
    network.sql("DELETE FROM sign_in_link RETURNING 1")
    assert [link(network, browser) is not None for _ in range(6)] == [True] * 5 + [False]


def test_a_sent_link_stands_nowhere_and_no_export_has_one_that_is_of_use(
    network: Managed, browser: httpx.Client
) -> None:
    network.sql("DELETE FROM sign_in_link RETURNING 1")
    path = link(network, browser)
    assert path is not None
    token = path.rpartition("/")[2]
    exported = network.get("admin", "/v1/members/m-own1/export")
    assert exported.json()["mail"][-1]["kind"] == "sign_in"
    assert token not in exported.text
    network.sql("UPDATE mail SET sent_at = now() WHERE kind = 'sign_in' RETURNING 1")
    assert network.sql("SELECT 1 FROM mail m WHERE m::text LIKE %s", f"%{token}%") == []
    assert browser.post(path, data={"ref": "m-own1", "role": "member"}, headers=OURS).status_code == 303


def test_what_a_browser_says_of_itself_is_exported_and_forgotten(network: Managed, browser: httpx.Client) -> None:
    browser.headers["user-agent"] = "Netscape 4"
    made = network.post(
        "admin",
        "/v1/operators",
        {"name": "Bo", "email": "bo@example.org", "roles": [{"role": "place_manager", "places": ["isle"]}]},
    )
    ref = made.json()["ref"]
    signed_in(network, browser, ref, "place_manager", "bo@example.org")
    shown = network.get("admin", f"/v1/operators/{ref}/export").json()["sessions"]
    assert [one["agent"] for one in shown] == ["Netscape 4"]
    assert link(network, browser, "bo@example.org") is not None
    assert network.change("admin", "DELETE", f"/v1/operators/{ref}").is_success
    assert browser.get("/me").status_code == 303
    assert network.sql("SELECT 1 FROM sign_in_session WHERE agent = 'Netscape 4'") == []
    for table, column in (("mail", "to_address"), ("sign_in_link", "email")):
        assert network.sql(f"SELECT 1 FROM {table} WHERE {column} = 'bo@example.org'") == []
    signed_in(network, browser, "m-own1", "member")
    mine = browser.get("/v1/me/export").json()["sessions"]
    assert mine[-1]["agent"] == "Netscape 4"
    network.sql("SELECT forget_sessions(now())")
    assert browser.get("/v1/sessions").json()["sessions"][0]["agent"] == "Netscape 4", "it hasn't ended"
    browser.post("/sign-out", headers=OURS)
    network.sql("SELECT forget_sessions(now() + interval '1 second')")
    assert network.sql("SELECT 1 FROM sign_in_session WHERE agent = 'Netscape 4'") == []


def test_one_link_used_twice_at_once_makes_one_session_and_six_at_once_are_five_mails(network: Managed) -> None:
    network.sql("DELETE FROM sign_in_link RETURNING 1")
    with (
        httpx.Client(base_url=network.api.base_url, timeout=60) as browser,
        ThreadPoolExecutor(8) as many,
    ):
        path = link(network, browser)
        assert path is not None
        form = {"ref": "m-own1", "role": "member"}
        answers = list(many.map(lambda _: browser.post(path, data=form, headers=OURS).status_code, range(6)))
        assert sorted(answers) == [303, 410, 410, 410, 410, 410]
        list(many.map(lambda _: browser.post("/sign-in", data={"address": ADDRESS}, headers=OURS), range(8)))
    assert network.sql("SELECT count(*) FROM sign_in_link") == [(5,)]


def test_what_goes_wrong_is_said_on_a_page(network: Managed, browser: httpx.Client) -> None:
    signed_in(network, browser, "m-own1", "member")
    wrong = [
        browser.post("/sign-out", headers={"sec-fetch-site": "cross-site"}),
        browser.post("/sign-in", data={"address": "x" * 12_000}, headers=OURS),
        browser.post("/me/sessions/none/end", headers=OURS),
        browser.get("/me/cards/%0A/lost"),
        browser.get("/me/cards/x%3Flimit=1/lost"),
        browser.post("/me/bookings/..%3F/cancel", headers=OURS),
        browser.post("/sign-in/x", data={"ref": "\0", "role": "member\0"}, headers=OURS),
    ]
    assert [one.headers["content-type"] for one in wrong if "html" not in one.headers["content-type"]] == []
    assert all(400 <= one.status_code < 500 for one in wrong)
    # by which a browser without Sec-Fetch-Site says whose form it is, and of a link's address nothing leaves
    assert browser.get("/sign-in").headers["referrer-policy"] == "strict-origin"
