"""From whatever changes in the database to new versions, entries and deltas."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from access import AccessList, decide
from access.compare import apply, fingerprint
from access.deltas_json import delta_from_json, delta_to_json
from rights import history, numbers, queries, store
from rights.assembly import MemberRows, PlaceRows, entries, places
from rights.place_tokens import NumberBox, PlaceTokens
from tests.cards import SECRET
from tests.integration.rights.network import Network, lookup
from tests.integration.rights.paths import ANNA, BELA, EVERYWHERE, PATHS


def _from_scratch(network: Network) -> dict[str, AccessList]:
    """Every place's list, assembled at once from the rows."""
    ids = list(network.codes())
    values: dict[str, Any] = {"places": ids, "now": datetime.now(UTC) + network.offset}
    values["members"] = [ref for (ref,) in network.rights.execute(queries.MEMBERS_AT, values)]
    at = places(PlaceRows(**{n: network.rights.execute(q, values).fetchall() for n, q in queries.PLACES.items()}))
    rows = MemberRows(**{n: network.rights.execute(q, values).fetchall() for n, q in queries.MEMBERS.items()})
    tokens = PlaceTokens(SECRET, NumberBox(SECRET), {})
    tokens.take(numbers.known(network.rights, values["members"]), [])
    found, _ = entries(rows, at, tokens)
    lists = {}
    for place, settings in at.items():
        one = settings.list
        lists[one.place] = AccessList(
            **{name: getattr(one, name) for name in AccessList.__slots__ if name != "entries"}, entries=found[place]
        )
    return lists


def _stored_fingerprints(network: Network) -> dict[str, str]:
    return dict(network.run("SELECT p.code, l.fingerprint FROM access_list l JOIN place p ON p.id = l.place"))


def _is_true(network: Network) -> None:
    """What is stored is what the rows say, and its fingerprint is that of what is stored."""
    stored = _stored_fingerprints(network)
    scratch = _from_scratch(network)
    for place, known in stored.items():
        assert fingerprint(network.list(place)) == known
        assert fingerprint(scratch[place]) == known
    wrong = network.run(
        "SELECT place FROM access_list l WHERE entries <>"
        " (SELECT count(*) FROM list_entry e WHERE e.place = l.place AND e.until IS NULL)"
    )
    assert wrong == []


def test_first_lists_and_none_without_a_gateway(network: Network) -> None:
    network.member("anna", "gare", "moulin")
    network.member("bela", everywhere=True, cards=2)
    made = network.refresh()
    assert {place: one.version for place, one in made.items()} == {"gare": 1, "port": 1, "halle": 1}
    assert all(one.base == 0 and one.delta is None for one in made.values())
    assert len(network.list("gare").entries) == 3
    assert len(network.list("port").entries) == 2
    assert network.dirty() == 0
    _is_true(network)
    assert network.refresh() == {}


def test_every_way_of_a_change_leads_to_the_right_delta(network: Network) -> None:
    network.member("anna", "gare")
    network.member("bela", everywhere=True, cards=2)
    network.refresh()
    held = {place: network.list(place) for place in EVERYWHERE}
    first = dict(held)
    for statement, reached, says in PATHS:
        network.run(statement)
        made = network.refresh()
        assert made.keys() == set(reached.split()), statement
        for place, change in made.items():
            assert change.delta is not None
            read = delta_from_json(delta_to_json(change.delta))
            held[place] = apply(held[place], read, known=fingerprint(held[place]))
            assert held[place].version == change.version
            assert fingerprint(held[place]) == change.fingerprint
        assert says({place: network.list(place) for place in held}), statement
        assert network.dirty() == 0
    assert network.run("SELECT DISTINCT kind FROM alarm") == [("schedule_unusable",)]
    for place, old in first.items():
        number = next(number for number, code in network.codes().items() if code == place)
        newest = store.lists(network.rights, [number])[number]
        delta = history.since(network.rights, number, old.version, newest.version, newest.fingerprint)
        assert delta is not None
        assert fingerprint(apply(old, delta)) == newest.fingerprint
    _is_true(network)


def test_a_gateway_that_goes_takes_its_list_along_and_gets_a_newer_one_when_it_returns(network: Network) -> None:
    network.member("anna", "gare", "moulin")
    network.refresh()
    network.run("UPDATE device SET retired_at = now() WHERE gateway = (SELECT id FROM gateway WHERE code = 'gare-1')")
    network.run("UPDATE gateway SET retired_at = now() WHERE code = 'gare-1'")
    assert network.refresh()["gare"].version == 2
    assert network.list("gare").entries == {}
    network.run("UPDATE gateway SET retired_at = NULL WHERE code = 'gare-1'")
    network.run("INSERT INTO gateway (place, code) SELECT id, 'moulin-1' FROM place WHERE code = 'moulin'")
    made = network.refresh()
    assert (made["gare"].version, made["moulin"].version) == (3, 1)
    assert ANNA["moulin"] in network.list("moulin").entries


