"""French identifiers of a place: SIRET, RNA, INSEE code of the commune. Pure."""

from __future__ import annotations

import re
from typing import Final

from maillage.network.territory import department_of_commune

_LA_POSTE: Final = "356000000"
"""Its establishments' numbers follow another rule than Luhn's."""


def siret_fault(text: str) -> str | None:
    """Say what is wrong with a SIRET (14 digits, the last a check digit), or None.

    Source: https://www.insee.fr/fr/metadonnees/definition/c1841 and the algorithm of Luhn.
    """
    if not re.fullmatch(r"[0-9]{14}", text):
        return f"a SIRET has 14 digits, and this has {len(re.sub('[^0-9]', '', text))}: {text[:30]}"
    digits = [int(digit) for digit in text]
    if text.startswith(_LA_POSTE) and sum(digits) % 5 == 0:
        return None
    doubled = [digit if place % 2 else sum(divmod(2 * digit, 10)) for place, digit in enumerate(digits)]
    if sum(doubled) % 10:
        return f"{text} is no SIRET: its check digit is wrong, so a digit is mistyped or two are swapped"
    return None


def rna_fault(text: str) -> str | None:
    """Say what is wrong with the number of an association in the RNA, or None."""
    if not re.fullmatch(r"W[0-9]{9}", text):
        return f"the number of an association (RNA) is W and 9 digits, not {text[:30]}"
    return None


def commune_fault(text: str) -> str | None:
    """Say what is wrong with a commune's INSEE code, or None."""
    if department_of_commune(text) is None:
        return f"{text[:30]} is no INSEE code of a commune (5 digits, or 2A or 2B and 3 digits; not the postcode)"
    return None
