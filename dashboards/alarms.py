"""The kinds of alarms in the words of people."""

from __future__ import annotations

from typing import Final

from dashboards.panels import terms
from dashboards.words import Words

NAMES: Final = {
    "epoch_change": Words("mémoire de passerelle perdue", "gateway's memory lost"),
    "identity_conflict": Words("deux machines sous un nom", "two machines under one name"),
    "unreadable_events": Words("événements illisibles en nombre", "many unreadable events"),
    "use_refused": Words("usage d'un forfait refusé", "use of a pass refused"),
    "clock_wrong": Words("horloge fausse", "clock wrong"),
    "storing_refused": Words("enregistrement refusé", "storing refused"),
    "spool_fault": Words("mémoire de passerelle abîmée", "gateway's memory damaged"),
    "mark_stuck": Words("événements qui n'arrivent plus", "events no longer arrive"),
    "disk_refuses": Words("disque de passerelle plein ou en panne", "gateway's disk full or broken"),
    "door_forced": Words("porte forcée", "door forced"),
    "door_unexplained": Words(
        "porte ouverte sans badge, poignée ou effraction", "door opened without a badge: handle or break-in"
    ),
    "door_held": Words("porte restée ouverte", "door left open"),
    "tamper": Words("appareil ouvert ou arraché", "device opened or torn off"),
    "lock_commanded_elsewhere": Words(
        "serrure commandée par un autre que la passerelle", "lock commanded by something other than the gateway"
    ),
    "too_many_tries": Words("codes ou badges inconnus à répétition", "unknown codes or badges, again and again"),
    "device_fault": Words("appareil en défaut", "device in trouble"),
    "devices_silent": Words("appareils muets", "silent devices"),
    "battery_low": Words("pile faible", "battery low"),
    "link_bad": Words("liaison radio mauvaise", "bad radio link"),
    "device_stuck": Words("capteur bloqué", "sensor stuck"),
    "mail_given_up": Words("courriel qui n'a pas pu être envoyé", "mail that could not be sent"),
    "not_shut_out": Words(
        "passerelle exclue que le serveur MQTT accepte peut-être encore",
        "excluded gateway that the MQTT server may still accept",
    ),
    "counter_stuck": Words("compteur qui ne compte plus", "counter that no longer counts"),
    "list_refused": Words("liste d'accès refusée", "access list refused"),
    "command_refused": Words("ordre refusé", "command refused"),
    "certificate_refused": Words("certificat refusé par une passerelle", "certificate refused by a gateway"),
    "certificate_ending": Words("certificat bientôt expiré", "certificate soon expired"),
    "list_drift": Words("liste d'accès différente", "access list differs"),
    "list_ahead": Words("liste d'accès trop récente", "access list too new"),
    "configuration_refused": Words("configuration refusée par une passerelle", "configuration refused by a gateway"),
    "configuration_drift": Words("configuration différente sur une passerelle", "configuration differs on a gateway"),
    "configuration_held": Words("configuration restée en arrière", "configuration held back"),
    "configuration_unusable": Words("configuration impossible à faire", "configuration can't be made"),
    "list_stuck": Words("liste d'accès impossible à faire", "access list can't be made"),
    "booking_cancelled": Words("réservation annulée, la salle était prise", "booking cancelled, the room was taken"),
    "hours_unreadable": Words("horaires d'ouverture illisibles", "opening hours unreadable"),
    "schedule_unusable": Words("horaire illisible", "schedule unreadable"),
}

KINDS: Final = terms(NAMES)
"""Value mappings from an alarm's kind to words; one that isn't here shows as it is."""

TROUBLES: Final = terms(
    {
        "low_battery": Words("pile faible", "battery low"),
        "bad_link": Words("liaison mauvaise", "bad link"),
        "stuck": Words("valeur bloquée", "value stuck"),
    }
)
"""Value mappings from a device's trouble to words."""
