"""A member opens a door and loses a card on a phone, with a real gateway and its lock: every process is real."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import cast

import pytest
from playwright.sync_api import Browser, Page, expect

from maillage.embedded.bundle import Bundle
from simulator.sample.people import Member
from tests.api_server import Centre
from tests.conftest import Database
from tests.e2e.signed_in import signed_in
from tests.e2e.way import Way, start_way
from tests.managed import Managed
from tests.waiting import until

DOOR = "door-entry"


@pytest.fixture(scope="module")
def way(tmp_path_factory: pytest.TempPathFactory, bundle: Bundle) -> Iterator[Way]:
    """Yield the network, whose first place lets members open its doors."""
    with start_way(tmp_path_factory.mktemp("way"), bundle) as made:
        made.call("PUT", f"/v1/places/{made.place}/policy", {"members_open": True})
        made.known()
        yield made


def _signed_in(way: Way, member: Member) -> Managed:
    key = way.call("POST", f"/v1/members/{member.ref}/key", {}, status=201)["key"]
    nothing = cast("tuple[Centre, Database]", (None, None))  # a browser needs the API only
    return Managed(api=way.api, centre=nothing[0], database=nothing[1], keys={"member": key}, member=member.ref)


def _status(page: Page, text: str) -> None:
    expect(page.get_by_role("status").first).to_contain_text(text, timeout=60_000)


def test_a_member_opens_the_door_and_counts_as_with_the_card(way: Way, browser: Browser) -> None:
    member = way.people[0]
    path = f"/me/cards/open/{way.place}/{DOOR}"
    before, opened = way.count(), way.opened
    with signed_in(_signed_in(way, member), browser, "member") as context:
        page = context.new_page()
        page.goto(path)
        began = time.monotonic()
        page.get_by_role("button", name="Ouvrir la porte").dblclick()
        _status(page, "La porte est ouverte.")
        print(f"\nfrom the tap to the page that says open: {time.monotonic() - began:.2f} s")
        until(lambda: way.opened == opened + 1, what="the lock moves once")
        assert way.decided(before + 1)[0] == ("granted", member.ref, "reader-entry-in")

        def inside() -> dict[str, str]:
            people = way.call("GET", f"/v1/places/{way.place}/muster")["people"]
            return {one["member"]: one["sure"] for one in people}

        until(lambda: inside().get(member.ref) == "badged", what=f"on the evacuation list: {inside()}")
        page.reload()
        _status(page, "La porte est ouverte.")
        page.goto("/me/cards")
        lately = page.get_by_role("region", name="Aux portes ces derniers temps")
        expect(lately.get_by_role("listitem").first).to_contain_text("ouverte par téléphone")
    assert (way.count(), way.opened) == (before + 1, opened + 1), "a reload opens nothing"
    assert way.show(member.card, "reader-entry-out") == "granted"
    until(lambda: member.ref not in inside(), what="gone again")


def test_in_a_lockdown_no_phone_opens(way: Way, browser: Browser) -> None:
    member = way.people[1]
    opened = way.opened
    with signed_in(_signed_in(way, member), browser, "member", java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"/me/cards/open/{way.place}/{DOOR}")
        way.call("POST", f"/v1/places/{way.place}/lockdown?wait=10", {})
        try:
            page.get_by_role("button", name="Ouvrir la porte").click()
            expect(page.get_by_role("alert")).to_be_visible()
        finally:
            way.call("POST", f"/v1/places/{way.place}/release?wait=10", {})
            way.known()
    assert way.opened == opened


def test_a_gateway_without_a_line_is_not_reached(way: Way, browser: Browser) -> None:
    member = way.people[2]
    opened = way.opened
    with signed_in(_signed_in(way, member), browser, "member") as context:
        page = context.new_page()
        page.goto(f"/me/cards/open/{way.place}/{DOOR}")
        way.chain.line.cut()
        try:
            page.get_by_role("button", name="Ouvrir la porte").click()
            _status(page, "Utilisez votre badge.")
        finally:
            way.chain.line.mend()
        _status(page, "La porte n'a pas pu être jointe")
    way.known()
    assert way.opened == opened, "an order that is late opens nothing"


def test_a_lost_card_is_refused_within_moments_of_the_second_tap(way: Way, browser: Browser) -> None:
    member = way.people[3]
    assert way.show(member.card) == "granted"
    card = way.card_of(member)
    with signed_in(_signed_in(way, member), browser, "member") as context:
        page = context.new_page()
        page.goto("/me/cards")
        page.get_by_role("link", name="Je l'ai perdu").first.click()
        began = time.monotonic()
        page.get_by_role("button", name="Oui, il est perdu").click()
        _status(page, "Refusé à toutes les portes depuis")
        print(f"\nfrom the second tap to the page that says so: {time.monotonic() - began:.2f} s")
    spread = way.call("GET", f"/v1/cards/{card}/spread")
    assert spread["knowing"] == spread["places"] > 0
    ((took,),) = way.chain.rows(
        """SELECT extract(epoch FROM max(v.made_at) - (SELECT max(h.at) FROM card_change h WHERE h.card = c.ref))::float
        FROM card c JOIN list_entry e ON e.lookup = c.lookup JOIN list_version v ON v.place = e.place
          AND v.version = greatest(e.since, coalesce(e.until, 0)) WHERE c.ref = %s GROUP BY c.ref""",
        card,
    )
    print(f"of that, until every list was made: {took:.3f} s")
    assert way.show(member.card) == "card_lost"
