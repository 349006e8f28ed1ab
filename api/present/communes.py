"""France's communes by name: ``st denis``, ``Saint-Denis (93)`` and ``93200 Saint-Denis`` find the same town. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from api.present.geography import Point
from api.present.network import unaccented

CANDIDATES: Final = 10
_WORDS: Final = re.compile(r"[a-z0-9]+")
_CODE: Final = re.compile(r"[0-9]{5}|2[ab][0-9]{3}|97[0-9]|98[0-9]|[0-9]{2}|2[ab]")
_SAINTS: Final = {"st": "saint", "ste": "sainte", "sts": "saints", "stes": "saintes"}
_ARTICLES: Final = frozenset({"le", "la", "les", "l"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Commune:
    """A commune with one point in it (``exact``), or near it."""

    code: str
    """Its INSEE code."""
    name: str
    department: str
    postcodes: str
    population: int
    point: Point
    exact: bool

    @property
    def label(self) -> str:
        """Its name with its department, which tells it from others of the name."""
        return f"{self.name} ({self.department})"


class Communes:
    """All communes, found by name."""

    def __init__(self, communes: Iterable[Commune] = ()) -> None:
        self._by_name: dict[str, list[Commune]] = defaultdict(list)
        self.by_code: dict[str, Commune] = {}
        for one in communes:
            self.by_code[one.code] = one
            self._by_name[_key(one.name)[0]].append(one)
        for found in self._by_name.values():
            found.sort(key=lambda one: (-one.population, one.code))

    def __len__(self) -> int:
        return len(self.by_code)

    def named(self, text: str) -> Sequence[Commune]:
        """Return the communes of that name, the most populous first; numbers in it are postcodes, departments or codes.

        Numbers alone find the communes of a postcode, or the one with that INSEE code.
        """
        name, numbers = _key(text)
        if name:
            found: Sequence[Commune] = self._by_name.get(name, ())
        elif numbers and len(numbers[0]) == 5:
            found = [one for one in self.by_code.values() if _is_in(one, numbers[0])]
            found.sort(key=lambda one: (-one.population, one.code))
        else:
            return ()
        return [one for one in found if all(_is_in(one, number) for number in numbers)]

    def like(self, text: str) -> Sequence[Commune]:
        """Return a few communes whose names begin like ``text`` or are spelled alike: what was perhaps meant."""
        name, _ = _key(text)
        if not name:
            return ()
        begin = [one for key, found in self._by_name.items() if key.startswith(name) for one in found]
        if not begin:
            near = get_close_matches(name, self._by_name, n=CANDIDATES, cutoff=0.8)
            begin = [one for key in near for one in self._by_name[key]]
        return sorted(begin, key=lambda one: (-one.population, one.code))[:CANDIDATES]


def _key(text: str) -> tuple[str, list[str]]:
    """Return a name's words without accents, first articles and abbreviations, and the numbers beside it."""
    words = _WORDS.findall(unaccented(text))
    numbers = [word for word in words if _CODE.fullmatch(word)]
    name = [_SAINTS.get(word, word) for word in words if word not in numbers]
    while len(name) > 1 and name[0] in _ARTICLES:
        name.pop(0)
    return " ".join(name), numbers


def _is_in(commune: Commune, number: str) -> bool:
    number = number.upper()
    return number in (commune.department, commune.code) or number in commune.postcodes.split()
