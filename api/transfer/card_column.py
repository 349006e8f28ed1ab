"""Finds out how the card numbers of a column are written, from all its cells. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from access.errors import CardError
from access.formats import Card
from api.cards.notation import (
    Choice,
    NeedsFormat,
    Notation,
    bare_digits,
    clean,
    lost_digits,
    read_notation,
    read_number,
)

_HEX_LETTER: Final = re.compile("[A-Fa-f]")
_SHORT: Final = (
    "this number has another length than most of its column: a spreadsheet may have dropped zeros in front. Write them "
    "again, or name the format of this line in card_format (MIFARE4-hex, EM4100-hex …)"
)
_ROUNDED: Final = (
    "every long number of this column ends in zeros after 15 digits: a spreadsheet has rounded them. Format the column "
    "as text, fill in the numbers again from their source, and export again"
)
_AMBIGUOUS: Final = (
    "is this number decimal or hexadecimal? Say it by card_format, for the file or in a column (see `question`)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CardColumn:
    """How to read the card numbers of a file, by all of them."""

    default_format: str = ""
    """For lines without a format."""
    hex_lengths: frozenset[int] = frozenset()
    """For numbers without a base: lengths at which most have a letter, so that the others are hexadecimal too."""
    usual_length: int = 0
    """Length of the numbers in plain hexadecimal (``uid``)."""
    rounded: bool = False

    def read(self, text: str, named: str) -> Card:
        """Read one cell; ``named``: the format that its line gives.

        Raises:
            CardError: it can't be read; the text says what to do.
        """
        notation, cleaned = read_notation(named or self.default_format), clean(text)
        bare = bare_digits(cleaned)
        if self.rounded and notation.base == "decimal":
            raise CardError(_ROUNDED)
        hexadecimal = bare is not None and len(bare) in self.hex_lengths
        plain = notation.name == "uid" and notation.base == "hex"
        if plain and bare is not None and not hexadecimal and len(bare) != self.usual_length:
            raise CardError(_SHORT)
        try:
            return read_number(text, named or self.default_format, hexadecimal=hexadecimal)
        except NeedsFormat:
            raise CardError(_AMBIGUOUS) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatQuestion:
    """The question of an import whose column may be decimal or hexadecimal: how each format reads the first number."""

    line: int
    count: int
    """How many numbers it concerns."""
    choices: tuple[Choice, ...] = field(repr=False)


def study(cells: Iterable[tuple[int, str, str]], default_format: str = "") -> tuple[CardColumn, FormatQuestion | None]:
    """Examine all numbers (line, number, format of the line) before they are read."""
    lettered: Counter[int] = Counter()
    bare_of: Counter[int] = Counter()
    plain: Counter[int] = Counter()
    decimals: list[str] = []
    asked: list[tuple[int, str, str]] = []
    for line, text, own in cells:
        named = own or default_format
        try:
            notation, cleaned = read_notation(named), clean(text)
        except CardError:
            continue
        bare = bare_digits(cleaned)
        if notation.base == "decimal":
            decimals += [] if bare is None else [bare]
        elif _is_uid(notation):
            digits = bare if bare is not None else re.sub("[: .-]", "", cleaned)
            plain[len(digits)] += 1
            if bare is None:
                lettered[len(digits)] += _HEX_LETTER.search(digits) is not None
            else:
                bare_of[len(bare)] += 1
                asked.append((line, text, named))
    column = CardColumn(
        default_format=default_format,
        hex_lengths=frozenset(length for length, count in lettered.items() if count > bare_of[length]),
        usual_length=plain.most_common(1)[0][0] if plain else 0,
        rounded=lost_digits(decimals),
    )
    return column, _question(column, asked)


def _is_uid(notation: Notation) -> bool:
    return notation.name not in ("code", "H10301", "H10302", "H10304", "H10306")


def _question(column: CardColumn, asked: Iterable[tuple[int, str, str]]) -> FormatQuestion | None:
    first: tuple[int, tuple[Choice, ...]] | None = None
    count = 0
    for line, text, named in asked:
        if len(bare_digits(clean(text)) or "") in column.hex_lengths:
            continue
        try:
            read_number(text, named)
        except NeedsFormat as needed:
            count += 1
            first = first or (line, needed.choices)
        except CardError:
            continue
    return None if first is None else FormatQuestion(line=first[0], count=count, choices=first[1])
