from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from access import Attempt, State, after, decide, listing
from rights.assembly import MemberRows, PlaceRows, entries, places, stored_list

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
TOKEN, OTHER = "aa" * 32, "bb" * 32


class Plain:
    """Calls cards by their lookups."""

    def token(self, place: int, code: str, lookup: bytes) -> str:
        return lookup.hex()

    def pin(self, code: str, hard: str) -> str:
        return hard


def place_rows(**changes: Any) -> PlaceRows:
    row = (1, "gare", "Europe/Paris", "67", None, 3600, False, 5, 30, 900, False, True, True, 0, 900, 0)
    rows: dict[str, Any] = {
        "places": [row, (2, "port", *row[2:]), (3, "moulin", *row[2:-5], False, True, 0, 900, 0)],
        "closures": [],
        "spaces": [(10, 1, "all", None, None), (11, 1, "lab", "all", 8), (20, 2, "all", None, None)],
        "doors": [
            (100, 1, "entry", None, "all", False, None, "off", 0, None, None, False),
            (101, 1, "lab-door", "all", "lab", True, None, "hard", 0, None, None, False),
            (102, 1, "back", "all", None, False, None, "off", 0, None, None, False),
            (200, 2, "entry", None, "all", False, None, "off", 0, None, None, False),
        ],
        "groups": [(5, 1, [101, 999])],
        "schedules": [],
    }
    return PlaceRows(**(rows | changes))


def a_pass(ref: str = "p-1", *, everywhere: bool = False, schedule: int | None = None, **more: Any) -> tuple[Any, ...]:
    values: dict[str, Any] = {"unit": None, "allowance": None, "used": []} | more
    terms = (values["unit"], values["allowance"], False, False, False, False, None, values["used"])
    return (ref, "m-1", everywhere, schedule, None, None, *terms)


def member_rows(**changes: Any) -> MemberRows:
    rows: dict[str, Any] = {
        "members": [("m-1", "active", None)],
        "cards": [
            (bytes.fromhex(TOKEN), "m-1", "active", None, None),
            (bytes.fromhex(OTHER), "m-1", "issued", None, None),
        ],
        "passes": [a_pass()],
        "pass_places": [("p-1", 1, None, None, None)],
        "schedules": [],
        "bookings": [],
    }
    return MemberRows(**(rows | changes))


def found(**changes: Any) -> dict[int, dict[str, Any]]:
    return entries(member_rows(**changes), places(place_rows()), Plain())[0]


def test_only_where_a_pass_names_the_place() -> None:
    at = found()
    assert set(at[1]) == {TOKEN, OTHER}
    assert at[2] == at[3] == {}
    assert at[1][OTHER].status == "suspended"
    assert at[1][TOKEN].member is at[1][OTHER].member


def test_everywhere_is_where_a_gateway_is() -> None:
    at = found(passes=[a_pass(everywhere=True)], pass_places=[])
    assert (len(at[1]), len(at[2]), len(at[3])) == (2, 2, 0)


def test_spaces_doors_and_groups_add_up() -> None:
    def doors(spaces: Any, doors: Any, groups: Any) -> Any:
        rights = found(pass_places=[("p-1", 1, spaces, doors, groups)])[1][TOKEN].member.rights
        return rights[0].doors if rights else "none"

    assert doors(None, None, None) is None
    assert doors([11], None, None) == {"entry", "lab-door"}
    assert doors(None, [102], None) == {"back"}
    assert doors(None, None, [5]) == {"lab-door"}
    assert doors([11], [102], [5]) == {"entry", "lab-door", "back"}
    assert doors([], None, None) == "none"
    assert doors(None, [999], [77]) == "none"


def test_a_pass_that_cannot_be_read_leaves_the_others() -> None:
    rows = member_rows(
        passes=[a_pass("p-1", schedule=7), a_pass("p-2")],
        pass_places=[("p-1", 1, None, None, None), ("p-2", 1, None, None, None)],
        schedules=[(7, {"mon": "always"}, [])],
    )
    at, broken = entries(rows, places(place_rows()), Plain())
    assert [right.pass_ref for right in at[1][TOKEN].member.rights] == ["p-2"]
    assert len(broken) == 1
    assert broken[0].startswith("schedule 7: ")


def test_a_member_without_any_right_is_known_and_refused() -> None:
    at = found(pass_places=[("p-1", 1, [], None, None)])
    one = replace(places(place_rows())[1].list, entries=at[1], made_at=NOON)
    assert decide(one, TOKEN, "entry", "in", NOON).reason == "no_right_here"


def test_used_slots_and_bookings() -> None:
    at = found(
        passes=[a_pass(unit="day", allowance=2, used=[9, 3])],
        bookings=[
            ("m-1", 1, 11, NOON, NOON.replace(hour=13), False),
            ("m-1", 1, None, NOON, NOON.replace(hour=14), False),
        ],
    )
    member = at[1][TOKEN].member
    assert member.rights[0].used == (3, 9)
    assert [one.doors for one in member.bookings] == [{"entry", "lab-door"}, None]
    assert member.bookings[0].start == NOON - timedelta(minutes=15)


def test_a_place_with_its_rules() -> None:
    place = places(place_rows(closures=[(None, NOON.date(), NOON.date())]))[1]
    assert place.list.rules.doors["lab-door"].pin
    assert place.list.rules.spaces["lab"].limit == 8
    assert place.list.max_age_s == 3600
    assert place.list.opening_hours is not None
    assert place.served
    assert not places(place_rows())[3].served
    one = replace(place.list, entries=found()[1], made_at=NOON)
    assert decide(one, TOKEN, "entry", "in", NOON).reason == "place_closed"


