"""The kinds of alarms in the words of people, for whoever shows them: dashboards, pages, answers of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class InBoth(NamedTuple):
    """A text in both languages."""

    fr: str
    en: str


class Kind(NamedTuple):
    """A kind of alarm: its name, and what it means for a place and what to do."""

    words: InBoth
    advice: InBoth


KINDS: Final[Mapping[str, Kind]] = {
    "epoch_change": Kind(
        InBoth("mémoire de passerelle perdue", "gateway's memory lost"),
        InBoth(
            "La passerelle est repartie sans ce qu'elle gardait : des passages de cette période ont pu être perdus.",
            "The gateway started again without what it kept: passages of this period may be lost.",
        ),
    ),
    "identity_conflict": Kind(
        InBoth("deux machines sous un nom", "two machines under one name"),
        InBoth(
            "Deux machines se présentent sous le nom d'une même passerelle. L'administrateur du réseau doit changer "
            "son mot de passe.",
            "Two machines use the name of one gateway. The network's administrator must change its password.",
        ),
    ),
    "unreadable_events": Kind(
        InBoth("événements illisibles en nombre", "many unreadable events"),
        InBoth(
            "La passerelle envoie beaucoup de messages illisibles : les chiffres du lieu peuvent être faux. "
            "Prévenez l'administrateur du réseau.",
            "The gateway sends many messages that can't be read: the place's numbers may be wrong. Tell the "
            "network's administrator.",
        ),
    ),
    "use_refused": Kind(
        InBoth("usage d'un abonnement refusé", "use of a pass refused"),
        InBoth(
            "La passerelle a compté un abonnement qui ne vaut pas ici : rien n'est décompté. L'administrateur du "
            "réseau doit vérifier cette machine.",
            "The gateway counted a pass that isn't valid here: nothing is deducted. The network's administrator "
            "must check this machine.",
        ),
    ),
    "clock_wrong": Kind(
        InBoth("horloge fausse", "clock wrong"),
        InBoth(
            "L'horloge de la passerelle se trompe de plus de cinq minutes. Les portes continuent de décider. "
            "Remettez la machine à l'heure : l'alarme se terminera d'elle-même.",
            "The gateway's clock is off by more than five minutes. The doors go on deciding. Set the machine's "
            "clock: the alarm then ends by itself.",
        ),
    ),
    "storing_refused": Kind(
        InBoth("enregistrement refusé", "storing refused"),
        InBoth(
            "Les événements ne peuvent plus être enregistrés. Rien n'est perdu : les passerelles les gardent. "
            "Prévenez l'administrateur du réseau.",
            "Events can't be stored. Nothing is lost: the gateways keep them. Tell the network's administrator.",
        ),
    ),
    "spool_fault": Kind(
        InBoth("mémoire de passerelle abîmée", "gateway's memory damaged"),
        InBoth(
            "Ce que la passerelle gardait est abîmé : des passages ont pu être perdus. Faites vérifier son disque.",
            "What the gateway kept is damaged: passages may be lost. Have its disk checked.",
        ),
    ),
    "mark_stuck": Kind(
        InBoth("événements qui n'arrivent plus", "events no longer arrive"),
        InBoth(
            "La passerelle est en ligne, mais ce qu'elle envoie n'est plus enregistré : les chiffres du lieu ne "
            "sont plus à jour. Prévenez l'administrateur du réseau.",
            "The gateway is online, but what it sends is no longer stored: the place's numbers are out of date. "
            "Tell the network's administrator.",
        ),
    ),
    "disk_refuses": Kind(
        InBoth("disque de passerelle plein ou en panne", "gateway's disk full or broken"),
        InBoth(
            "Les portes s'ouvrent encore, mais la passerelle ne peut plus rien noter sur son disque. Libérez de la "
            "place ou changez le disque, avant de la redémarrer.",
            "Doors still open, but the gateway can't write to its disk. Make room or change the disk, before you "
            "restart it.",
        ),
    ),
    "door_forced": Kind(
        InBoth("porte forcée", "door forced"),
        InBoth(
            "La porte s'est ouverte sans avoir été déverrouillée. Allez voir, ou envoyez quelqu'un.",
            "The door opened without being unlocked. Go and look, or send somebody.",
        ),
    ),
    "door_unexplained": Kind(
        InBoth("porte ouverte sans badge, poignée ou effraction", "door opened without a badge: handle or break-in"),
        InBoth(
            "Quelqu'un est sorti par la poignée, ou la porte a été forcée : rien ne dit lequel des deux. Allez voir "
            "si personne ne devait être là.",
            "Somebody left by the handle, or the door was forced: nothing tells which. Go and look if nobody should "
            "have been there.",
        ),
    ),
    "door_held": Kind(
        InBoth("porte restée ouverte", "door left open"),
        InBoth(
            "La porte est ouverte depuis trop longtemps : n'importe qui peut entrer. Refermez-la.",
            "The door has been open for too long: anybody can come in. Close it.",
        ),
    ),
    "tamper": Kind(
        InBoth("appareil ouvert ou arraché", "device opened or torn off"),
        InBoth(
            "Le boîtier d'un appareil a été ouvert ou arraché. Allez voir, ou envoyez quelqu'un.",
            "The case of a device was opened or torn off. Go and look, or send somebody.",
        ),
    ),
    "lock_commanded_elsewhere": Kind(
        InBoth(
            "serrure commandée par un autre que la passerelle", "lock commanded by something other than the gateway"
        ),
        InBoth(
            "La serrure a reçu un ordre qui ne vient pas de la passerelle. Allez voir la porte, et faites changer "
            "les mots de passe des appareils du lieu.",
            "The lock was given an order that isn't the gateway's. Go and look at the door, and have the passwords "
            "of the place's devices changed.",
        ),
    ),
    "too_many_tries": Kind(
        InBoth("codes ou badges inconnus à répétition", "unknown codes or badges, again and again"),
        InBoth(
            "Quelqu'un essaie des codes ou des badges à cette porte. Elle ne répond plus pendant quelques minutes "
            "après trop d'essais ; allez voir si cela continue.",
            "Somebody tries codes or cards at this door. After too many tries it doesn't answer for some minutes; "
            "go and look if it goes on.",
        ),
    ),
    "device_fault": Kind(
        InBoth("appareil en défaut", "device in trouble"),
        InBoth(
            "Un appareil de la porte signale une panne. Essayez la porte, et faites-le réparer.",
            "A device of the door reports a fault. Try the door, and have it repaired.",
        ),
    ),
    "devices_silent": Kind(
        InBoth("appareils muets", "silent devices"),
        InBoth(
            "On n'entend plus ces appareils : vérifiez leur alimentation, leur pile et leur réseau. Les chiffres "
            "sont moins sûrs d'ici là ; l'alarme se terminera d'elle-même.",
            "These devices are no longer heard: check their power, battery and network. Numbers are less sure until "
            "then; the alarm ends by itself.",
        ),
    ),
    "battery_low": Kind(
        InBoth("pile faible", "battery low"),
        InBoth(
            "Changez bientôt les piles de ces appareils ; l'alarme se terminera d'elle-même.",
            "Change the batteries of these devices soon; the alarm ends by itself.",
        ),
    ),
    "link_bad": Kind(
        InBoth("liaison radio mauvaise", "bad radio link"),
        InBoth(
            "Ces appareils sont mal captés : rapprochez-les de leur antenne, ou retirez ce qui est entre les deux.",
            "These devices are heard badly: bring them nearer to their antenna, or take away what stands between.",
        ),
    ),
    "device_stuck": Kind(
        InBoth("capteur bloqué", "sensor stuck"),
        InBoth(
            "Ce que disent ces capteurs ne peut plus être vrai, par exemple un bureau occupé depuis trente heures. "
            "Redémarrez-les ou changez-les.",
            "What these sensors say can't be true any more, such as a desk taken for thirty hours. Restart or "
            "replace them.",
        ),
    ),
    "mail_given_up": Kind(
        InBoth("courriel qui n'a pas pu être envoyé", "mail that could not be sent"),
        InBoth(
            "Un courriel n'est pas parti malgré plusieurs essais. Prévenez la personne autrement, et vérifiez son "
            "adresse.",
            "A mail could not be sent in several tries. Tell the person by other means, and check the address.",
        ),
    ),
    "not_shut_out": Kind(
        InBoth(
            "passerelle exclue que le serveur MQTT accepte peut-être encore",
            "excluded gateway that the MQTT server may still accept",
        ),
        InBoth(
            "Une passerelle exclue, volée peut-être, n'est pas encore coupée du réseau. L'administrateur du réseau "
            "doit agir maintenant.",
            "An excluded gateway, perhaps a stolen one, isn't cut off yet. The network's administrator must act now.",
        ),
    ),
    "counter_stuck": Kind(
        InBoth("compteur qui ne compte plus", "counter that no longer counts"),
        InBoth(
            "Ce compteur n'a vu personne depuis trois jours, alors que des gens sont entrés. Regardez s'il est "
            "masqué, débranché ou déplacé.",
            "This counter has seen nobody for three days, though people came in. See whether it is covered, "
            "unplugged or moved.",
        ),
    ),
    "list_refused": Kind(
        InBoth("liste d'accès refusée", "access list refused"),
        InBoth(
            "La passerelle n'accepte pas la liste des droits qui lui est envoyée : les portes gardent l'ancienne. "
            "Prévenez l'administrateur du réseau.",
            "The gateway doesn't take the list of rights that it is sent: the doors keep the old one. Tell the "
            "network's administrator.",
        ),
    ),
    "command_refused": Kind(
        InBoth("ordre refusé", "command refused"),
        InBoth(
            "La passerelle n'a pas exécuté un ordre : vérifiez la porte, et donnez-le de nouveau.",
            "The gateway didn't carry out an order: check the door, and give it again.",
        ),
    ),
    "certificate_refused": Kind(
        InBoth("certificat refusé par une passerelle", "certificate refused by a gateway"),
        InBoth(
            "La passerelle garde son certificat d'avant, jusqu'à sa fin. Prévenez l'administrateur du réseau.",
            "The gateway keeps the certificate that it had, until that ends. Tell the network's administrator.",
        ),
    ),
    "certificate_ending": Kind(
        InBoth("certificat bientôt expiré", "certificate soon expired"),
        InBoth(
            "L'administrateur du réseau doit le renouveler avant cette date, sinon des machines ne se parleront plus.",
            "The network's administrator must renew it before that day, or machines will no longer talk to each other.",
        ),
    ),
    "list_drift": Kind(
        InBoth("liste d'accès différente", "access list differs"),
        InBoth(
            "La passerelle avait une autre liste de droits que la nôtre ; la bonne lui a été renvoyée. Si cela "
            "revient, prévenez l'administrateur du réseau.",
            "The gateway held another list of rights than ours; it was sent the right one. If it comes again, tell "
            "the network's administrator.",
        ),
    ),
    "list_ahead": Kind(
        InBoth("liste d'accès trop récente", "access list too new"),
        InBoth(
            "La passerelle a une liste de droits plus récente que la nôtre, comme après une base de données "
            "restaurée. Prévenez l'administrateur du réseau.",
            "The gateway holds a newer list of rights than ours, as after a restored database. Tell the network's "
            "administrator.",
        ),
    ),
    "configuration_refused": Kind(
        InBoth("configuration refusée par une passerelle", "configuration refused by a gateway"),
        InBoth(
            "La passerelle garde ses réglages d'avant. Corrigez l'appareil ou la porte que le détail nomme.",
            "The gateway keeps the settings that it had. Put right the device or door that the detail names.",
        ),
    ),
    "configuration_drift": Kind(
        InBoth("configuration différente sur une passerelle", "configuration differs on a gateway"),
        InBoth(
            "La passerelle avait d'autres réglages que les nôtres ; les bons lui ont été renvoyés. Si cela revient, "
            "prévenez l'administrateur du réseau.",
            "The gateway held other settings than ours; it was sent the right ones. If it comes again, tell the "
            "network's administrator.",
        ),
    ),
    "configuration_held": Kind(
        InBoth("configuration restée en arrière", "configuration held back"),
        InBoth(
            "Un opérateur a remis d'anciens réglages à cette passerelle : plus aucun changement du lieu ne lui "
            "parvient. L'administrateur du réseau peut lever ce blocage.",
            "An operator set this gateway back to old settings: no change of the place reaches it. The network's "
            "administrator can end that.",
        ),
    ),
    "configuration_unusable": Kind(
        InBoth("configuration impossible à faire", "configuration can't be made"),
        InBoth(
            "Une porte ou un appareil du lieu est mal décrit : la passerelle garde ses réglages d'avant. Corrigez "
            "ce que le détail nomme.",
            "A door or a device of the place is described wrongly: the gateway keeps the settings that it had. Put "
            "right what the detail names.",
        ),
    ),
    "list_stuck": Kind(
        InBoth("liste d'accès impossible à faire", "access list can't be made"),
        InBoth(
            "Les changements de droits n'arrivent plus aux portes de ce lieu, qui gardent l'ancienne liste. "
            "Prévenez l'administrateur du réseau.",
            "Changes of rights no longer reach the doors of this place, which keep the old list. Tell the network's "
            "administrator.",
        ),
    ),
    "booking_cancelled": Kind(
        InBoth("réservation annulée, la salle était prise", "booking cancelled, the room was taken"),
        InBoth(
            "Deux réservations se chevauchaient : la plus récente a été annulée. Prévenez la personne qui l'avait "
            "faite.",
            "Two bookings overlapped: the later one was cancelled. Tell the person who made it.",
        ),
    ),
    "hours_unreadable": Kind(
        InBoth("horaires d'ouverture illisibles", "opening hours unreadable"),
        InBoth(
            "On ne sait pas si le lieu est ouvert. Saisissez de nouveau ses horaires.",
            "It isn't known whether the place is open. Enter its hours again.",
        ),
    ),
    "schedule_unusable": Kind(
        InBoth("horaire illisible", "schedule unreadable"),
        InBoth(
            "Un horaire d'accès ne peut pas être lu : il n'ouvre aucune porte. Saisissez-le de nouveau.",
            "Hours of access can't be read: they open no door. Enter them again.",
        ),
    ),
    "retention_failed": Kind(
        InBoth("données personnelles gardées trop longtemps", "personal data kept for too long"),
        InBoth(
            "Des données à supprimer n'ont pas pu l'être à temps. L'administrateur du réseau doit s'en occuper.",
            "Data that must be deleted could not be in time. The network's administrator must see to it.",
        ),
    ),
    "retention_blocked": Kind(
        InBoth("anciens événements qui n'ont pas pu être supprimés", "old events could not be deleted"),
        InBoth(
            "Un autre programme tient ces données. L'administrateur du réseau doit l'arrêter ; la suppression "
            "reprend alors d'elle-même.",
            "Another program holds these data. The network's administrator must end it; they are then deleted.",
        ),
    ),
}
"""By the word in ``alarm.kind``; docs/operate.md says more of each."""
