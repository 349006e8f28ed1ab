"""The layout of what nobody has drawn: everything has its place, and nothing lies on anything else."""

from __future__ import annotations

from itertools import combinations

from hypothesis import example, given
from hypothesis import strategies as st

from api.pages.manage.plan_shown import shown
from api.plans.layout import Layout, Shape, completed

SIZES = st.lists(st.integers(0, 40), min_size=1, max_size=12)


def places(sizes: list[int]) -> tuple[list[str], dict[str, list[str]]]:
    spaces = [f"space-{number}" for number in range(len(sizes))]
    return spaces, {
        code: [f"desk-{code}-{desk}" for desk in range(desks)] for code, desks in zip(spaces, sizes, strict=True)
    }


def apart(one: Shape, other: Shape) -> bool:
    return (
        one.x + one.width <= other.x
        or other.x + other.width <= one.x
        or one.y + one.height <= other.y
        or other.y + other.height <= one.y
    )


def inside(one: Shape, other: Shape) -> bool:
    return (
        other.x <= one.x
        and other.y <= one.y
        and one.x + one.width <= other.x + other.width
        and one.y + one.height <= other.y + other.height
    )


@example([11, 11, 22, 22, 22, 22, 22, 33, 33, 33, 33, 33])  # in one column it is higher than a plan may be
@example([40] * 12)
@given(SIZES)
def test_a_first_layout_has_everything_and_nothing_twice_in_one_spot(sizes: list[int]) -> None:
    spaces, desks = places(sizes)
    plan = completed(None, spaces, desks)
    whole = Shape(x=0, y=0, width=plan.width, height=plan.height)
    assert set(plan.spaces) == set(spaces)
    assert set(plan.desks) == {code for codes in desks.values() for code in codes}
    assert all(inside(one, whole) for one in plan.spaces.values())
    assert all(apart(one, other) for one, other in combinations(plan.spaces.values(), 2))
    for space, codes in desks.items():
        assert all(inside(plan.desks[code], plan.spaces[space]) for code in codes)
        assert all(apart(plan.desks[one], plan.desks[other]) for one, other in combinations(codes, 2))


@given(SIZES, st.integers(0, 700), st.integers(0, 700))
def test_what_is_drawn_stays_and_the_rest_is_laid_out_below(sizes: list[int], x: int, y: int) -> None:
    spaces, desks = places(sizes)
    here = Shape(x=x, y=y, width=90, height=80)
    drawn = Layout(width=800, height=800, spaces={"space-0": here, "gone": here}, desks={"desk-space-0-0": here})
    plan = completed(drawn, spaces, desks)
    assert plan.spaces["space-0"] == here
    assert "gone" not in plan.spaces
    assert sizes[0] == 0 or plan.desks["desk-space-0-0"] == here
    assert all(apart(one, here) for code, one in plan.spaces.items() if code != "space-0")
    assert set(plan.desks) == {code for codes in desks.values() for code in codes}
    assert plan.width >= 800
    assert plan.height >= 800


def test_a_desk_that_the_plan_knows_and_the_live_answer_does_not_is_unknown() -> None:
    desk = {"desk": "one", "name": "One", "space": "s", "x": 0, "y": 0, "width": 60, "height": 40, "rotation": 0}
    plan = shown({"spaces": [], "desks": [desk], "width": 1, "height": 1}, {"desks": []})
    assert plan["desks"][0]["state"] == "unknown"
    assert not plan["any"]
    live = {"desks": [{"desk": "one", "state": "taken", "sensor": True, "at": None}]}
    assert shown({"spaces": [], "desks": [desk]}, live)["desks"][0]["state"] == "taken"
