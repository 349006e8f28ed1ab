"""Dashboards in two languages from one source: their texts are `Words`, and `speak` chooses one language.

In a query, a column's name or a text in both languages is written as one: ``AS "Présents|Present"``, ``'aucun|none'``.
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal, NamedTuple

Language = Literal["fr", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("fr", "en")


class Words(NamedTuple):
    """A text in both languages."""

    fr: str
    en: str

    def of(self, language: Language) -> str:
        """Return the text in that language."""
        return self.fr if language == "fr" else self.en


Text = str | Words
"""A text; a plain one is the same in both languages."""

UNKNOWN: Final = Words("inconnu", "unknown")
PEOPLE: Final = Words("Présents", "Present")
CAPACITY: Final = Words("Capacité", "Capacity")
FREE: Final = Words("Libres", "Free")
PERCENT: Final = Words("Occupation", "Occupancy")
QUALITY: Final = Words("Qualité", "Quality")
PLACE: Final = Words("Lieu", "Place")


class Query(str):
    """SQL whose quoted names and texts may be pairs of French and English."""

    __slots__ = ()


_QUOTED: Final = re.compile(r"--[^\n]*|'(?:[^']|'')*'|\"[^\"]*\"")


def speak(value: Any, language: Language) -> Any:
    """Return ``value``, a dashboard or a part of it, with each text in ``language``."""
    if isinstance(value, Words):
        return value.of(language)
    if isinstance(value, Query):
        return _QUOTED.sub(lambda found: _chosen(found[0], language), value)
    if isinstance(value, dict):
        return {speak(key, language): speak(one, language) for key, one in value.items()}
    if isinstance(value, list):
        return [speak(one, language) for one in value]
    return value


def _chosen(quoted: str, language: Language) -> str:
    if quoted.startswith("--"):
        return quoted
    quote, parts = quoted[0], quoted[1:-1].split("|")
    if len(parts) != 2 or not all(parts):
        return quoted
    return quote + parts[0 if language == "fr" else 1] + quote
