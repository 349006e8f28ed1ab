"""The columns of a members' CSV, by their names in English and French. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from api.network import folded
from api.transfer.text import FileRefused

Column = Literal[
    "member",
    "name",
    "email",
    "organisation",
    "home",
    "status",
    "card",
    "card_format",
    "card_ref",
    "card_last4",
    "card_status",
    "card_from",
    "card_until",
    "pass_ref",
    "pass",
    "places",
    "schedule",
    "valid_from",
    "valid_until",
    "unit",
    "allowance",
    "each_month",
    "booked",
    "outside_hours",
    "host",
]
COLUMNS: Final[Mapping[Column, tuple[str, ...]]] = {
    "member": ("member", "ref", "reference", "membre", "reference membre", "member ref"),
    "name": ("name", "full name", "nom", "nom complet", "nom et prenom"),
    "email": ("email", "e mail", "mail", "courriel", "adresse e mail", "adresse mail", "adresse email"),
    "organisation": ("organisation", "organization", "company", "societe", "entreprise", "structure"),
    "home": ("home", "home place", "rattachement", "lieu de rattachement"),
    "status": ("status", "member status", "statut", "statut membre", "etat"),
    "card": ("card", "card number", "badge", "carte", "numero de carte", "numero de badge", "uid"),
    "card_format": ("card format", "format", "format carte", "format de carte", "format badge"),
    "card_ref": ("card ref", "reference carte", "ref carte"),
    "card_last4": ("card last4", "last4", "fin de carte", "4 derniers"),
    "card_status": ("card status", "statut carte", "statut de la carte", "etat carte", "statut badge"),
    "card_from": ("card from", "card valid from", "carte debut", "debut carte", "carte du"),
    "card_until": ("card until", "card valid until", "carte fin", "fin carte", "carte au"),
    "pass_ref": ("pass ref", "reference pass", "ref pass", "reference forfait"),
    "pass": ("pass", "plan", "forfait", "abonnement", "formule"),
    "places": ("places", "place", "lieux", "lieu", "site", "sites"),
    "schedule": ("schedule", "pass schedule", "horaire", "horaires", "plage horaire"),
    "valid_from": ("valid from", "from", "start", "debut", "valable du", "du", "date de debut"),
    "valid_until": ("valid until", "until", "end", "fin", "valable jusqu'au", "au", "date de fin"),
    "unit": ("unit", "unite"),
    "allowance": ("allowance", "quota", "nombre", "credit"),
    "each_month": ("each month", "monthly", "par mois", "mensuel"),
    "booked": ("booked", "booking required", "sur reservation", "reservation"),
    "outside_hours": ("outside hours", "24h", "hors horaires", "hors ouverture"),
    "host": ("host", "supervises", "hote", "encadrant"),
}
"""Each column and what its header may say, without accents, case, ``_`` and ``-``."""
_BY_NAME: Final[Mapping[str, Column]] = {name: column for column, names in COLUMNS.items() for name in names}
_IDENTIFY: Final[frozenset[Column]] = frozenset({"member", "email", "card", "card_ref"})


def read_header(header: Sequence[str]) -> tuple[Mapping[Column, int], tuple[str, ...]]:
    """Return where each column stands, and the names that mean nothing here.

    Raises:
        FileRefused: a column comes twice, or none tells one member from another.
    """
    found: dict[Column, int] = {}
    ignored: list[str] = []
    for index, name in enumerate(header):
        column = _BY_NAME.get(" ".join(folded(name).replace("_", " ").split()))
        if column is None:
            ignored.append(name)
        elif column in found:
            first = header[found[column]]
            raise FileRefused(f"The columns {first!r} and {name!r} both mean {column!r}. Keep one of them.")
        else:
            found[column] = index
    if _IDENTIFY.isdisjoint(found):
        known = ", ".join(COLUMNS)
        raise FileRefused(
            "No column tells one member from another: there must be one of member, email, card or card_ref. "
            f"The first line names the columns; there are: {known}."
        )
    return found, tuple(ignored)
