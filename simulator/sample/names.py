"""Names of the sample's members and organisations: obviously made up.

"Exemple-Tilleul" reads as what it is, and mail to ``.invalid`` goes nowhere (RFC 2606).
"""

from __future__ import annotations

import unicodedata
from typing import Final

_FIRST: Final = (
    "Adèle", "Aïcha", "Alban", "Amélie", "Anaïs", "Antoine", "Arthur", "Baptiste", "Bérénice", "Camille", "Céline",
    "Chloé", "Clément", "David", "Diane", "Élise", "Élodie", "Émile", "Étienne", "Fatou", "Félix", "Florent",
    "Gaëlle", "Hugo", "Inès", "Jeanne", "Joël", "Julie", "Karim", "Laure", "Léa", "Léon", "Loïc", "Lucie", "Maël",
    "Manon", "Margaux", "Mathis", "Mehdi", "Nadia", "Naël", "Noémie", "Oscar", "Pauline", "Quentin", "Raphaël",
    "Romane", "Rosalie", "Sacha", "Samir", "Simon", "Solène", "Tanguy", "Théo", "Valentine", "Victor", "Yann",
    "Yasmine", "Zélie", "Zoé",
)  # fmt: skip
_LAST: Final = (
    "Ajonc", "Alisier", "Amandier", "Aubépine", "Aulne", "Bleuet", "Bouleau", "Bruyère", "Cèdre", "Charme",
    "Châtaignier", "Chêne", "Coquelicot", "Cormier", "Cornouiller", "Cyprès", "Églantier", "Érable", "Figuier",
    "Fougère", "Frêne", "Fusain", "Genêt", "Genévrier", "Hêtre", "Houx", "If", "Jonquille", "Lavande", "Lilas",
    "Marronnier", "Mélèze", "Merisier", "Mimosa", "Mirabelle", "Mûrier", "Myrtille", "Néflier", "Noisetier", "Noyer",
    "Olivier", "Orme", "Osier", "Peuplier", "Pin", "Platane", "Poirier", "Pommier", "Prunier", "Romarin", "Rosier",
    "Sapin", "Saule", "Sorbier", "Sureau", "Thym", "Tilleul", "Tremble", "Troène", "Verveine",
)  # fmt: skip
_TRADES: Final = ("Atelier", "Bureau", "Cabinet", "Coopérative", "Maison", "Studio")
COMPANIES: Final = 12
"""Made-up companies in a department, beside its council."""


def person(ref: str) -> tuple[str, str]:
    """Return name and e-mail address of the member ``ref`` (``m-`` and hexadecimal digits)."""
    number = _number(ref)
    first, last = _FIRST[number % len(_FIRST)], _LAST[number // len(_FIRST) % len(_LAST)]
    return f"{first} Exemple-{last}", f"{_plain(first)}.{_plain(last)}.{ref[2:]}@exemple.invalid"


def organisations(department: str) -> tuple[tuple[str, str], ...]:
    """Return code and name of a department's made-up council and companies."""
    code = department.lower()
    companies = []
    for number in range(1, COMPANIES + 1):
        seed = sum(map(ord, department)) * 7 + number * 11
        trade, plant = _TRADES[seed % len(_TRADES)], _LAST[seed % len(_LAST)]
        companies.append((f"exemple-{code}-{number}", f"{trade} Exemple-{plant} {number} ({department})"))
    return ((f"exemple-{code}", f"Collectivité exemple du département {department}"), *companies)


def organisation_of(ref: str, department: str) -> str | None:
    """Return the code of the organisation that the member belongs to: one in two belongs to none."""
    lot = _number(ref) // 7919 % 100
    if lot < 50:
        return None
    code = f"exemple-{department.lower()}"
    return code if lot < 62 else f"{code}-{lot % COMPANIES + 1}"


def _number(ref: str) -> int:
    return int.from_bytes(bytes.fromhex(ref[2:]))


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name.lower())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
