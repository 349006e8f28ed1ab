"""French public holidays, by department. Pure; the Gregorian calendar only.

Sources: Code du travail, articles L3133-1 (the eleven of everywhere), L3134-13 (Alsace-Moselle) and L3422-2 (overseas:
the day on which the abolition of slavery is remembered; Saint-Barthélemy and Saint-Martin by decree 83-1003);
the days are those of Etalab's library (github.com/etalab/jours-feries-france) as well. Easter: the "anonymous
Gregorian" algorithm (Nature, 20 April 1876; Jean Meeus, Astronomical Algorithms, chapter 8).

Wallis-et-Futuna, French Polynesia and New Caledonia have labour codes of their own: the eleven, and the days below. In
French Polynesia 20 November (Matāri'i) took the place of 29 June (autonomy) by the loi du pays adopted on 6 May 2025.

Days kept by custom only (Good Friday or Victor Schœlcher's day in the Antilles, the feasts of Islam on Mayotte) are no
public holidays: a place that closes on them says so as an exception of its schedule.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Final

ALSACE_MOSELLE: Final = frozenset({"57", "67", "68"})
"""Good Friday is a holiday there in communes with a Protestant church or one shared by both confessions: nearly all;
where it isn't, an exception of the schedule says so."""
_FIXED: Final = (
    (1, 1, "Jour de l'an"),
    (5, 1, "Fête du Travail"),
    (5, 8, "Victoire de 1945"),
    (7, 14, "Fête nationale"),
    (8, 15, "Assomption"),
    (11, 1, "Toussaint"),
    (11, 11, "Armistice de 1918"),
    (12, 25, "Noël"),
)
_AFTER_EASTER: Final = ((1, "Lundi de Pâques"), (39, "Ascension"), (50, "Lundi de Pentecôte"))
_ABOLITION: Final[Mapping[str, tuple[int, int]]] = {
    "971": (5, 27),
    "972": (5, 22),
    "973": (6, 10),
    "974": (12, 20),
    "976": (4, 27),
    "977": (10, 9),
    "978": (5, 28),
}
"""Guadeloupe, Martinique, Guyane, La Réunion, Mayotte, Saint-Barthélemy, Saint-Martin."""
_PACIFIC: Final[Mapping[str, tuple[tuple[int, int, str], ...]]] = {
    "986": ((4, 28, "Saint Pierre Chanel"), (7, 29, "Fête du territoire")),
    "987": ((3, 5, "Arrivée de l'Évangile"),),
    "988": ((9, 24, "Fête de la citoyenneté"),),
}
"""Wallis-et-Futuna, French Polynesia (with what changes by the year, below), New Caledonia."""
_POLYNESIA: Final = "987"
_AUTONOMY_UNTIL: Final = 2024
"""The last year in which French Polynesia had a holiday on 29 June."""
DEPARTMENTS: Final = frozenset(
    {f"{number:02d}" for number in range(1, 96) if number != 20}
    | {"2A", "2B"}
    | {str(number) for number in (*range(971, 979), 986, 987, 988)}
)
"""The departments of France and what is like one overseas, by number."""


def easter(year: int) -> date:
    """Return Easter Sunday of ``year`` (1583 to 9999)."""
    if not 1583 <= year <= 9999:
        raise ValueError(f"no Gregorian Easter in the year {year}")
    century, of_century = divmod(year, 100)
    golden = year % 19
    lunar = (century + 8) // 25
    epact = (19 * golden + century - century // 4 - (century - lunar + 1) // 3 + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (of_century // 4) - epact - of_century % 4) % 7
    correction = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * correction + 114, 31)
    return date(year, month, day + 1)


@lru_cache(maxsize=256)
def holidays(year: int, department: str | None = None) -> Mapping[date, str]:
    """Return the public holidays of ``year`` by date, with their French names, in the order of the calendar.

    Two that fall on one day (1 May and Ascension in 2008) are one day with both names.

    Args:
        year: 1983 to 9999, the rules of today; of French Polynesia those of that year.
        department: its code (``"67"``, ``"2A"``, ``"974"``); None, or one without days of its own: the eleven.
    """
    spring = easter(year)
    days = [(date(year, month, day), name) for month, day, name in _FIXED]
    days += [(spring + timedelta(days=after), name) for after, name in _AFTER_EASTER]
    if department in ALSACE_MOSELLE:
        days += [(spring - timedelta(days=2), "Vendredi saint"), (date(year, 12, 26), "Saint-Étienne")]
    if department is not None and department in _ABOLITION:
        month, day = _ABOLITION[department]
        days.append((date(year, month, day), "Abolition de l'esclavage"))
    days += [(date(year, month, day), name) for month, day, name in _PACIFIC.get(department or "", ())]
    if department == _POLYNESIA:
        days.append((spring - timedelta(days=2), "Vendredi saint"))
        autonomy = year <= _AUTONOMY_UNTIL
        days.append((date(year, 6, 29), "Fête de l'autonomie") if autonomy else (date(year, 11, 20), "Matāri'i"))
    named: dict[date, str] = {}
    for day_, name in sorted(days):
        named[day_] = f"{named[day_]}, {name}" if day_ in named else name
    return MappingProxyType(named)


def is_holiday(day: date, department: str | None = None) -> bool:
    """Return whether ``day`` is a public holiday in ``department``."""
    return day in holidays(day.year, department)
