"""Products and mixtures of distributions, as long integers. Pure.

The distribution of a sum is a product of polynomials. Python multiplies long integers in C, so chances are packed into
one integer with 64 bits for each and multiplied as that: Kronecker's substitution (Harvey 2009, "Faster polynomial
multiplication via multipoint Kronecker substitution"). A packed chance is a whole number of 2**-29, so that the
products of two distributions, and their sums, fit in 64 bits. It is exact to 2 in a billion.

Floats become whole numbers, and whole numbers floats, in C too: 2**52 + n is a float whose lowest bits are n.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from struct import Struct
from typing import Final, NamedTuple

_EXACT: Final = 29
"""Bits of a packed chance."""
_ONE: Final = 1 << _EXACT
ONE: Final = float(_ONE)
WHOLE: Final = float(1 << 52)
_SPARE: Final = 2 * _EXACT - 51
"""The lowest bits of a product, which a float has no room for."""
_PLACE: Final = (1 << 64) - 1
LEAST: Final = 1e-7
"""What is less likely at either end of a distribution is cut off."""
_LEAST: Final = int(LEAST * (1 << 2 * _EXACT))
_MAYBE: Final = (1 << 64) - (1 << _LEAST.bit_length() - 1)
"""The bits of a product that only what is about as likely, or likelier, has."""


class _Row(NamedTuple):
    """What a row of so many numbers is packed and unpacked with."""

    floats: Struct
    ones: int
    """2**52 as a float, in each place."""
    high: int
    """The 52 bits that are unpacked, in each place."""
    half: int
    """Half a packed unit of a product, in each place."""
    chances: int
    """The bits of a packed chance, in each place."""
    maybe: int
    """``_MAYBE`` in each place."""
    whole: int
    """All bits of all places."""


@lru_cache(maxsize=1024)
def _row(width: int) -> _Row:
    floats = Struct(f"<{width}d")
    each = int.from_bytes((1).to_bytes(8, "little") * width, "little")
    ones = int.from_bytes(floats.pack(*[WHOLE] * width), "little")
    return _Row(
        floats=floats,
        ones=ones,
        high=each * ((1 << 52) - 1),
        half=each << _EXACT - 1,
        chances=each * ((2 << _EXACT) - 1),
        maybe=each * _MAYBE,
        whole=(1 << 64 * width) - 1,
    )


def packed(weights: Sequence[float], total: float = 1.0) -> int:
    """Pack these weights, which add up to ``total``."""
    row, share = _row(len(weights)), ONE / total
    return int.from_bytes(row.floats.pack(*[one * share + WHOLE for one in weights]), "little") - row.ones


def unpacked(product: int, width: int) -> tuple[float, ...]:
    """The numbers of a product of two packed distributions, each with ``WHOLE`` added."""
    row = _row(width)
    return row.floats.unpack(((product >> _SPARE & row.high) | row.ones).to_bytes(8 * width, "little"))


def repacked(product: int, width: int) -> int:
    """The numbers of a product of two packed distributions, packed."""
    row = _row(width)
    return (product + row.half) >> _EXACT & row.chances


def likely(product: int, width: int) -> tuple[int, int]:
    """The first place of a product that is likely enough to be kept, and the end of those that are."""
    some = product & _row(width).maybe
    first, end = (some & -some).bit_length() - 1 >> 6, some.bit_length() + 63 >> 6
    while product >> 64 * first & _PLACE < _LEAST:
        first += 1
    while product >> 64 * end - 64 & _PLACE < _LEAST:
        end -= 1
    return first, end


def between(product: int, first: int, end: int) -> int:
    """These places of a product."""
    return product >> 64 * first & _row(end - first).whole


def gathered(product: int, place: int) -> int:
    """A product from ``place`` on, which takes what the places before it hold."""
    rest = 64 * (place + 1)
    return (product >> rest << 64) + (product & (1 << rest) - 1) % _PLACE


def mixture(parts: Iterable[tuple[float, int, int]]) -> int:
    """The sum of packed distributions, each with its weight and its first place, as a product of two packed ones."""
    return sum([(one << 64 * first) * int(weight * ONE) for weight, first, one in parts])


def trials(chances: Sequence[float]) -> int:
    """How many of several trials succeed, each with a chance of its own, packed."""
    row, made = _row(len(chances) + 1), _ONE
    for chance in chances:
        one = int(chance * ONE + 0.5)
        made = (made * (one << 64 | _ONE - one) + row.half) >> _EXACT & row.chances
    return made
