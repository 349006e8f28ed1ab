"""Each check and each reason as a sentence in English and French, which the front desk can read out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from access.model import Reason
from api.http.words import Words

CHECKS: Final[Mapping[str, Words]] = {
    "egress": Words("Is this an exit? Exits are always free.", "Est-ce une sortie ? La sortie est toujours libre."),
    "reader": Words("Could the reader read the card?", "Le lecteur a-t-il pu lire le badge ?"),
    "list": Words(
        "Does the gateway hold a valid list that isn't too old?",
        "La passerelle a-t-elle une liste valide et assez récente ?",
    ),
    "tries": Words("Were too many wrong codes typed at this door?", "Trop de codes erronés à cette porte ?"),
    "qr": Words(
        "Is a guest's QR signed by the centre, for this place, and not called off?",
        "Le QR d'invité est-il signé par le centre, pour ce lieu, et non annulé ?",
    ),
    "card": Words("Is the card in this place's list, and in service?", "Le badge est-il connu ici et en service ?"),
    "member": Words("Is the member active?", "Le membre est-il actif ?"),
    "lockdown": Words("Is the door or the place in lockdown?", "La porte ou le lieu sont-ils verrouillés ?"),
    "evacuation": Words("Is an evacuation in progress?", "Une évacuation est-elle en cours ?"),
    "right": Words("Does a pass open this door?", "Un abonnement ouvre-t-il cette porte ?"),
    "opening_hours": Words(
        "Is the place open, or does the pass hold outside of its hours?",
        "Le lieu est-il ouvert, ou l'abonnement vaut-il hors horaires ?",
    ),
    "validity": Words("Is the pass within its period of validity?", "L'abonnement est-il en cours de validité ?"),
    "schedule": Words("Is it within the hours of the pass?", "Est-ce dans les horaires de l'abonnement ?"),
    "booking": Words(
        "Is there a booking for now, where the pass asks for one?",
        "Y a-t-il une réservation, si l'abonnement en demande une ?",
    ),
    "allowance": Words("Does the pass have any allowance left?", "Reste-t-il du crédit sur l'abonnement ?"),
    "supervision": Words(
        "Is a host inside, where the door asks for one?", "Un encadrant est-il présent, si la porte le demande ?"
    ),
    "passback": Words(
        "Has the member left since the last entry, where the door asks for it?",
        "Le membre est-il ressorti depuis sa dernière entrée, si la porte le demande ?",
    ),
    "limit": Words("Is there room left behind the door?", "Reste-t-il de la place derrière la porte ?"),
    "pin": Words(
        "Was the right PIN typed, where the door asks for one?",
        "Le bon code PIN a-t-il été saisi, si la porte le demande ?",
    ),
    "granted": Words("All checks passed.", "Tous les contrôles sont passés."),
}
"""By name in ``access.checks.CHECKS``."""

REASONS: Final[Mapping[Reason, Words]] = {
    "granted": Words("The door opens.", "La porte s'ouvre."),
    "unknown_card": Words("The card is not on this place's access list.", "Le badge est inconnu dans ce lieu."),
    "card_suspended": Words(
        "The card is suspended, or issued and not yet active.", "Le badge est suspendu, ou pas encore activé."
    ),
    "card_lost": Words("The card is reported lost.", "Le badge est déclaré perdu."),
    "card_expired": Words("The card has expired.", "Le badge a expiré."),
    "card_returned": Words("The card was returned.", "Le badge a été rendu."),
    "member_suspended": Words("The member is suspended.", "Le membre est suspendu."),
    "no_right_here": Words("No pass of the member opens this door.", "Aucun abonnement du membre n'ouvre cette porte."),
    "outside_schedule": Words("It is outside of the pass's hours.", "C'est en dehors des horaires de l'abonnement."),
    "place_closed": Words("The place is closed, or no host is there.", "Le lieu est fermé, ou sans encadrant."),
    "pass_not_started": Words(
        "The pass or card is not valid yet.", "L'abonnement ou le badge n'est pas encore valable."
    ),
    "pass_ended": Words("The pass has ended.", "L'abonnement est échu."),
    "pass_used_up": Words("The pass is used up.", "L'abonnement est épuisé."),
    "booking_required": Words("There is no booking for now.", "Il n'y a pas de réservation pour ce moment."),
    "anti_passback": Words(
        "According to the readers, the member is already inside.",
        "D'après les lecteurs, le membre est déjà à l'intérieur.",
    ),
    "space_full": Words("The space is full.", "L'espace est complet."),
    "pin_required": Words("The door asks for a PIN as well.", "La porte demande aussi un code PIN."),
    "wrong_pin": Words("The PIN is wrong.", "Le code PIN est erroné."),
    "too_many_tries": Words("Too many wrong attempts: wait a moment.", "Trop d'essais erronés : il faut patienter."),
    "lockdown": Words(
        "The door is in lockdown, or an evacuation is in progress.",
        "La porte est verrouillée, ou une évacuation est en cours.",
    ),
    "list_too_old": Words(
        "The gateway has no list, or one past its age limit.",
        "La passerelle n'a pas de liste, ou une liste trop ancienne.",
    ),
    "reader_fault": Words("The reader could not read the card.", "Le lecteur n'a pas pu lire le badge."),
    "qr_unsigned": Words(
        "The QR is not one of ours, or was changed.", "Ce QR n'est pas l'un des nôtres, ou a été modifié."
    ),
    "qr_elsewhere": Words("The QR is for another place.", "Ce QR est pour un autre lieu."),
    "qr_void": Words("The visit of this QR was called off.", "La visite de ce QR a été annulée."),
}

UNKNOWN_TO_CENTRE: Final[Mapping[str, Words]] = {
    "tries": Words("wrong codes typed at the door", "les codes erronés saisis à la porte"),
    "lockdown": Words("a lockdown ordered at the gateway itself", "un verrouillage ordonné à la passerelle"),
    "evacuation": Words("an evacuation in progress at the gateway", "une évacuation en cours à la passerelle"),
    "allowance": Words(
        "uses of the pass not yet reported to the centre", "les usages de l'abonnement non encore remontés"
    ),
    "supervision": Words(
        "whether a host was inside, according to the gateway", "la présence d'un encadrant selon la passerelle"
    ),
    "passback": Words("where the member was, according to the gateway", "la position du membre selon la passerelle"),
    "limit": Words(
        "how many people were inside, according to the gateway", "le nombre de présents selon la passerelle"
    ),
    "pin": Words("which PIN was typed", "le code PIN saisi"),
}
"""Checks that use the gateway's own state, which the centre doesn't have for past decisions."""
