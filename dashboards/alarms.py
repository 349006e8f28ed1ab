"""The kinds of alarms in the words of people."""

from __future__ import annotations

from typing import Final

from dashboards.panels import terms
from dashboards.words import Words
from database import alarm_kinds

NAMES: Final = {kind: Words(*one.words) for kind, one in alarm_kinds.KINDS.items()}

KINDS: Final = terms(NAMES)
"""Value mappings from an alarm's kind to words; one that isn't here shows as it is."""

TROUBLES: Final = terms(
    {
        "low_battery": Words("pile faible", "battery low"),
        "bad_link": Words("liaison mauvaise", "bad link"),
        "stuck": Words("valeur bloquée", "value stuck"),
    }
)
"""Value mappings from a device's trouble to words."""