def test_what_a_door_cannot_read_asks_for_more() -> None:
    door = (100, 1, "entry", None, "all", True, 7, "off", 0, 7, 7, False)
    place = places(place_rows(doors=[door], schedules=[(7, {"mon": "x"}, [])]))[1]
    rules = place.list.rules.doors["entry"]
    assert rules.pin_while is None
    assert rules.supervised is not None
    assert all(rules.supervised.days)
    assert rules.first_card is None
    assert len(place.broken) == 3


def test_a_place_in_preparation_or_closed_opens_to_hosts_at_any_hour_and_to_nobody_else() -> None:
    rows = place_rows()
    shut = place_rows(places=[(*rows.places[0][:-4], False, 0, 900, 0), *rows.places[1:]])
    member, at_night, host = a_pass("p-1"), [*a_pass("p-1")], [*a_pass("p-1")]
    at_night[10], host[11] = True, True
    for pass_, shut_says in ((member, "place_closed"), (tuple(at_night), "place_closed"), (tuple(host), "granted")):
        for here, says in ((rows, "granted"), (shut, shut_says)):
            settings = places(here)
            made = entries(
                member_rows(passes=[pass_], pass_places=[("p-1", 1, None, None, None), ("p-1", 2, None, None, None)]),
                settings,
                Plain(),
            )[0]
            assert (
                decide(replace(settings[1].list, made_at=NOON, entries=made[1]), TOKEN, "entry", "in", NOON).reason
                == says
            )
            assert decide(replace(settings[1].list, made_at=NOON, entries=made[1]), TOKEN, "entry", "out", NOON).granted
            # another place is open as before
            assert decide(replace(settings[2].list, made_at=NOON, entries=made[2]), TOKEN, "entry", "in", NOON).granted


def test_opening_hours_that_cannot_be_read_keep_closed() -> None:
    row = (1, "gare", "Europe/Paris", "67", {"mon": 8}, None, False, 5, 30, 900, False, True, True, 0, 900, 0)
    place = places(place_rows(places=[row]))[1]
    assert place.list.opening_hours is not None
    assert not any(place.list.opening_hours.days)
    assert place.list.max_age_s is None
    assert len(place.broken) == 1


def test_a_stored_list_is_read_back() -> None:
    holder = {"ref": "m-1", "status": "active", "rights": [{"doors": None, "schedule": None}]}
    body = {"time_zone": "Europe/Paris", "max_age_s": 9, "opening_hours": None, "lockdown": True}
    one = stored_list(("gare", 4, NOON, body), [(TOKEN, ["lost", None, None], holder)])
    assert (one.place, one.version, one.lockdown, one.entries[TOKEN].status) == ("gare", 4, True, "lost")


def test_a_place_may_let_in_beyond_an_allowance_and_says_so() -> None:
    here = place_rows()
    lenient = place_rows(places=[(*here.places[0][:-3], 2, 900, 0), *here.places[1:]])
    half_days = (2 * NOON.toordinal() - 4, 2 * NOON.toordinal() - 2)
    for rows, used, says in (
        (here, half_days, ("pass_used_up", None)),
        (lenient, half_days[:1], ("granted", None)),
        (lenient, half_days, ("granted", "overuse")),
        (lenient, (1, 2, 3, *half_days), ("pass_used_up", None)),
    ):
        settings = places(rows)
        counted = member_rows(passes=[a_pass(unit="half_day", allowance=2, used=used)])
        made = replace(settings[1].list, made_at=NOON, entries=entries(counted, settings, Plain())[0][1])
        read = listing.from_json(listing.to_json(made))  # as a gateway of before reads it, too
        decision = decide(read, TOKEN, "entry", "in", NOON)
        assert (decision.reason, decision.noted) == says
        state = after(decision, Attempt(card_token=TOKEN, door="entry", side="in", at=NOON), read, State())
        assert decide(read, TOKEN, "entry", "in", NOON, state=state).noted is None, "the half-day runs already"


def test_a_booking_that_opens_is_a_right_of_its_own_for_its_time_and_doors_only() -> None:
    shape = place_rows()
    wide = place_rows(places=[(*shape.places[0][:-2], 3600, 600), *shape.places[1:]])
    booked = NOON + timedelta(hours=1)
    for rows, ahead, behind in ((shape, 15, 0), (wide, 60, 10)):
        settings = places(rows)
        for opens, status in ((True, "active"), (True, "suspended"), (False, "active")):
            without_a_pass = member_rows(
                members=[("m-1", status, None)],
                passes=[],
                pass_places=[],
                bookings=[
                    ("m-1", 1, 11, NOON, booked, opens),
                    # another, that asks for a pass: the right of the first isn't for its time
                    ("m-1", 1, 11, NOON + timedelta(hours=5), NOON + timedelta(hours=6), False),
                    ("m-1", 3, None, NOON, booked, opens),
                ],
            )
            made, _ = entries(without_a_pass, settings, Plain())
            assert made[3] == {}, "no gateway is in service there"
            assert bool(made[1]) == opens
            if not opens:
                continue
            held = replace(settings[1].list, entries=made[1], made_at=NOON)
            held = replace(held, rules=replace(held.rules, doors={}), max_age_s=None)
            minute = timedelta(minutes=1)
            for door, at, says in (
                ("lab-door", NOON - ahead * minute, "granted"),
                ("lab-door", NOON - (ahead + 1) * minute, "booking_required"),
                ("entry", booked + (behind - 1) * minute, "granted"),
                ("entry", booked + behind * minute, "booking_required"),
                ("back", NOON, "no_right_here"),
                ("entry", NOON + timedelta(hours=5, minutes=30), "booking_required"),
            ):
                read = listing.from_json(listing.to_json(held))
                said = decide(read, TOKEN, door, "in", at).reason
                assert said == (says if status == "active" else "member_suspended"), (door, at)