def test_a_door_and_a_space_out_of_service_leave_the_list(network: Network) -> None:
    network.member("anna", "gare")
    network.refresh()
    assert network.list("gare").rules.doors.keys() == {"entry", "lab-door"}
    with network.owner.transaction():
        network.run("UPDATE door SET retired_at = now() WHERE place = at('gare') AND code = 'lab-door'")
        network.run("UPDATE space SET retired_at = now() WHERE place = at('gare') AND code = 'lab'")
    assert "gare" in network.refresh()
    rules = network.list("gare").rules
    assert (set(rules.doors), set(rules.spaces)) == ({"entry"}, {"all"})


def test_uses_of_a_pass_wait_a_little_and_go_along_with_what_is_in_a_hurry(network: Network) -> None:
    network.member("anna", "gare")
    network.member("bela", "gare")
    network.run("UPDATE pass SET unit = 'entry', allowance = 9")
    network.refresh()
    network.offset = timedelta(minutes=-1)  # "a little" isn't over, however slow this machine is
    network.run("INSERT INTO pass_use (pass, slot) VALUES ('p-anna', 7), ('p-bela', 8)")
    assert network.refresh() == {}
    network.run("UPDATE card SET status = 'lost' WHERE member = 'm-anna'")
    network.refresh()
    assert network.list("gare").entries[ANNA["gare"]].rights[0].used == (7,)
    assert network.list("gare").entries[BELA["gare"]].rights[0].used == ()
    assert network.dirty() == 1
    network.offset = timedelta(seconds=6)
    network.refresh()
    assert network.list("gare").entries[BELA["gare"]].rights[0].used == (8,)
    assert network.dirty() == 0


def test_a_list_is_made_again_at_half_its_age_and_what_is_over_goes(network: Network) -> None:
    network.member("anna", "gare")
    network.run(
        "INSERT INTO booking (member, place, starts_at, ends_at)"
        " SELECT 'm-anna', id, now(), now() + interval '1 hour' FROM place WHERE code = 'gare'"
    )
    network.refresh()
    network.refresher.renew(network.rights)
    assert network.refresh() == {}
    network.offset = timedelta(days=16)
    network.refresher.renew(network.rights)
    made = network.refresh()
    assert {place: one.version for place, one in made.items()} == {"gare": 2, "port": 2, "halle": 2}
    assert network.list("gare").entries[ANNA["gare"]].member.bookings == ()


def test_what_time_takes_goes_by_itself(network: Network) -> None:
    network.member("anna", "gare")
    network.run(
        "INSERT INTO booking (member, place, starts_at, ends_at)"
        " VALUES ('m-anna', at('gare'), now(), now() + interval '1 hour')"
    )
    network.run("UPDATE pass SET valid_until = now() + interval '1 hour'")
    network.refresh()
    network.offset = timedelta(hours=2)
    network.refresher.forgo(network.rights)
    network.refresh()
    member = network.list("gare").entries[ANNA["gare"]].member
    assert (len(member.rights), member.bookings) == (1, ())
    network.offset = timedelta(days=8)
    network.refresher.forgo(network.rights)
    network.refresh()
    assert network.list("gare").entries == {}
    _is_true(network)


