"""Codes of places: short names that stay the same for as long as the place exists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from maillage.network.territory import fold

LONGEST_SLUG: Final = 48
"""Leaves room for a number and for a gateway's ``-g1`` in the 64 characters of a code."""


def slug(text: str) -> str:
    """Return ``text`` as a code, ``Cowork'in Bourges`` → ``cowork-in-bourges``; empty where no letter or digit is left.

    Cut to 48 characters, between words where that leaves enough.
    """
    whole = fold(text).replace(" ", "-")
    if len(whole) <= LONGEST_SLUG:
        return whole
    cut = whole[: LONGEST_SLUG + 1].rpartition("-")[0]
    return (cut if len(cut) >= LONGEST_SLUG // 2 else whole[:LONGEST_SLUG]).strip("-")


def assign(
    places: Sequence[tuple[str, str, str | None]], *, known: Mapping[str, str], taken: frozenset[str] = frozenset()
) -> dict[str, str]:
    """Give each place (source id, name, commune) a code of its own, and return them by source id.

    ``known`` codes (by source id) stay. The first of a name gets its slug; those after it the commune's too, then a
    number. ``taken``: codes of other sources.
    """
    used = set(taken) | set(known.values())
    codes: dict[str, str] = {}
    for source_id, name, commune in places:
        if source_id in known:
            codes[source_id] = known[source_id]
            continue
        base = slug(name) or slug(f"place {source_id}")
        code = base
        if code in used and commune:
            code = base = slug(f"{name} {commune}") or base
        number = 2
        while code in used:
            code = f"{base}-{number}"
            number += 1
        used.add(code)
        codes[source_id] = code
    return codes
