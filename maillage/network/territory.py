"""French territory: regions and their departments, where they lie, and their time zones.

Regions and departments as of 2016 (loi n° 2015-29), INSEE codes. Boxes are generous rectangles: they distinguish
territories from each other and from the sea, not neighbouring departments.
"""

from __future__ import annotations

import re
import unicodedata
from difflib import get_close_matches
from typing import Final

from maillage.network.errors import SelectionError

REGIONS: Final[dict[str, tuple[str, ...]]] = {
    "Auvergne-Rhône-Alpes": ("01", "03", "07", "15", "26", "38", "42", "43", "63", "69", "73", "74"),
    "Bourgogne-Franche-Comté": ("21", "25", "39", "58", "70", "71", "89", "90"),
    "Bretagne": ("22", "29", "35", "56"),
    "Centre-Val de Loire": ("18", "28", "36", "37", "41", "45"),
    "Corse": ("2A", "2B"),
    "Grand Est": ("08", "10", "51", "52", "54", "55", "57", "67", "68", "88"),
    "Guadeloupe": ("971",),
    "Guyane": ("973",),
    "Hauts-de-France": ("02", "59", "60", "62", "80"),
    "Île-de-France": ("75", "77", "78", "91", "92", "93", "94", "95"),
    "La Réunion": ("974",),
    "Martinique": ("972",),
    "Mayotte": ("976",),
    "Normandie": ("14", "27", "50", "61", "76"),
    "Nouvelle-Aquitaine": ("16", "17", "19", "23", "24", "33", "40", "47", "64", "79", "86", "87"),
    "Occitanie": ("09", "11", "12", "30", "31", "32", "34", "46", "48", "65", "66", "81", "82"),
    "Pays de la Loire": ("44", "49", "53", "72", "85"),
    "Provence-Alpes-Côte d'Azur": ("04", "05", "06", "13", "83", "84"),
}
REGION_OF: Final[dict[str, str]] = {department: name for name, members in REGIONS.items() for department in members}

_MAINLAND: Final = "mainland"
_CORSICA: Final = "Corsica"
_BOXES: Final[dict[str, tuple[float, float, float, float]]] = {
    _CORSICA: (41.3, 43.1, 8.5, 9.6),
    _MAINLAND: (42.3, 51.2, -5.3, 8.3),
    "971": (15.8, 16.6, -61.9, -60.9),
    "972": (14.3, 14.9, -61.3, -60.7),
    "973": (2.1, 5.9, -54.7, -51.5),
    "974": (-21.5, -20.8, 55.1, 55.9),
    "976": (-13.1, -12.5, 44.9, 45.4),
}
"""South, north, west, east, in degrees."""
_TIME_ZONES: Final = {
    "971": "America/Guadeloupe",
    "972": "America/Martinique",
    "973": "America/Cayenne",
    "974": "Indian/Reunion",
    "976": "Indian/Mayotte",
}


def fold(text: str) -> str:
    """Return ``text`` for comparing: lower case, without accents, everything but letters and digits as one space."""
    plain = unicodedata.normalize("NFKD", text.lower().replace("œ", "oe").replace("æ", "ae"))
    letters = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return re.sub(r"[^a-z0-9]+", " ", letters).strip()


_FOLDED: Final = {re.sub(r"\bet ", "", fold(name)): name for name in REGIONS}


def find_region(text: str) -> str:
    """Return the name of the region that ``text`` means, whatever its accents, hyphens and "et".

    Raises:
        SelectionError: there is no such region; the text names the nearest.
    """
    wanted = re.sub(r"\bet ", "", fold(text))
    if wanted in _FOLDED:
        return _FOLDED[wanted]
    near = get_close_matches(wanted, _FOLDED, n=1, cutoff=0.6)
    hint = f"did you mean {_FOLDED[near[0]]}?" if near else f"there are {', '.join(REGIONS)}."
    raise SelectionError(f"no region {text!r}: {hint}")


def territory_at(latitude: float, longitude: float) -> str | None:
    """Return the territory whose box holds the position: ``mainland``, ``Corsica`` or an overseas department."""
    for name, (south, north, west, east) in _BOXES.items():
        if south <= latitude <= north and west <= longitude <= east:
            return name
    return None


def territory_of(department: str) -> str:
    """Return the territory that a department lies in."""
    if department in ("2A", "2B"):
        return _CORSICA
    return department if department.startswith("97") else _MAINLAND


def time_zone(department: str) -> str:
    """Return the IANA name of a department's time."""
    return _TIME_ZONES.get(department, "Europe/Paris")


def department_of_commune(code: str) -> str | None:
    """Return the department of an INSEE commune code; None where the code is none."""
    if not re.fullmatch(r"[0-9]{5}|2[AB][0-9]{3}", code):
        return None
    department = code[:3] if code.startswith("97") else code[:2]
    return department if department in REGION_OF else None


def department_of_postcode(code: str) -> str | None:
    """Return the department that a postcode points to (a few communes belong to the neighbour's), or None."""
    if not re.fullmatch(r"[0-9]{5}", code):
        return None
    if code.startswith("20"):
        return {"200": "2A", "201": "2A", "202": "2B", "206": "2B"}.get(code[:3])
    department = code[:3] if code.startswith("97") else code[:2]
    return department if department in REGION_OF else None