def test_many_with_passes_for_everywhere_come_by_place(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rights.refresh._FEW", 2)
    monkeypatch.setattr("rights.refresh._HEAVY", 8)
    network.member("anna", "gare")
    network.refresh()
    for number in range(4):
        network.member(f"n{number:03}", everywhere=True)
    assert set(network.refresh()) == set(EVERYWHERE)
    assert network.dirty() == 0
    _is_true(network)
    network.run("DELETE FROM member WHERE ref LIKE 'm-n%%'")
    network.refresh()
    assert len(network.list("gare").entries) == 1
    _is_true(network)


def test_a_card_that_changes_hands_and_one_that_was_never_closed(network: Network) -> None:
    network.member("anna", "gare")
    network.member("bela", everywhere=True)
    network.refresh()
    network.run("UPDATE card SET member = 'm-bela' WHERE member = 'm-anna'")
    network.refresh()
    assert network.list("gare").entries[ANNA["gare"]].member.ref == "m-bela"
    assert network.list("port").entries[ANNA["port"]].member.ref == "m-bela"
    _is_true(network)


def test_what_fails_alone_is_set_aside_and_the_others_go_on(network: Network, caplog: pytest.LogCaptureFixture) -> None:
    network.member("anna", "gare")
    network.member("bela", everywhere=True)
    network.refresh()
    # A row that only this test can write: the constraint is gone, the pass makes no sense.
    network.run("ALTER TABLE pass DROP CONSTRAINT pass_allowance_check")
    network.run("UPDATE pass SET unit = 'day', allowance = -1 WHERE ref = 'p-anna'")
    network.run("UPDATE card SET status = 'lost'")
    for _ in range(4):
        network.refresher.turn(network.rights)
    assert network.list("port").entries[BELA["port"]].status == "lost"
    assert network.list("gare").entries[ANNA["gare"]].status == "active"
    assert network.dirty() == 2
    assert network.run("SELECT kind FROM alarm") == [("list_stuck",)]
    assert any(record.message == "refresh_failed" for record in caplog.records)
    network.run("UPDATE pass SET allowance = 1 WHERE ref = 'p-anna'")
    network.offset = timedelta(seconds=61)
    network.refresh()
    assert network.list("gare").entries[ANNA["gare"]].status == "lost"
    assert network.dirty() == 0


def test_any_history_of_changes_ends_in_what_the_rows_say(network: Network) -> None:
    rng = random.Random(7)
    for number in range(12):
        network.member(f"n{number:03}", *rng.sample(["gare", "port", "halle"], 2), everywhere=number % 5 == 0, cards=2)
    network.refresh()
    versions = {place: [network.list(place)] for place in EVERYWHERE}
    for _ in range(25):
        for _ in range(rng.randint(1, 3)):
            who, place = f"n{rng.randrange(12):03}", rng.choice(sorted(EVERYWHERE))
            network.run(
                rng.choice(
                    [
                        "UPDATE card SET status = CASE status WHEN 'lost' THEN 'active' ELSE 'lost' END"
                        " WHERE lookup = %(t)s",
                        "UPDATE pass SET revoked_at = CASE WHEN revoked_at IS NULL THEN now() END WHERE ref = %(p)s",
                        "DELETE FROM pass_place WHERE pass = %(p)s AND place = at(%(c)s)",
                        "INSERT INTO pass_place (pass, place) VALUES (%(p)s, at(%(c)s)) ON CONFLICT DO NOTHING",
                        "UPDATE member SET status = CASE status WHEN 'active' THEN 'suspended' ELSE 'active' END"
                        " WHERE ref = %(m)s",
                        "DELETE FROM card WHERE lookup = %(t)s",
                        "INSERT INTO card (lookup, member) VALUES (%(t)s, %(m)s) ON CONFLICT DO NOTHING",
                        'UPDATE place SET opening_hours = \'{"mon": [["08:00", "18:00"]]}\' WHERE code = %(c)s',
                    ]
                ),
                t=lookup(f"{who}-{rng.randrange(2)}"),
                p=f"p-{who}",
                m=f"m-{who}",
                c=place,
            )
        for place in network.refresh():
            versions[place].append(network.list(place))
    _is_true(network)
    for number, place in network.codes().items():
        if place not in versions:
            continue
        newest = store.lists(network.rights, [number])[number]
        for old in versions[place][:-1]:
            delta = history.since(network.rights, number, old.version, newest.version, newest.fingerprint)
            assert delta is not None
            made = apply(old, delta_from_json(delta_to_json(delta)))
            assert made.entries == versions[place][-1].entries
            assert fingerprint(made) == newest.fingerprint


def test_a_door_opens_by_what_is_stored(network: Network) -> None:
    network.member("anna", "gare")
    network.refresh()
    found = network.list("gare")
    assert decide(found, ANNA["gare"], "entry", "in", datetime.now(UTC)).reason == "granted"
    network.run("UPDATE card SET status = 'lost'")
    network.refresh()
    assert decide(network.list("gare"), ANNA["gare"], "entry", "in", datetime.now(UTC)).reason == "card_lost"
    assert (
        decide(network.list("gare", found.version), ANNA["gare"], "entry", "in", datetime.now(UTC)).reason == "granted"
    )


def test_a_place_that_closes_for_good_keeps_its_doors_to_hosts(network: Network) -> None:
    network.member("anna", "gare", "port")
    network.refresh()

    def at(place: str) -> str:
        return decide(network.list(place), ANNA[place], "entry", "in", datetime.now(UTC)).reason

    for status in ("closed", "preparation"):
        network.run("UPDATE place SET status = %(s)s WHERE code = 'gare'", s=status)
        network.refresh()
        assert (at("gare"), at("port")) == ("place_closed", "granted")
    network.run("UPDATE pass SET supervises = true")
    network.refresh()
    assert at("gare") == "granted"
    network.run("UPDATE pass SET supervises = false")
    network.run("UPDATE place SET status = 'open' WHERE code = 'gare'")
    network.refresh()
    assert at("gare") == "granted"
    _is_true(network)
