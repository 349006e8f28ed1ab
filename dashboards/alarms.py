"""The kinds of alarms in the words that French pages use."""

from __future__ import annotations

from typing import Final

from dashboards.panels import words

FRENCH: Final = {
    "epoch_change": "mémoire de passerelle perdue",
    "identity_conflict": "deux machines sous un nom",
    "unreadable_events": "événements illisibles en nombre",
    "use_refused": "usage d'un forfait refusé",
    "clock_wrong": "horloge fausse",
    "storing_refused": "enregistrement refusé",
    "spool_fault": "mémoire de passerelle abîmée",
    "mark_stuck": "événements qui n'arrivent plus",
    "disk_refuses": "disque de passerelle plein ou en panne",
    "door_forced": "porte forcée",
    "door_unexplained": "porte ouverte sans badge, poignée ou effraction",
    "door_held": "porte restée ouverte",
    "tamper": "appareil ouvert ou arraché",
    "lock_commanded_elsewhere": "serrure commandée par un autre que la passerelle",
    "too_many_tries": "codes ou badges inconnus à répétition",
    "device_fault": "appareil en défaut",
    "devices_silent": "appareils muets",
    "battery_low": "pile faible",
    "link_bad": "liaison radio mauvaise",
    "device_stuck": "capteur bloqué",
    "mail_given_up": "courriel qui n'a pas pu être envoyé",
    "not_shut_out": "passerelle exclue que le serveur MQTT accepte peut-être encore",
    "counter_stuck": "compteur qui ne compte plus",
    "list_refused": "liste d'accès refusée",
    "command_refused": "ordre refusé",
    "certificate_refused": "certificat refusé par une passerelle",
    "certificate_ending": "certificat bientôt expiré",
    "list_drift": "liste d'accès différente",
    "list_ahead": "liste d'accès trop récente",
    "configuration_refused": "configuration refusée par une passerelle",
    "configuration_drift": "configuration différente sur une passerelle",
    "configuration_held": "configuration restée en arrière",
    "configuration_unusable": "configuration impossible à faire",
    "list_stuck": "liste d'accès impossible à faire",
    "booking_cancelled": "réservation annulée, la salle était prise",
    "schedule_unusable": "horaire illisible",
}

KINDS: Final = words(FRENCH)
"""Value mappings from an alarm's kind to French; one that isn't here shows as it is."""

TROUBLES: Final = words({"low_battery": "pile faible", "bad_link": "liaison mauvaise", "stuck": "valeur bloquée"})
"""Value mappings from a device's trouble to French."""
