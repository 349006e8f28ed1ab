"""The reasons of a decision in the words of people."""

from __future__ import annotations

from typing import Final

from dashboards.panels import terms
from dashboards.words import Words

NAMES: Final = {
    "granted": Words("accordé", "granted"),
    "unknown_card": Words("badge inconnu", "unknown card"),
    "card_suspended": Words("badge suspendu", "card suspended"),
    "card_lost": Words("badge perdu", "card lost"),
    "card_expired": Words("badge expiré", "card expired"),
    "card_returned": Words("badge rendu", "card returned"),
    "member_suspended": Words("membre suspendu", "member suspended"),
    "no_right_here": Words("aucun droit ici", "no right here"),
    "outside_schedule": Words("hors des horaires prévus", "outside the hours allowed"),
    "place_closed": Words("lieu fermé", "place closed"),
    "pass_not_started": Words("forfait pas encore commencé", "pass not started yet"),
    "pass_ended": Words("forfait terminé", "pass ended"),
    "pass_used_up": Words("forfait épuisé", "pass used up"),
    "booking_required": Words("réservation nécessaire", "booking needed"),
    "anti_passback": Words("déjà entré", "already inside"),
    "space_full": Words("espace complet", "space full"),
    "pin_required": Words("code demandé", "code asked for"),
    "wrong_pin": Words("code faux", "wrong code"),
    "too_many_tries": Words("trop d'essais", "too many tries"),
    "lockdown": Words("confinement", "lockdown"),
    "list_too_old": Words("liste d'accès trop ancienne", "access list too old"),
    "reader_fault": Words("lecteur en défaut", "reader fault"),
    "qr_unsigned": Words("QR inconnu", "unknown QR"),
    "qr_elsewhere": Words("QR d'un autre lieu", "another place's QR"),
    "qr_void": Words("QR annulé", "QR called off"),
}

REASONS: Final = terms(NAMES)
"""Value mappings from the closed list of reasons to words."""
