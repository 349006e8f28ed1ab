from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from simulator.days import plan_day
from simulator.sample.people import members


def test_the_same_seed_makes_the_same_people_for_ever() -> None:
    # Cards are enrolled from this in one process and held to readers in another: these values must not change.
    first, second = members(1, "la-ruche", 2)[:2]
    assert (first.ref, first.card, second.ref, second.card) == (
        "m-e1ae4489a0d4",
        "04C18BFADDB895",
        "m-48f31574f8fc",
        "04D6048F5414C0",
    )


@given(seed=st.integers(0, 2**32), code=st.text(min_size=1, max_size=10), desks=st.integers(0, 40))
def test_people_are_well_formed_and_more_desks_only_add_some(seed: int, code: str, desks: int) -> None:
    people = members(seed, code, desks)
    assert len(people) == max(3, desks + desks // 2)
    assert members(seed, code, desks + 3)[: len(people)] == people
    for one in people:
        assert len(bytes.fromhex(one.card)) in (4, 7)
        assert one.card == one.card.upper()
        assert one.ref.startswith("m-")


def test_no_two_of_the_network_share_a_card_or_a_reference() -> None:
    people = [one for number in range(400) for one in members(1, f"place-{number}", 20)]
    assert len({one.card for one in people}) == len({one.ref for one in people}) == len(people)


@given(seed=st.integers(0, 2**32), day=st.dates(date(2024, 1, 1), date(2030, 1, 1)))
def test_a_day_is_possible(seed: int, day: date) -> None:
    people = members(seed, "p", 12)
    visits, strangers = plan_day(seed, "p", day, people, rooms=("room-1", "room-2"), labs=("lab",))
    assert plan_day(seed, "p", day, people, rooms=("room-1", "room-2"), labs=("lab",)) == (visits, strangers)
    for visit in visits:
        assert day.weekday() in visit.member.workdays
        assert 0 < visit.arrive_s < visit.leave_s < 24 * 3600
        times = [time for errand in visit.errands for time in (errand.start_s, errand.end_s)]
        assert times == sorted(times)
        assert all(visit.arrive_s < time < visit.leave_s for time in times)
    assert not {stranger.card for stranger in strangers} & {one.card for one in people}


def test_places_fill_by_the_day_of_the_week() -> None:
    coming = [
        sum(
            len(plan_day(1, f"p{n}", date(2026, 3, day), members(1, f"p{n}", 10), rooms=(), labs=())[0])
            for n in range(100)
        )
        for day in range(2, 9)
    ]
    tuesday, friday, sunday = coming[1], coming[4], coming[6]
    assert tuesday > friday > sunday == 0
