"""The columns of a members' CSV, by their names in English and French. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from api.present.network import unaccented
from api.transfer.text import FileRefused

Column = Literal[
    "member",
    "name",
    "given_name",
    "family_name",
    "usage_name",
    "email",
    "organisation",
    "home",
    "home_commune",
    "work_commune",
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
    "name": ("name", "full name", "nom", "nom complet", "nom et prenom", "prenom et nom", "nom prenom", "prenom nom"),
    "given_name": ("given name", "first name", "firstname", "prenom", "prenoms", "prenom usuel"),
    "family_name": ("family name", "last name", "lastname", "surname", "nom de famille", "nom de naissance"),
    "usage_name": ("usage name", "nom d'usage", "nom usage", "nom usuel", "nom marital"),
    "email": ("email", "e mail", "mail", "courriel", "adresse e mail", "adresse mail", "adresse email"),
    "organisation": ("organisation", "organization", "company", "societe", "entreprise", "structure"),
    "home": ("home", "home place", "rattachement", "lieu de rattachement"),
    "home_commune": ("home commune", "commune de residence", "commune domicile", "code insee domicile"),
    "work_commune": ("work commune", "commune de travail", "commune travail", "code insee travail"),
    "status": ("status", "member status", "statut", "statut membre", "etat"),
    "card": ("card", "card number", "badge", "carte", "numero de carte", "numero de badge", "uid"),
    "card_format": ("card format", "format", "format carte", "format de carte", "format badge", "format de badge"),
    "card_ref": ("card ref", "reference carte", "ref carte", "reference badge", "ref badge"),
    "card_last4": ("card last4", "last4", "fin de carte", "fin du badge", "4 derniers"),
    "card_status": (
        "card status",
        "statut carte",
        "statut de la carte",
        "etat carte",
        "statut badge",
        "statut du badge",
    ),
    "card_from": ("card from", "card valid from", "carte debut", "debut carte", "carte du", "badge du"),
    "card_until": ("card until", "card valid until", "carte fin", "fin carte", "carte au", "badge au"),
    "pass_ref": ("pass ref", "reference pass", "ref pass", "reference abonnement", "reference forfait"),
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
"""Each column and its possible headers, without accents, case, ``_`` and ``-``."""
_BY_NAME: Final[Mapping[str, Column]] = {name: column for column, names in COLUMNS.items() for name in names}
NAME_PARTS: Final[tuple[Column, ...]] = ("given_name", "usage_name", "family_name")
_EITHER: Final = frozenset({"name", "nom"})
"""A header that means the whole name, or the family name if another column has the given name."""
_IDENTIFY: Final[frozenset[Column]] = frozenset({"member", "email", "card", "card_ref"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The columns of a file, by its header."""

    at: Mapping[Column, int]
    """The position of each column."""
    ignored: tuple[str, ...] = ()
    """Unknown headers: their cells are ignored."""
    read_as: tuple[tuple[str, Column], ...] = ()
    """Headers that differ from the name of their column."""
    name_of: tuple[str, ...] = ()
    """Headers whose cells together form the name."""


def read_header(header: Sequence[str]) -> Columns:
    """Return the position of each column, and the ignored ones.

    Raises:
        FileRefused: a column appears twice, or none identifies a member.
    """
    found: dict[Column, int] = {}
    ignored: list[str] = []
    for index, name in enumerate(header):
        column = _column_of(name, header)
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
    if "name" in found:  # the whole name makes its parts redundant
        ignored += [header[found.pop(part)] for part in NAME_PARTS if part in found]
    return Columns(
        at=found,
        ignored=tuple(ignored),
        read_as=tuple((header[at], column) for column, at in found.items() if _plain(header[at]) != _plain(column)),
        name_of=tuple(header[found[part]] for part in NAME_PARTS if part in found),
    )


def _plain(name: str) -> str:
    return " ".join(unaccented(name).replace("_", " ").replace("’", "'").split())


def _column_of(name: str, header: Sequence[str]) -> Column | None:
    """Return the column that ``name`` means beside the others."""
    plain = _plain(name)
    column = _BY_NAME.get(plain)
    if column != "name" or plain not in _EITHER:
        return column
    others = {_BY_NAME.get(other) for other in map(_plain, header) if other != plain}
    if "name" in others or "family_name" not in others:
        return "family_name" if others & {"name", "given_name", "usage_name"} else "name"
    return "usage_name" if plain == "nom" and "usage_name" not in others else "name"
