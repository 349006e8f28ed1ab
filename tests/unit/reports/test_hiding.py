"""Groups of few members can't be worked out from a report."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from reports.hiding import categories_of

GROUPS = st.lists(st.tuples(st.integers(1, 12), st.integers(1, 90)), max_size=6)


def _rows(groups: Sequence[tuple[int, int]]) -> list[dict[str, object]]:
    return [{"name": f"g{n}", "members": members, "days": days} for n, (members, days) in enumerate(groups)]


@given(GROUPS)
def test_every_number_is_about_at_least_five_members(groups: list[tuple[int, int]]) -> None:
    found = categories_of(_rows(groups))
    shown = [*found.groups, *([found.others] if found.others else [])]
    assert all(one.members >= 5 for one in shown)
    hidden = sum(members for members, _ in groups) - sum(one.members for one in shown)
    assert found.withheld == (hidden > 0) and hidden < 5
    assert not (found.withheld and shown)  # the difference to any sum is about nobody


def test_a_small_group_takes_the_next_smallest_in() -> None:
    found = categories_of(_rows([(20, 100), (2, 3), (6, 30)]))
    assert [(one.name, one.days) for one in found.groups] == [("g0", 100)]
    assert found.others is not None and (found.others.members, found.others.days) == (8, 33)
