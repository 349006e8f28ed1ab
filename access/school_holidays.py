"""French school holidays by zone, for the school years whose calendar is known here. Pure.

Source: ministère de l'Éducation nationale, *Calendrier scolaire* (data.education.gouv.fr, fr-en-calendrier-scolaire),
Licence Ouverte 2.0; school years 2024-2025 to 2026-2027. The data set gives the day on which pupils return; here the
last day is the one before. The bridge of Ascension counts where the calendar has it.

Corsica and the departments overseas have calendars of their own, which are not here: not known. So is every day before
``FIRST_DAY`` and after ``LAST_DAY``, where the calendar ends: it says when the summer of 2027 begins, not when it ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from itertools import chain
from types import MappingProxyType
from typing import Final, Literal

Zone = Literal["A", "B", "C"]
FIRST_DAY: Final = date(2024, 9, 2)
LAST_DAY: Final = date(2027, 7, 2)
_ACADEMIES: Final[Mapping[Zone, tuple[str, ...]]] = {
    "A": (
        "25 39 70 90",  # Besançon
        "24 33 40 47 64",  # Bordeaux
        "03 15 43 63",  # Clermont-Ferrand
        "21 58 71 89",  # Dijon
        "07 26 38 73 74",  # Grenoble
        "19 23 87",  # Limoges
        "01 42 69",  # Lyon
        "16 17 79 86",  # Poitiers
    ),
    "B": (
        "04 05 13 84",  # Aix-Marseille
        "02 60 80",  # Amiens
        "59 62",  # Lille
        "54 55 57 88",  # Nancy-Metz
        "44 49 53 72 85",  # Nantes
        "06 83",  # Nice
        "14 27 50 61 76",  # Normandie
        "18 28 36 37 41 45",  # Orléans-Tours
        "08 10 51 52",  # Reims
        "22 29 35 56",  # Rennes
        "67 68",  # Strasbourg
    ),
    "C": (
        "77 93 94",  # Créteil
        "11 30 34 48 66",  # Montpellier
        "75",  # Paris
        "09 12 31 32 46 65 81 82",  # Toulouse
        "78 91 92 95",  # Versailles
    ),
}
ZONES: Final[Mapping[str, Zone]] = MappingProxyType(
    {code: zone for zone, academies in _ACADEMIES.items() for code in " ".join(academies).split()}
)
"""The zone of a department; those of Corsica and overseas have none."""
_EVERYWHERE: Final = (
    ("2024-10-19", "2024-11-03"),
    ("2024-12-21", "2025-01-05"),
    ("2025-05-29", "2025-06-01"),
    ("2025-07-05", "2025-08-31"),
    ("2025-10-18", "2025-11-02"),
    ("2025-12-20", "2026-01-04"),
    ("2026-05-14", "2026-05-17"),
    ("2026-07-04", "2026-08-31"),
    ("2026-10-17", "2026-11-01"),
    ("2026-12-19", "2027-01-03"),
    ("2027-05-07", "2027-05-09"),
)
_BY_ZONE: Final[Mapping[Zone, tuple[tuple[str, str], ...]]] = {
    "A": (
        ("2025-02-22", "2025-03-09"),
        ("2025-04-19", "2025-05-04"),
        ("2026-02-07", "2026-02-22"),
        ("2026-04-04", "2026-04-19"),
        ("2027-02-13", "2027-02-28"),
        ("2027-04-10", "2027-04-25"),
    ),
    "B": (
        ("2025-02-08", "2025-02-23"),
        ("2025-04-05", "2025-04-21"),
        ("2026-02-14", "2026-03-01"),
        ("2026-04-11", "2026-04-26"),
        ("2027-02-20", "2027-03-07"),
        ("2027-04-17", "2027-05-02"),
    ),
    "C": (
        ("2025-02-15", "2025-03-02"),
        ("2025-04-12", "2025-04-27"),
        ("2026-02-21", "2026-03-08"),
        ("2026-04-18", "2026-05-03"),
        ("2027-02-06", "2027-02-21"),
        ("2027-04-03", "2027-04-18"),
    ),
}
_PERIODS: Final[Mapping[Zone, tuple[tuple[date, date], ...]]] = {
    zone: tuple(
        (date.fromisoformat(first), date.fromisoformat(last)) for first, last in sorted(chain(_EVERYWHERE, own))
    )
    for zone, own in _BY_ZONE.items()
}


def in_school_holidays(day: date, department: str | None) -> bool | None:
    """Return whether pupils of ``department`` have holidays on ``day``; None: this calendar doesn't say."""
    zone = ZONES.get(department or "")
    if zone is None or not FIRST_DAY <= day <= LAST_DAY:
        return None
    return any(first <= day <= last for first, last in _PERIODS[zone])
