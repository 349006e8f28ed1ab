"""Hides groups of few members: nobody's visits can be worked out from a report. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from reports.model import Categories, Category

FEWEST: Final = 5
"""A group of fewer members isn't shown."""


def categories_of(rows: Iterable[Mapping[str, Any]]) -> Categories:
    """Return the groups with at least five members, and the others added up.

    Others of fewer than five members take the smallest shown group in, so that no difference of two numbers is about a
    few people. If there is none, they are withheld. Members who changed their category may count in two groups.
    """
    groups = [Category.model_validate(row) for row in rows]
    shown = [one for one in groups if one.members >= FEWEST]
    few = [one for one in groups if one.members < FEWEST]
    while few and sum(one.members for one in few) < FEWEST and shown:
        smallest = min(shown, key=lambda one: (one.members, one.days))
        shown.remove(smallest)
        few.append(smallest)
    members, days = sum(one.members for one in few), sum(one.days for one in few)
    enough = members >= FEWEST
    return Categories(
        groups=tuple(shown),
        others=Category(name=None, members=members, days=days) if enough else None,
        withheld=bool(few) and not enough,
    )
