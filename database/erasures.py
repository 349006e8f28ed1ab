"""Which details of the audit are gone, and which of its lines account for that.

A detail about a person may go: with the person (``erased``), or after its time. Each statement that removes details
leaves a line ``audit detail removed``, whose detail has the numbers of their lines. Lines from before migration 0036
don't say whether their detail is about a person; the first line after it (``audit details listed``) says it of those
whose detail was still there.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Final, NamedTuple

REMOVED: Final = "audit detail removed"
LISTED: Final = "audit details listed"
ERASED: Final = "erased"
KEPT_US: Final = 180 * 86_400 * 1_000_000
"""How long a detail stays at least unless its person is erased; the database refuses less than six months."""

_RANGE: Final = re.compile(r"\[([0-9]{1,19}),([0-9]{1,19})\)")


class Fact(NamedTuple):
    """What the account needs to know of a line."""

    id: int
    at_us: int
    actor: str
    request: str | None
    action: str
    body: str | None
    about: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """How many details are gone lawfully, how many can't be judged, and the first one that nothing accounts for."""

    erased: int
    unknown: int
    wrong: tuple[int, str] | None


@dataclass(slots=True)
class _Removal:
    fact: Fact
    with_person: bool = False


@dataclass(slots=True)
class Erasures:
    """The details that are gone, as the chain is followed; asked for the account at its end."""

    _missing: list[tuple[int, int, str | None]] = field(default_factory=list)
    """Line, time and ``about`` of each, in the chain's order."""
    _removals: list[_Removal] = field(default_factory=list)
    _listing: Fact | None = None

    def missing(self, line: Fact) -> None:
        """Note that the detail of ``line`` is gone."""
        self._missing.append((line.id, line.at_us, line.about))

    def note(self, line: Fact, *, first_new: bool) -> None:
        """Note a line ``REMOVED``, ``ERASED`` or ``LISTED``; ``first_new``: the line before it has the old format.

        An erasure's lines stand together: its ``ERASED`` belongs to the last ``REMOVED`` of the same request.
        """
        if line.action == REMOVED:
            self._removals.append(_Removal(line))
        elif line.action == LISTED and first_new:
            self._listing = line
        elif line.action == ERASED and self._removals:
            last = self._removals[-1]
            last.with_person |= (last.fact.actor, last.fact.request) == (line.actor, line.request)

    def account(self) -> Account:
        """Judge every detail that is gone by the lines that were noted."""
        lawful = self._lawful()
        of_nobody, of_persons = self._listed("nobody"), self._listed("person")
        erased = unknown = 0
        for number, _, about in self._missing:
            if number in of_nobody:
                wrong = "detail removed: it was about nobody, so it must not be erased"
                return Account(erased=erased, unknown=unknown, wrong=(number, wrong))
            if number in lawful:
                erased += 1
            elif about is None and number not in of_persons:
                unknown += 1
            else:
                wrong = "detail removed: no later line says that its person was erased or that its time was over"
                return Account(erased=erased, unknown=unknown, wrong=(number, wrong))
        return Account(erased=erased, unknown=unknown, wrong=None)

    def _lawful(self) -> set[int]:
        """Return the missing that a removal names, where it came with an erasure or after the detail's time."""
        found: set[int] = set()
        for removal in self._removals:
            for number, at_us, _ in self._within(removal.fact, "lines"):
                if removal.with_person or removal.fact.at_us - at_us >= KEPT_US:
                    found.add(number)
        return found

    def _listed(self, what: str) -> set[int]:
        return set() if self._listing is None else {number for number, *_ in self._within(self._listing, what)}

    def _within(self, line: Fact, what: str) -> list[tuple[int, int, str | None]]:
        """Return the missing lines before ``line`` that its detail names under ``what``."""
        found = []
        for low, high in _ranges(line.body, what):
            start = bisect_left(self._missing, low, key=_number)
            found += self._missing[start : bisect_left(self._missing, min(high, line.id), key=_number)]
        return found


def _number(missing: tuple[int, int, str | None]) -> int:
    return missing[0]


def _ranges(body: str | None, what: str) -> list[tuple[int, int]]:
    """Return the ranges (first, after the last) of a detail's ``what``, as PostgreSQL writes an int8multirange."""
    if body is None:
        return []
    detail = json.loads(body)
    text = detail.get(what) if isinstance(detail, dict) else None
    return [(int(low), int(high)) for low, high in _RANGE.findall(text)] if isinstance(text, str) else []
