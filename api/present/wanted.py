"""What a search for seats asks for, and the reason why a place can't offer it whatever its numbers. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

from access.openings import next_turn
from access.schedules import Schedule
from api.http.timestamps import to_datetime
from api.http.words import Words
from api.present.network import Place, unaccented

Code = Literal[
    "building", "preparation", "no_such_space", "too_small", "no_equipment", "no_accessibility", "too_dear",
    "pass_elsewhere", "pass_not_valid", "pass_hours", "closed", "lockdown", "closes_early", "booked", "full",
    "unlikely", "unknown",
]  # fmt: skip

WORDS: Final[Mapping[Code, Words]] = {
    "building": Words(
        "This is a building that could become a place.", "C'est un bâtiment qui pourrait devenir un lieu."
    ),
    "preparation": Words("The place is in preparation.", "Le lieu est en préparation."),
    "no_such_space": Words("There is no such space here.", "Il n'y a pas d'espace de ce type ici."),
    "too_small": Words("There aren't that many seats here.", "Le lieu n'a pas autant de places."),
    "no_equipment": Words("Not in the place's equipment: {what}.", "Équipement absent : {what}."),
    "no_accessibility": Words("Not known to be accessible: {what}.", "Accessibilité non indiquée : {what}."),
    "too_dear": Words("There is no price like that here.", "Aucun tarif de ce type ici."),
    "pass_elsewhere": Words("The pass isn't valid in this place.", "L'abonnement n'est pas valable dans ce lieu."),
    "pass_not_valid": Words("The pass isn't valid at that time.", "L'abonnement n'est pas valable à ce moment-là."),
    "pass_hours": Words("That is outside the hours of the pass.", "C'est en dehors des horaires de l'abonnement."),
    "closed": Words("The place is closed at that time.", "Le lieu est fermé à ce moment-là."),
    "lockdown": Words("The place is closed by a lockdown.", "Le lieu est fermé par un verrouillage."),
    "closes_early": Words("The place closes before the end.", "Le lieu ferme avant la fin."),
    "booked": Words("The seats are booked.", "Les places sont réservées."),
    "full": Words("The seats are taken.", "Les places sont occupées."),
    "unlikely": Words("The place will probably be full.", "Le lieu sera probablement complet."),
    "unknown": Words("It isn't known how many seats are free.", "On ne sait pas combien de places sont libres."),
}
"""By reason; ``{what}`` is what is missing."""


_NOT_OPEN: Final[Mapping[str, Code]] = {"building": "building", "preparation": "preparation"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Why a place isn't offered."""

    code: Code
    what: str = ""

    @property
    def words(self) -> Words:
        """The reason as a sentence."""
        known = WORDS[self.code]
        return Words(known.en.format(what=self.what), known.fr.format(what=self.what))


_ELSEWHERE: Final = Why(code="pass_elsewhere")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitled:
    """What a pass entitles to. ``places`` None: everywhere; times in microseconds, None: no limit."""

    places: frozenset[int] | None
    valid_from: int | None = None
    valid_until: int | None = None
    schedule: Schedule | None = None
    """None: at any hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Seats, from ``start`` until ``end`` (microseconds; the same for an arrival), and what else there must be."""

    seats: int
    start: int
    end: int
    kind: str | None = None
    equipment: tuple[str, ...] = ()
    accessibility: tuple[str, ...] = ()
    price_category: str | None = None
    price_unit: str | None = None
    most_cents: int | None = None
    passes: tuple[Entitled, ...] | None = None
    """One of them must be valid; None: it doesn't matter."""

    @property
    def last(self) -> int:
        """The last instant that counts: that of the arrival, or the one before the end."""
        return max(self.start, self.end - 1)


def unfit(place: Place, wanted: Wanted) -> Why | None:
    """Return why ``place`` can't offer what is wanted, whatever its numbers; None: it may."""
    if place.status != "open":
        return Why(code=_NOT_OPEN.get(place.status, "closed"))
    if wanted.kind is not None and all(space.kind != wanted.kind for space in place.spaces):
        return Why(code="no_such_space")
    missing = [one for one in wanted.equipment if unaccented(one) not in place.has]
    if missing:
        return Why(code="no_equipment", what=", ".join(missing))
    missing = [one for one in wanted.accessibility if unaccented(one) not in place.accessible]
    if missing:
        return Why(code="no_accessibility", what=", ".join(missing))
    if not _priced(place, wanted):
        return Why(code="too_dear")
    return None if wanted.passes is None else _refused(place, wanted, wanted.passes)


def _priced(place: Place, wanted: Wanted) -> bool:
    if wanted.price_category is None and wanted.price_unit is None and wanted.most_cents is None:
        return True
    return any(
        (wanted.price_category is None or unaccented(one["category"]) == unaccented(wanted.price_category))
        and (wanted.price_unit is None or one["unit"] == wanted.price_unit)
        and (wanted.most_cents is None or one["amount"] <= wanted.most_cents)
        for one in place.prices or ()
    )


def _refused(place: Place, wanted: Wanted, passes: tuple[Entitled, ...]) -> Why | None:
    here = [one for one in passes if one.places is None or place.id in one.places]
    if not here:
        return _ELSEWHERE
    then = [
        one
        for one in here
        if (one.valid_from is None or one.valid_from <= wanted.start)
        and (one.valid_until is None or wanted.last < one.valid_until)
    ]
    if not then:
        return Why(code="pass_not_valid")
    if any(one.schedule is None for one in then):
        return None
    start, last = to_datetime(wanted.start), to_datetime(wanted.last)
    zone = place.zone
    if any(zone is not None and one.schedule is not None and _covers(one.schedule, start, last, zone) for one in then):
        return None
    return Why(code="pass_hours")


def _covers(schedule: Schedule, start: datetime, last: datetime, zone: ZoneInfo) -> bool:
    """Whether ``schedule`` is open from ``start`` through ``last`` without a break."""
    if not schedule.covers(start, zone):
        return False
    closes = next_turn(schedule, start, zone, days=max(1, (last - start).days + 1))
    return closes is None or closes > last
