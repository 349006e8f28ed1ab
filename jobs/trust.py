"""Reads the trust scores of places (the view ``trust``) for Prometheus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import psycopg

EVERY_S: Final = 900.0

_SCORES: Final = """
-- each place whose published numbers were compared with enough head counts
SELECT p.code::text, t.compared::integer, t.error, t.error_percent, t.within,
       (t.false_empty + t.false_occupied)::float8 / t.compared
FROM trust t JOIN place p ON p.id = t.place
WHERE t.space IS NULL AND t.error IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Score:
    """How near a place's published numbers were to its head counts."""

    place: str
    compared: int
    error: float
    """People, on average."""
    error_percent: float | None
    within: float
    """The share of head counts inside the published interval."""
    flips: float
    """The share of head counts with nobody published and somebody there, or the reverse."""


def read(connection: psycopg.Connection[Any]) -> list[Score]:
    """Return the scores that are known."""
    return [Score(*row) for row in connection.execute(_SCORES)]
