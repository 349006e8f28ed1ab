"""From a click in the API to a door that obeys, and from a door to what the API tells: every process and server real.

One network for all tests here: its gateways, ingest, rights process and API; cards and digits at virtual readers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from maillage.embedded.bundle import Bundle
from simulator.reports import FrontDesk
from simulator.sample.entitlements import pin_of
from tests.e2e.way import Way, start_way
from tests.waiting import until


@pytest.fixture(scope="module")
def way(tmp_path_factory: pytest.TempPathFactory, bundle: Bundle) -> Iterator[Way]:
    """Yield the network."""
    with start_way(tmp_path_factory.mktemp("way"), bundle) as made:
        yield made


def test_a_card_taken_out_of_service_opens_nothing_any_more(way: Way) -> None:
    member = way.people[0]
    assert way.show(member.card) == "granted"
    assert way.show(member.card, "reader-entry-out") == "granted"
    card = way.card_of(member)
    way.call("PATCH", f"/v1/cards/{card}", {"status": "lost"})
    spread = until(
        lambda: (one := way.call("GET", f"/v1/cards/{card}/spread"))["knowing"] == one["places"] and one,
        what="every door knows",
    )
    assert spread["waiting"] == []
    assert way.show(member.card) == "card_lost"
    # It turns up again, in a new life.
    way.call("POST", f"/v1/cards/{card}/reissue", {}, status=201)
    way.known()
    assert way.show(member.card) == "granted"
    history = way.call("GET", f"/v1/cards/{card}/history")["steps"]
    assert [one["became"] for one in history][-1] == "lost"


def test_the_simulators_people_report_a_lost_card(way: Way) -> None:
    acts: Counter[str] = Counter()
    member = way.people[7]
    desk = FrontDesk(str(way.api.base_url), way.key, acts)
    assert way.show(member.card) == "granted"
    desk.report_lost(member.ref)
    until(lambda: acts["lost_card.lost"] == 1, what=f"it is reported: {acts}")
    way.known()
    assert way.show(member.card) == "card_lost"
    desk.report_found(member.ref)
    until(lambda: acts["lost_card.found"] == 1, what=f"it has turned up: {acts}")
    way.known()
    assert way.show(member.card) == "granted"
    FrontDesk("http://127.0.0.1:9", "mk_none", acts).report_lost(member.ref)
    until(lambda: acts["lost_card.lost_failed"] == 1, what="nobody answers, and no day ends for that")
    desk.close()


def test_a_visitor_is_let_in_by_day_card_until_called_off(way: Way) -> None:
    now = datetime.now(UTC)
    visit = way.call(
        "POST",
        "/v1/visitors",
        {
            "name": "Ada Exemple",
            "host": way.people[0].ref,
            "place": way.place,
            "from": (now - timedelta(hours=1)).isoformat(),
            "until": (now + timedelta(hours=8)).isoformat(),
            "card": {"number": "04DA7CA2D00001"},
        },
        status=201,
    )
    way.known()
    assert way.show("04DA7CA2D00001") == "granted"
    assert way.show("04DA7CA2D00001", "reader-entry-out") == "granted"
    way.call("PATCH", f"/v1/visitors/{visit['ref']}", {"status": "cancelled"})
    way.known()
    assert way.show("04DA7CA2D00001") == "pass_ended"


def test_a_pin_at_the_keypad(way: Way) -> None:
    member = way.people[1]
    assert way.show(member.card, "reader-fab-lab-in") in ("pin_required", "no_right_here")
    passes = way.call("GET", f"/v1/members/{member.ref}/passes")["passes"]
    way.call("PATCH", f"/v1/passes/{passes[0]['ref']}", {"places": [{"place": way.place}]})
    way.call("PUT", f"/v1/members/{member.ref}/pin", {"pin": "271828"})
    way.known()
    assert way.show(member.card, "reader-fab-lab-in") == "pin_required"
    assert way.type("314159") == "wrong_pin"
    assert way.type("271828") == "granted"
    # Five wrong ones, and the right one has to wait.
    assert way.show(way.people[2].card, "reader-entry-in") == "granted"  # another act than the last at a reader
    assert way.show(member.card, "reader-fab-lab-in") == "pin_required"
    assert [way.type(f"00000{number}") for number in range(5)] == ["wrong_pin"] * 5
    assert way.type("271828") == "too_many_tries"
    assert pin_of(1, member.ref) != "271828"


def test_a_door_unlocked_from_afar_says_what_became_of_it(way: Way) -> None:
    before = way.opened
    orders = way.call("POST", f"/v1/places/{way.place}/doors/door-entry/unlock?wait=10", {})["orders"]
    assert [(one["do"], one["outcome"]) for one in orders] == [("unlock", "done")]
    until(lambda: way.opened == before + 1)
    told = way.call("GET", f"/v1/commands/{orders[0]['id']}")
    assert told["outcome"] == "done"
    assert way.call("POST", f"/v1/places/{way.place}/doors/no-door/unlock?wait=5", {}, status=404)


def test_a_lockdown_and_its_release(way: Way) -> None:
    member = way.people[3]
    orders = way.call("POST", f"/v1/places/{way.place}/lockdown?wait=10", {})["orders"]
    assert [one["outcome"] for one in orders] == ["done"]
    assert way.show(member.card) == "lockdown"
    assert way.show(member.card, "reader-entry-out") == "granted"  # egress is always free
    way.call("POST", f"/v1/places/{way.place}/release?wait=10", {})
    way.known()
    assert way.show(member.card) == "granted"


def test_the_muster_after_somebody_slipped_in(way: Way) -> None:
    first, second = way.people[4:6]
    for one in (first, second):
        assert way.show(one.card, "reader-entry-out") == "granted"
    assert way.show(first.card) == "granted"
    # Somebody comes in behind and shows no card; later the door opens by its handle for somebody who shows none either.
    way.hands.contact(way.gateway, "reader-entry-in", is_open=True)
    way.hands.contact(way.gateway, "reader-entry-in", is_open=False)

    def inside() -> dict[str, str]:
        people = way.call("GET", f"/v1/places/{way.place}/muster")["people"]
        return {one["member"]: one["sure"] for one in people}

    until(lambda: inside().get(first.ref) == "badged", what="the first is inside")
    assert second.ref not in inside()
    whole = way.call("GET", f"/v1/places/{way.place}/muster")
    assert [one["online"] for one in whole["gateways"]] == [True]
    assert whole["counts"]["people"] == len(whole["people"])
    assert way.show(first.card, "reader-entry-out") == "granted"
    until(lambda: first.ref not in inside(), what="the first has left")


def test_a_door_held_open_is_an_alarm_until_somebody_has_seen_to_it(way: Way) -> None:
    member = way.people[6]
    way.hands.passes = False
    assert way.show(member.card) == "granted"
    way.hands.contact(way.gateway, "reader-entry-in", is_open=True)
    path = f"/v1/alarms?place={way.place}&kind=door_held"
    alarm = until(lambda: way.call("GET", path)["alarms"], what="the alarm")[0]
    assert (alarm["door"], alarm["gateway"]) == ("door-entry", way.gateway)
    way.hands.contact(way.gateway, "reader-entry-in", is_open=False)
    way.hands.passes = True
    seen = way.call("POST", f"/v1/alarms/{alarm['id']}/acknowledge", {"comment": "Une cale, retirée."})
    assert seen["acknowledged_by"].endswith("the tests")
    assert way.call("GET", path)["alarms"] == []


def test_the_audit_knows_who_did_all_this(way: Way) -> None:
    lines = way.call("GET", "/v1/audit?limit=500")["lines"]
    done = {one["action"] for one in lines if one["actor"].endswith("the tests")}
    assert len(done) > 5, done
