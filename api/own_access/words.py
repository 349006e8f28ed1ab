"""Each reason of a decision as a sentence for the member it is about, and what they can do now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from access.model import Reason
from api.http.words import Words

WHY: Final[Mapping[Reason, Words]] = {
    "granted": Words("The door opened.", "La porte s'est ouverte."),
    "unknown_card": Words("Your card isn't known at this place.", "Votre badge n'est pas connu dans ce lieu."),
    "card_suspended": Words(
        "Your card is suspended, or not active yet.", "Votre badge est suspendu, ou pas encore activé."
    ),
    "card_lost": Words("This card is reported lost.", "Ce badge est déclaré perdu."),
    "card_expired": Words("Your card has expired.", "Votre badge a expiré."),
    "card_returned": Words("This card was given back.", "Ce badge a été rendu."),
    "member_suspended": Words("Your access is suspended.", "Votre accès est suspendu."),
    "no_right_here": Words("None of your passes opens this door.", "Aucun de vos abonnements n'ouvre cette porte."),
    "outside_schedule": Words(
        "It was outside of your pass's hours.", "C'était en dehors des horaires de votre abonnement."
    ),
    "place_closed": Words("The place was closed, or no host was there.", "Le lieu était fermé, ou sans encadrant."),
    "pass_not_started": Words("Your pass hadn't begun yet.", "Votre abonnement n'avait pas encore commencé."),
    "pass_ended": Words("Your pass has ended.", "Votre abonnement est terminé."),
    "pass_used_up": Words("Your pass is used up.", "Votre abonnement est épuisé."),
    "booking_required": Words("You had no booking for that time.", "Vous n'aviez pas de réservation à ce moment-là."),
    "anti_passback": Words(
        "According to the readers you were already inside.", "D'après les lecteurs, vous étiez déjà à l'intérieur."
    ),
    "space_full": Words("The space was full.", "L'espace était complet."),
    "pin_required": Words(
        "This door asks for your PIN after the card.", "Cette porte demande votre code PIN après le badge."
    ),
    "wrong_pin": Words("The PIN was wrong.", "Le code PIN était erroné."),
    "too_many_tries": Words(
        "Too many wrong attempts: the reader was paused.", "Trop d'essais erronés : le lecteur était en pause."
    ),
    "lockdown": Words(
        "The door was in lockdown, or an evacuation was in progress.",
        "La porte était verrouillée, ou une évacuation était en cours.",
    ),
    "list_too_old": Words(
        "The door had no recent list of who may enter.", "La porte n'avait pas de liste récente des accès."
    ),
    "reader_fault": Words("The reader couldn't read the card.", "Le lecteur n'a pas pu lire le badge."),
}
NOW: Final[Mapping[Reason, Words]] = {
    **WHY,
    "granted": Words("The door opens.", "La porte s'ouvre."),
    "outside_schedule": Words(
        "It is outside of your pass's hours.", "Vous êtes en dehors des horaires de votre abonnement."
    ),
    "place_closed": Words("The place is closed, or no host is there.", "Le lieu est fermé, ou sans encadrant."),
    "pass_not_started": Words("Your pass hasn't begun yet.", "Votre abonnement n'a pas encore commencé."),
    "booking_required": Words("You have no booking for now.", "Vous n'avez pas de réservation pour ce moment."),
    "anti_passback": Words(
        "According to the readers you are already inside.", "D'après les lecteurs, vous êtes déjà à l'intérieur."
    ),
    "space_full": Words("The space is full.", "L'espace est complet."),
    "too_many_tries": Words(
        "Too many wrong attempts: the reader is paused.", "Trop d'essais erronés : le lecteur est en pause."
    ),
    "lockdown": Words(
        "The door is in lockdown, or an evacuation is in progress.",
        "La porte est verrouillée, ou une évacuation est en cours.",
    ),
    "list_too_old": Words(
        "The door has no recent list of who may enter.", "La porte n'a pas de liste récente des accès."
    ),
}
"""What a door would decide now; ``WHY``: what it decided."""
_DESK: Final = Words("Ask the front desk.", "Adressez-vous à l'accueil.")
_PASS: Final = Words("Ask the front desk for a pass that fits.", "Demandez un abonnement adapté à l'accueil.")
WHAT_NOW: Final[Mapping[Reason, Words]] = {
    "granted": Words("Nothing to do.", "Rien à faire."),
    "unknown_card": _PASS,
    "card_suspended": _DESK,
    "card_lost": Words(
        "If you found it, the front desk can put it back into use.",
        "Si vous l'avez retrouvé, l'accueil peut le remettre en service.",
    ),
    "card_expired": Words("The front desk can renew it.", "L'accueil peut le renouveler."),
    "card_returned": Words("The front desk can issue it again.", "L'accueil peut vous le délivrer de nouveau."),
    "member_suspended": _DESK,
    "no_right_here": _PASS,
    "outside_schedule": Words(
        "Come back in the hours of your pass.", "Revenez pendant les heures de votre abonnement."
    ),
    "place_closed": Words("Look at the place's opening hours.", "Consultez les horaires du lieu."),
    "pass_not_started": Words("Wait for the first day of your pass.", "Attendez le premier jour de votre abonnement."),
    "pass_ended": _PASS,
    "pass_used_up": _PASS,
    "booking_required": Words("Book, then show your card again.", "Réservez, puis présentez de nouveau votre badge."),
    "anti_passback": Words(
        "Show your card on the way out, or ask the front desk.",
        "Badgez en sortant, ou adressez-vous à l'accueil.",
    ),
    "space_full": Words("Wait until somebody leaves.", "Attendez que quelqu'un sorte."),
    "pin_required": Words("Show your card, then type your PIN.", "Présentez votre badge, puis tapez votre code PIN."),
    "wrong_pin": Words("Try again, or ask for a new PIN.", "Réessayez, ou demandez un nouveau code PIN."),
    "too_many_tries": Words("Wait a few minutes, then try again.", "Attendez quelques minutes, puis réessayez."),
    "lockdown": Words("Stay outside until it is over.", "Restez à l'extérieur jusqu'à la fin."),
    "list_too_old": _DESK,
    "reader_fault": Words("Hold the card flat to the reader.", "Présentez le badge bien à plat sur le lecteur."),
}
