"""Hints for the front desk beside a decision. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from access.model import AccessList
from rights.hours import NEVER

_NEVER_LISTED: Final = {
    "en": (
        "No card that was in this place's list has this number, so nobody can say whose it is. Enrol it at a reader "
        "(POST /v1/enrolments) or find it by its number (POST /v1/cards/find): the network may know it elsewhere."
    ),
    "fr": (
        "Aucun badge de la liste de ce lieu n'a ce numéro ; on ne peut donc pas dire à qui il est. Enrôlez-le à "
        "un lecteur (POST /v1/enrolments) ou cherchez-le par son numéro (POST /v1/cards/find) : le réseau le connaît "
        "peut-être ailleurs."
    ),
}


def whom_to_ask(place: Mapping[str, Any]) -> dict[str, str]:
    """Return the hint of a denial: whom the member may turn to. ``place``: its name, phone and email."""
    ways = ", ".join(way for way in (place["phone"], place["email"]) if way)
    if not ways:
        return {
            "en": f"To ask: the manager of {place['name']}. The place has no phone number or address yet: enter them "
            "in its profile.",
            "fr": f"Pour toute question : le responsable de {place['name']}. Le lieu n'a encore ni téléphone ni "
            "adresse : ajoutez-les à sa fiche.",
        }
    return {"en": f"To ask: {place['name']}, {ways}.", "fr": f"Pour toute question : {place['name']}, {ways}."}


def hints_of_read(token: str | None, card: Mapping[str, Any] | None) -> list[dict[str, str]]:
    """Return the hints beside a card read of the past."""
    return [_NEVER_LISTED] if token is not None and card is None else []


def hints(
    held: AccessList | None,
    token: str | None,
    card: Mapping[str, Any] | None,
    *,
    behind: Sequence[str],
    pin: str | None,
) -> list[dict[str, str]]:
    """Return the hints; ``behind``: gateways without the newest list."""
    found: list[tuple[str, str]] = []
    if card is not None and card["must_be_presented"]:
        found.append((
            "The card was issued before numbers were kept, and opens nothing: issue it again, by its number or at a "
            "reader.",
            "Le badge date d'avant la conservation des numéros et n'ouvre rien : délivrez-le de nouveau, "
            "par son numéro ou à un lecteur.",
        ))  # fmt: skip
    elif card is not None and held is not None and token not in held.entries:
        found.append((
            f"The network knows the card (member {card['member']}, {card['status']}), but no pass of its member names "
            "this place.",
            f"Le réseau connaît le badge (membre {card['member']}, {card['status']}), mais aucun abonnement de son "
            "porteur ne cite ce lieu.",
        ))  # fmt: skip
    if held is not None and held.opening_hours == NEVER:
        found.append((
            "The place is never open: it is in preparation or closed for good (then only hosts are let in), or its "
            "opening hours name no day.",
            "Le lieu n'ouvre jamais : il est en préparation ou fermé définitivement (seuls les encadrants entrent "
            "alors), ou ses horaires ne citent aucun jour.",
        ))  # fmt: skip
    if card is None and token is not None:
        found.append((
            "No card with this number is known to this key. If the reader may be set wrongly, enrol the card there: "
            "POST /v1/enrolments shows what it reads.",
            "Aucun badge de ce numéro n'est connu. Si le lecteur est mal réglé, enrôlez le badge à ce lecteur : "
            "POST /v1/enrolments dit ce qu'il lit.",
        ))  # fmt: skip
    if behind:
        names = ", ".join(behind)
        found.append((
            f"{names} has not confirmed the newest list yet, and still decides by the one before.",
            f"{names} n'a pas encore confirmé la dernière liste et décide selon la précédente.",
        ))  # fmt: skip
    if pin is not None and held is not None and any(door.pin for door in held.rules.doors.values()):
        found.append((
            "Where the door asks for a PIN, the right one is taken to be typed.",
            "Là où un code PIN est demandé, on suppose que le bon est saisi.",
        ))  # fmt: skip
    return [{"en": en, "fr": fr} for en, fr in found]
