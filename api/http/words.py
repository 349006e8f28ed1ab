"""Sentences in both languages, which answers carry for those who read them out."""

from __future__ import annotations

from typing import NamedTuple


class Words(NamedTuple):
    """A sentence in both languages."""

    en: str
    fr: str
