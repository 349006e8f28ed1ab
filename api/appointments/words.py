"""Why an appointment was refused, in the words of a mail: French by rule, English as the API says it. Pure."""

from __future__ import annotations

from typing import Final

from api.http.language import Language

_FRENCH: Final = {
    "address": "cette adresse ne correspond à rien que l'on puisse réserver.",
    "window": "la fin précède le début.",
    "past": "cet horaire est passé.",
    "farthest": "cette date est trop lointaine.",
    "longest": "une réservation ne peut pas durer aussi longtemps.",
    "shortest": "une réservation ne peut pas être aussi courte.",
    "place_status": "ce lieu n'est pas ouvert.",
    "opening_hours": "le lieu est fermé pendant une partie de cet horaire.",
    "suspended": "votre adhésion est suspendue.",
    "sign_up": "les inscriptions sont closes.",
    "taken": "une autre réservation occupe déjà ce créneau.",
    "full": "toutes les places sont déjà réservées pendant une partie de cet horaire.",
    "notice": "il est trop tard pour réserver cet horaire.",
    "ahead": "il est trop tôt pour réserver cette date.",
    "open_bookings": "vous avez déjà le nombre de réservations que ce lieu permet.",
    "at_once": "vous avez déjà une réservation au même moment.",
    "rolling": "vous avez réservé tout le temps que ce lieu permet sur cette période.",
    "cancel": "il est trop tard pour annuler.",
    "quota_pass": "votre abonnement ne permet pas d'autre réservation sur cette période.",
    "quota_organisation": "votre organisation a réservé tout ce qu'elle peut sur cette période.",
    "pass": "aucun de vos abonnements n'ouvre ce lieu à cet horaire.",
    "category": "elle est réservée à d'autres catégories de membres.",
}
_OTHERWISE: Final = "la réservation n'est pas possible."


def reason(rule: str, why: str, language: Language) -> str:
    """Return why ``rule`` refused it, as a sentence; ``why`` is what the API says, in English."""
    if language == "fr":
        return _FRENCH.get(rule, _OTHERWISE)
    return why if why.endswith((".", ")")) else f"{why}."
