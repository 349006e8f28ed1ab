"""The reasons of a decision in the words that French pages use."""

from __future__ import annotations

from typing import Final

from dashboards.panels import words

FRENCH: Final = {
    "granted": "accordé",
    "unknown_card": "carte inconnue",
    "card_suspended": "carte suspendue",
    "card_lost": "carte perdue",
    "card_expired": "carte expirée",
    "card_returned": "carte rendue",
    "member_suspended": "adhérent suspendu",
    "no_right_here": "aucun droit ici",
    "outside_schedule": "hors des horaires prévus",
    "place_closed": "lieu fermé",
    "pass_not_started": "forfait pas encore commencé",
    "pass_ended": "forfait terminé",
    "pass_used_up": "forfait épuisé",
    "booking_required": "réservation nécessaire",
    "anti_passback": "déjà entré",
    "space_full": "espace complet",
    "pin_required": "code demandé",
    "wrong_pin": "code faux",
    "too_many_tries": "trop d'essais",
    "lockdown": "confinement",
    "list_too_old": "liste d'accès trop ancienne",
    "reader_fault": "lecteur en défaut",
}

REASONS: Final = words(FRENCH)
"""Value mappings from the closed list of reasons to French."""
