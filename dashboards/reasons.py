"""The reasons of a decision in the words of people: those of reports."""

from __future__ import annotations

from typing import Final

from dashboards.panels import terms
from dashboards.words import Words
from reports import words as reports

NAMES: Final = {"granted": Words("accordé", "granted")} | {name: Words(*one) for name, one in reports.REASONS.items()}

REASONS: Final = terms(NAMES)
"""Value mappings from the closed list of reasons to words."""
