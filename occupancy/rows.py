"""Rows of numbers as they are stored: one text each. Pure.

A fold is stored with each event that changes it. To read a number of a JSON array takes PostgreSQL 0.15 µs, and to keep
it 12 bytes; a text it copies.
"""

from __future__ import annotations

from collections.abc import Iterable


def text_of(numbers: Iterable[float]) -> str:
    """The numbers, each as exact as Python writes it, whole ones without a point."""
    return " ".join([repr(one).removesuffix(".0") for one in numbers])


def numbers_of(stored: str | list[float]) -> list[float]:
    """Read what ``text_of`` made, or the array that version 6 of the stored form had in its place.

    Raises:
        ValueError: it is something else.
    """
    return list(map(float, stored.split(" ") if isinstance(stored, str) else stored))
