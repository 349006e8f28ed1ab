"""The kinds of alarms in the words of people, for whoever shows them: dashboards, pages, answers of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class KindWords(NamedTuple):
    """A kind of alarm in both languages."""

    fr: str
    en: str


KINDS: Final[Mapping[str, KindWords]] = {
    "epoch_change": KindWords("mémoire de passerelle perdue", "gateway's memory lost"),
    "identity_conflict": KindWords("deux machines sous un nom", "two machines under one name"),
    "unreadable_events": KindWords("événements illisibles en nombre", "many unreadable events"),
    "use_refused": KindWords("usage d'un forfait refusé", "use of a pass refused"),
    "clock_wrong": KindWords("horloge fausse", "clock wrong"),
    "storing_refused": KindWords("enregistrement refusé", "storing refused"),
    "spool_fault": KindWords("mémoire de passerelle abîmée", "gateway's memory damaged"),
    "mark_stuck": KindWords("événements qui n'arrivent plus", "events no longer arrive"),
    "disk_refuses": KindWords("disque de passerelle plein ou en panne", "gateway's disk full or broken"),
    "door_forced": KindWords("porte forcée", "door forced"),
    "door_unexplained": KindWords(
        "porte ouverte sans badge, poignée ou effraction", "door opened without a badge: handle or break-in"
    ),
    "door_held": KindWords("porte restée ouverte", "door left open"),
    "tamper": KindWords("appareil ouvert ou arraché", "device opened or torn off"),
    "lock_commanded_elsewhere": KindWords(
        "serrure commandée par un autre que la passerelle", "lock commanded by something other than the gateway"
    ),
    "too_many_tries": KindWords("codes ou badges inconnus à répétition", "unknown codes or badges, again and again"),
    "device_fault": KindWords("appareil en défaut", "device in trouble"),
    "devices_silent": KindWords("appareils muets", "silent devices"),
    "battery_low": KindWords("pile faible", "battery low"),
    "link_bad": KindWords("liaison radio mauvaise", "bad radio link"),
    "device_stuck": KindWords("capteur bloqué", "sensor stuck"),
    "mail_given_up": KindWords("courriel qui n'a pas pu être envoyé", "mail that could not be sent"),
    "not_shut_out": KindWords(
        "passerelle exclue que le serveur MQTT accepte peut-être encore",
        "excluded gateway that the MQTT server may still accept",
    ),
    "counter_stuck": KindWords("compteur qui ne compte plus", "counter that no longer counts"),
    "list_refused": KindWords("liste d'accès refusée", "access list refused"),
    "command_refused": KindWords("ordre refusé", "command refused"),
    "certificate_refused": KindWords("certificat refusé par une passerelle", "certificate refused by a gateway"),
    "certificate_ending": KindWords("certificat bientôt expiré", "certificate soon expired"),
    "list_drift": KindWords("liste d'accès différente", "access list differs"),
    "list_ahead": KindWords("liste d'accès trop récente", "access list too new"),
    "configuration_refused": KindWords(
        "configuration refusée par une passerelle", "configuration refused by a gateway"
    ),
    "configuration_drift": KindWords(
        "configuration différente sur une passerelle", "configuration differs on a gateway"
    ),
    "configuration_held": KindWords("configuration restée en arrière", "configuration held back"),
    "configuration_unusable": KindWords("configuration impossible à faire", "configuration can't be made"),
    "list_stuck": KindWords("liste d'accès impossible à faire", "access list can't be made"),
    "booking_cancelled": KindWords(
        "réservation annulée, la salle était prise", "booking cancelled, the room was taken"
    ),
    "hours_unreadable": KindWords("horaires d'ouverture illisibles", "opening hours unreadable"),
    "schedule_unusable": KindWords("horaire illisible", "schedule unreadable"),
}
"""By the word in ``alarm.kind``; docs/operate.md explains each."""
