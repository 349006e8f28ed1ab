"""What an import would do, line by line, against what is known; twice is as good as once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from api.transfer.card_column import CardColumn
from api.transfer.columns import COLUMNS, Column
from api.transfer.export import HEADER, written_csv
from api.transfer.known import CardRow, Known, MemberRow, PassRow, PlaceLimits, PlaceParts
from api.transfer.lines import Line, read_line
from api.transfer.plan import Plan, make_plan
from api.transfer.text import read_table
from rights.card_secret import CardKeys

KEYS = CardKeys.of(b"k" * 32)
CARDS = CardColumn(hex_lengths=frozenset({8}))
ORDER: dict[Column, int] = {column: index for index, column in enumerate(COLUMNS)}
LIMOGES = PlaceParts(id=1, code="limoges", time_zone="Europe/Paris", spaces={"lab": 10}, doors={"entry": 20}, groups={})
REUNION = PlaceParts(id=2, code="saint-denis", time_zone="Indian/Reunion", spaces={}, doors={}, groups={})


def token(number: str) -> bytes:
    return KEYS.found_by(number)


KNOWN = Known(
    members={
        "m-zoe1": MemberRow(ref="m-zoe1", name="Zoé", email="zoe@example.org", home=1),
        "m-max1": MemberRow(ref="m-max1", name="Max", home=1),
    },
    cards={
        token("0074380D"): CardRow(ref="c-1111", lookup=token("0074380D"), member="m-zoe1", last4="380D"),
        token("00000001"): CardRow(ref="c-2222", lookup=token("00000001"), member="m-max1", status="lost"),
    },
    passes={
        "p-1111": PassRow(
            ref="p-1111", member="m-zoe1", label="Dix demi-journées", unit="half_day", allowance=10,
            places=(PlaceLimits(place=1, spaces=(10,)),), schedule=5,
            valid_until=datetime(2026, 12, 31, 23, 0, tzinfo=UTC),
        ),
    },
    organisations={"mairie": 3, "mairie de limoges": 3},
    organisation_of={3: "Mairie de Limoges"},
    places={"limoges": LIMOGES, "saint-denis": REUNION},
    schedules={(None, "weekdays"): 5, (1, "evenings"): 6},
)  # fmt: skip


def lines(*rows: dict[str, str]) -> list[Line]:
    return [
        read_line(number, [row.get(column, "") for column in COLUMNS], ORDER, keys=KEYS, cards=CARDS)
        for number, row in enumerate(rows, 2)
    ]


def planned(*rows: dict[str, str], known: Known = KNOWN) -> Plan:
    numbers = count(1)
    return make_plan(lines(*rows), known, new_ref=lambda kind: f"{kind}-new{next(numbers)}")


def outcomes(plan: Plan) -> list[str]:
    return [one.outcome for one in plan.reports]


def refusal(plan: Plan, index: int = -1) -> tuple[str | None, str]:
    assert plan.reports[index].outcome == "refused", plan.reports[index]
    return plan.reports[index].wrong[0].column, plan.reports[index].wrong[0].what


def test_a_new_member_with_card_pass_and_company() -> None:
    plan = planned(
        {"name": "Ana", "email": "ana@example.org", "organisation": "Fab & Co", "card": "04A2245AC16D80",
         "pass": "Mensuel", "places": "limoges", "schedule": "evenings",
         "valid_from": "2026-11-21", "valid_until": "2026-11-30"},
        {"name": "Bob", "email": "bob@example.org", "organisation": "fab & co", "places": "*"},
    )  # fmt: skip
    assert outcomes(plan) == ["created", "created"]
    ana, bob = plan.new_members.values()
    assert (ana.home, ana.organisation, bob.organisation, list(plan.organisations.values())) == (
        1,
        -1,
        -1,
        ["Fab & Co"],
    )
    one, other = plan.new_passes.values()
    assert (one.schedule, one.places, other.everywhere, other.places) == (6, (PlaceLimits(place=1),), True, ())
    # the last day is whole, by the clocks of Limoges
    assert one.valid_from == datetime(2026, 11, 20, 23, 0, tzinfo=UTC)
    assert one.valid_until == datetime(2026, 11, 30, 23, 0, tzinfo=UTC)
    assert plan.new_cards[token("04A2245AC16D80")].last4 == "6D80"


def test_days_are_those_of_the_place() -> None:
    plan = planned({"name": "Ana", "email": "a@b", "places": "saint-denis", "valid_from": "2026-11-21"})
    (one,) = plan.new_passes.values()
    assert one.valid_from == datetime(2026, 11, 20, 20, 0, tzinfo=UTC)


def test_what_is_there_is_found_by_address_card_reference_and_changes_little() -> None:
    for identity in ({"email": "ZOE@example.org"}, {"card": "0074380D"}, {"card_ref": "c-1111"}, {"member": "m-zoe1"}):
        plan = planned({**identity, "name": "Zoé Lefèvre"})
        assert outcomes(plan) == ["changed"], identity
        assert plan.changed_members["m-zoe1"].name == "Zoé Lefèvre"
        what = [(one.what, one.was, one.becomes) for one in plan.reports[0].changes]
        assert what[0] == ("member.name", "Zoé", "Zoé Lefèvre")
        assert not plan.new_members


def test_an_empty_cell_leaves_and_a_dash_empties() -> None:
    plan = planned({"member": "m-zoe1", "pass_ref": "p-1111", "schedule": "-", "valid_until": "-", "allowance": "-"})
    made = plan.changed_passes["p-1111"]
    assert (made.schedule, made.valid_until, made.allowance, made.unit, made.label) == (
        None,
        None,
        None,
        None,
        "Dix demi-journées",
    )


def test_a_second_line_gives_a_second_card_and_the_same_pass_by_its_name() -> None:
    plan = planned(
        {"email": "new@example.org", "name": "Ana", "card": "04A2245AC16D80", "pass": "Plein", "places": "limoges"},
        {"email": "new@example.org", "card": "04A2245AC16D81", "pass": "plein", "allowance": "4", "unit": "day"},
    )
    assert outcomes(plan) == ["created", "changed"]
    assert (len(plan.new_members), len(plan.new_cards), len(plan.new_passes)) == (1, 2, 1)
    assert next(iter(plan.new_passes.values())).allowance == 4


def test_the_same_file_again_changes_nothing() -> None:
    rows = (
        {
            "name": "Ana",
            "email": "ana@example.org",
            "card": "04A2245AC16D80",
            "pass": "Mensuel",
            "places": "limoges/lab",
        },
        {"name": "Zoé L", "email": "zoe@example.org", "organisation": "Mairie de Limoges", "home": "saint-denis"},
    )
    first = planned(*rows)
    stored = replace(
        KNOWN,
        members={**KNOWN.members, **first.new_members, **first.changed_members},
        cards={**KNOWN.cards, **first.new_cards, **first.changed_cards},
        passes={**KNOWN.passes, **first.new_passes, **first.changed_passes},
    )
    assert outcomes(first) == ["created", "changed"]
    assert outcomes(planned(*rows, known=stored)) == ["unchanged", "unchanged"]


@pytest.mark.parametrize(
    ("rows", "column", "say"),
    [
        ([{"email": "a@b"}], "name", "needs a name"),
        ([{"name": "Ana", "card_status": "lost", "card_format": "uid", "member": ""}], None, "would double it"),
        ([{"member": "m-nobody", "name": "x"}], "member", "no member 'm-nobody'"),
        ([{"member": "m-max1", "email": "zoe@example.org"}], "email", "m-zoe1 has this address"),
        ([{"member": "m-max1", "card": "0074380D"}], "card", "m-zoe1's"),
        ([{"email": "other@example.org", "name": "x", "card": "0074380D"}], "card", "address is another"),
        ([{"name": "A", "email": "a@b", "card": "0A0A0A0A"}, {"name": "B", "email": "b@b", "card": "0A0A0A0A"}],
         "card", "line 2 names the same card"),
        ([{"name": "A", "email": "a@b"}, {"name": "B", "email": "A@b"}], "email", "already (of line 2)"),
        ([{"email": "zoe@example.org", "name": "Max Orme"}], "email", "address already (m-zoe1)"),
        ([{"name": "A B", "email": "a@b"}, {"name": "A", "email": "A@b"}], "name", "line 2 has another value"),
        ([{"email": "zoe@example.org", "places": "atlantis", "pass": "x"}], "places", "atlantis"),
        ([{"email": "zoe@example.org", "places": "limoges/attic", "pass": "x"}], "places", "no space 'attic'"),
        ([{"email": "zoe@example.org", "home": "atlantis"}], "home", "atlantis"),
        ([{"email": "zoe@example.org", "pass": "x", "places": "limoges", "schedule": "nights"}], "schedule", "nights"),
        ([{"email": "zoe@example.org", "pass": "x"}], "places", "needs its places"),
        ([{"email": "zoe@example.org", "pass": "x", "places": "limoges", "allowance": "3"}], "unit", "together"),
        ([{"email": "zoe@example.org", "pass_ref": "p-9999"}], "pass_ref", "p-9999"),
        ([{"email": "zoe@example.org", "pass_ref": "p-1111", "valid_from": "2027-01-01"}], "valid_until", "after"),
        ([{"card": "00000001", "card_status": "active"}], "card_status", "lost doesn't become active"),
        ([{"card_ref": "c-9999"}], "card_ref", "c-9999"),
        ([{"email": "zoe@example.org", "card_status": "lost"}], "card", "needs its number"),
    ],
)  # fmt: skip
def test_what_stands_against_a_line(rows: list[dict[str, str]], column: str | None, say: str) -> None:
    plan = planned(*rows)
    named, what = refusal(plan)
    assert (named, say in what) == (column, True), (named, what)
    written = [*plan.new_members, *plan.changed_members, *plan.new_cards, *plan.changed_cards, *plan.new_passes]
    assert len(written) == (2 if len(rows) == 2 and "card" in rows[0] else len(rows) - 1)


def test_a_key_of_one_place_reaches_no_farther() -> None:
    local = replace(KNOWN, reach=frozenset({1}))
    for cells in (
        {"name": "A", "email": "a@b", "home": "saint-denis"},
        {"name": "A", "email": "a@b", "places": "limoges saint-denis"},
        {"name": "A", "email": "a@b", "places": "*"},
    ):
        assert outcomes(planned(cells, known=local)) == ["refused"], cells
    away = replace(local, members={"m-far1": MemberRow(ref="m-far1", name="Far", email="far@example.org", home=2)})
    assert refusal(planned({"email": "far@example.org", "name": "Far Other"}, known=away))[0] == "member"
    assert outcomes(planned({"email": "far@example.org"}, known=away)) == ["unchanged"]
    assert planned({"name": "A", "email": "a@b"}, known=local).new_members["m-new1"].home == 1


def test_a_front_desk_gives_cards_and_no_passes() -> None:
    desk = replace(KNOWN, gives_passes=False)
    assert outcomes(planned({"name": "A", "email": "a@b", "card": "0A0A0A0A"}, known=desk)) == ["created"]
    assert outcomes(planned({"email": "zoe@example.org", "pass_ref": "p-1111"}, known=desk)) == ["unchanged"]
    assert refusal(planned({"email": "zoe@example.org", "pass": "x", "places": "limoges"}, known=desk))[0] == "pass"


def test_an_export_comes_back_without_a_change() -> None:
    odd = MemberRow(ref="m-odd1", name='=HYPERLINK("x")', email="odd@example.org", organisation=3, status="suspended")
    late = PassRow(
        ref="p-2222", member="m-max1", everywhere=True, supervises=True, schedule=6,
        valid_from=datetime(2026, 3, 29, 1, 30, 0, 123, tzinfo=UTC),
    )  # fmt: skip
    door = PassRow(
        ref="p-3333", member="m-max1", label="+1", places=(PlaceLimits(place=1, doors=(20,)), PlaceLimits(place=2))
    )
    known = replace(
        KNOWN,
        members={**KNOWN.members, "m-odd1": odd},
        passes={**KNOWN.passes, "p-2222": late, "p-3333": door},
    )
    for delimiter, mark in ((",", False), (";", True)):
        data = written_csv(known, delimiter=delimiter, mark=mark)
        table = read_table(data)
        assert (table.header, table.encoding, table.ragged) == (HEADER, "utf-8", ())
        assert b"\"'=HYPERLINK" in data
        columns: Any = {column: index for index, column in enumerate(HEADER)}
        again = [read_line(number, cells, columns, keys=KEYS, cards=CARDS) for number, cells in table.lines]
        plan = make_plan(again, known, new_ref=lambda kind: f"{kind}-never")
        assert set(outcomes(plan)) == {"unchanged"}, [(one.number, one.wrong, one.changes) for one in plan.reports]
        assert len(plan.reports) == 4


def test_a_new_pass_takes_the_schedule_of_its_name() -> None:
    known = replace(KNOWN, schedule_names={(None, "journee"): 5, (1, "soiree"): 6})
    plan = planned(
        {"name": "A", "email": "a@b", "places": "limoges", "pass": "Journée"},
        {"name": "B", "email": "b@b", "places": "limoges", "pass": "Soirée"},
        {"name": "C", "email": "c@b", "places": "saint-denis", "pass": "Soirée"},
        {"name": "D", "email": "d@b", "places": "limoges", "pass": "weekdays"},
        {"name": "E", "email": "e@b", "places": "limoges", "pass": "Journée", "schedule": "-"},
        {"name": "F", "email": "f@b", "places": "limoges", "pass": "Autre", "schedule": "Journée"},
        {"email": "zoe@example.org", "pass_ref": "p-1111", "pass": "Soirée"},
        known=known,
    )
    assert [one.schedule for one in plan.new_passes.values()] == [5, 6, None, 5, None, 5]
    assert plan.changed_passes["p-1111"].schedule == 5  # what there is keeps its own
    assert "The new passes 'Journée' follow the schedule 'weekdays'." in plan.pass_notes
    other = planned({"name": "C", "email": "c@b", "places": "limoges", "pass": "Résident"}, known=known)
    assert "'Résident' have no schedule" in other.pass_notes[0]
    assert "limoges/evenings, weekdays" in other.pass_notes[0]
