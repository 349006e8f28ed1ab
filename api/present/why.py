"""Why a place's numbers are what they are: what each kind of source says, and how much it counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import Request

from api.http.joined import JOINED
from api.http.public_rows import public_rows
from api.http.session import session
from api.http.state import shared
from api.http.timestamps import rfc3339
from api.http.words import Words

_WHY: Final = """
-- what made the numbers of a place's spaces
SELECT s.code::text AS space, t.why FROM space_state t JOIN space s ON s.id = t.space
WHERE t.place = %s AND s.retired_at IS NULL ORDER BY s.parent NULLS FIRST, s.code
"""
KINDS: Final[Mapping[str, Words]] = {
    "counters": Words(
        "Counters at the doors: {entered} came and {left} left since nobody was in.",
        "Compteurs aux portes : {entered} entrées et {left} sorties depuis que le lieu était vide.",
    ),
    "badges": Words(
        "Cards read at the doors: members who may be in: {members}; people without their own badge: about {others}.",
        "Badges aux portes : membres peut-être présents : {members} ; personnes sans badge : environ {others}.",
    ),
    "badges_share": Words(
        "Cards read at the doors: members who may be in: {members}; people who came in without a badge: about "
        "{others}. Here {unbadged_pct} people come in without a badge for each hundred who badge.",
        "Badges aux portes : membres peut-être présents : {members} ; personnes entrées sans badger : environ "
        "{others}. Ici, pour cent personnes qui badgent, {unbadged_pct} entrent sans badger.",
    ),
    "badges_alone": Words(
        "Cards read at the doors: members who may be in: {members}; hardly anybody who came in without a badge.",
        "Badges aux portes : membres peut-être présents : {members} ; presque personne n’est entré sans badger.",
    ),
    "desks": Words(
        "Desk sensors: about {taken} of {watched} watched desks are taken, of {seats} seats.",
        "Capteurs de bureau : postes occupés : environ {taken} sur {watched} équipés, pour {seats} places.",
    ),
    "presence": Words(
        "Presence sensors watch the room as a whole: they say whether somebody is in, not how many.",
        "Détecteurs de présence : ils disent s’il y a quelqu’un dans la pièce, pas combien.",
    ),
    "seen": Words("A sensor counts {number} people.", "Un capteur compte {number} personnes."),
    "head_count": Words("Somebody counted {number} people.", "Quelqu’un a compté {number} personnes."),
    "air": Words(
        "Carbon dioxide: {ppm} ppm, where the air outside has {outside}. It says roughly how many people breathe here.",
        "Dioxyde de carbone : {ppm} ppm, contre {outside} dans l’air extérieur. Il indique à peu près combien de "
        "personnes respirent ici.",
    ),
    "stations": Words(
        "Wi-Fi: {stations} devices are connected, {background} of them also when nobody is in. It says roughly how "
        "many people are here.",
        "Wi-Fi : {stations} appareils connectés, dont {background} même quand il n’y a personne. Cela indique à peu "
        "près combien de personnes sont là.",
    ),
    "bookings": Words(
        "Bookings in force: {booked}. Here people come for {come_pct} of 100 bookings.",
        "Réservations en cours : {booked}. Ici, {come_pct} réservations sur 100 sont honorées.",
    ),
    "spaces": Words("The spaces within, taken together.", "Les espaces du lieu, additionnés."),
}
FAULTS: Final[Mapping[str, Words]] = {
    "swapped": Words(
        "A counter looks the wrong way round; entries and exits are exchanged.",
        "Un compteur est monté à l’envers ; entrées et sorties sont inversées.",
    ),
    "unbalanced": Words(
        "Counters miss one direction far more than the other.",
        "Les compteurs manquent bien plus de passages dans un sens que dans l’autre.",
    ),
    "absurd": Words(
        "A counter reported more people than can have passed; that report is left out.",
        "Un compteur a annoncé plus de passages que possible ; cette annonce est ignorée.",
    ),
    "silent": Words("A sensor no longer speaks.", "Un capteur ne répond plus."),
    "frozen": Words(
        "A counter reports nobody though people pass, or a CO2 sensor repeats one reading; it is left out.",
        "Un compteur ne compte personne alors que des gens passent, ou un capteur de CO2 répète la même mesure ; "
        "il est ignoré.",
    ),
    "stuck": Words(
        "A desk has been taken for longer than anybody stays.", "Un bureau est occupé depuis trop longtemps."
    ),
    "disagreeing": Words("Sources contradict each other.", "Des sources se contredisent."),
    "closed": Words(
        "People are in, though the place is closed.", "Des personnes sont présentes alors que le lieu est fermé."
    ),
}


BOUNDED: Final = Words(
    "Its own sensors say more, but nobody is here who isn't in what surrounds it: that bounds the number.",
    "Ses capteurs en disent plus, mais il ne peut pas y avoir ici plus de monde que dans l’espace qui l’entoure : le "
    "chiffre est limité à celui-là.",
)


async def why(request: Request, place: int) -> dict[str, Any]:
    """What made the numbers of the spaces of ``place``, by code.

    Raises:
        Unavailable: the database is down or too busy.
    """
    if JOINED in request.scope:  # asked by a page, which has a transaction
        async with session(request) as s:
            found = await s.rows(_WHY, (place,))
    else:
        found = await public_rows(shared(request).pool, _WHY, (place,))
    return {row["space"]: _explained(row["why"] or {}) for row in found}


def _explained(found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "evidence": [_evidence(one) for one in found.get("evidence", ())],
        "bounded": BOUNDED._asdict() if found.get("bounded") else None,
        "faults": [{"fault": one, **_text(FAULTS, one, {})} for one in found.get("faults", ())],
    }


def _evidence(one: Mapping[str, Any]) -> dict[str, Any]:
    """One kind of evidence; its text rounds numbers as people speak, the numbers beside it stay."""
    at, kind = one["at"], one["kind"]
    numbers = {name: round(value) if isinstance(value, float) else value for name, value in one["numbers"].items()}
    said = kind
    if kind == "badges":
        share = "badges_share" if "unbadged_pct" in numbers else kind  # an earlier release's evidence has none
        said = "badges_alone" if numbers.get("others") == 0 else share
    return {**one, "at": None if at is None else rfc3339(at), **_text(KINDS, said, numbers)}


def _text(words: Mapping[str, Words], name: str, numbers: Mapping[str, Any]) -> dict[str, Any]:
    """The words for ``name`` in both languages; a name that this release doesn't know stands for itself."""
    found = words.get(name, Words(name, name))
    try:
        return {"text": {"en": found.en.format(**numbers), "fr": found.fr.format(**numbers)}}
    except (KeyError, IndexError, ValueError):
        return {"text": {"en": name, "fr": name}}
