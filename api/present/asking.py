"""What a query for free seats asks: the area, the window and the rest, checked. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from api.http.errors import Ambiguous, BadQuery, NoSuchPlace
from api.http.timestamps import parse_rfc3339, rfc3339
from api.present.availability_models import AvailabilityQuestion
from api.present.communes import CANDIDATES, Commune, Communes
from api.present.geography import Point, parse_box, parse_point
from api.present.looking import Where
from api.present.network import Network, Place

RADIUS_KM: Final = 30.0
LATE_US: Final = 120 * 1_000_000
"""A client's clock may be late by so much."""
AHEAD_DAYS: Final = 366
LONGEST_DAYS: Final = 14
_DAY_US: Final = 24 * 3600 * 1_000_000
_FAR_KM: Final = 1_000
"""A point is probably wrong if no place is that near."""
_NUMBERS: Final = re.compile(r"[\s+\-.,;0-9eE°]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The area of a search, and what named it."""

    where: Where
    commune: Commune | None = None
    place: Place | None = None


def names_commune(question: AvailabilityQuestion) -> bool:
    """Whether `near` is a name rather than a point."""
    return question.near is not None and not (_NUMBERS.fullmatch(question.near) and "," in question.near)


def area_of(question: AvailabilityQuestion, network: Network, communes: Communes) -> Asked:
    """Return where to look.

    Raises:
        BadQuery: no area, a point that can't be meant, a department without places.
        Ambiguous: a name that several communes have, or none.
        NoSuchPlace: ``place`` or one of ``only`` names none.
    """
    given = [question.near, question.place, question.bbox, question.department, question.only or None]
    if all(one is None for one in given):
        raise BadQuery("near", "give a point or a commune with `near`, or `place`, `bbox`, `department` or `only`")
    for code in question.only:
        if code not in network.by_code:
            raise NoSuchPlace(code)
    if question.near is not None and question.place is not None:
        raise BadQuery("place", "give `near` or `place`, not both")
    point, commune, place = None, None, None
    if question.place is not None:
        place = network.by_code.get(question.place)
        if place is None:
            raise NoSuchPlace(question.place)
        point = place.point
    elif question.near is not None and names_commune(question):
        commune = commune_of(question.near, communes)
        point = commune.point
    elif question.near is not None:
        point = _point(question.near, network)
    limited = question.bbox is not None or question.department is not None
    radius = question.radius_km
    if point is None and radius is not None:
        raise BadQuery("radius_km", "is the distance from `near` or `place`, which is missing")
    where = Where(
        point=point,
        radius_km=RADIUS_KM if radius is None and point is not None and not limited else radius,
        box=None if question.bbox is None else parse_box(question.bbox),
        department=None if question.department is None else question.department.upper(),
        only=frozenset(question.only) or None,
    )
    return Asked(where=where, commune=commune, place=place)


def commune_of(name: str, communes: Communes) -> Commune:
    """Return the one commune of that name.

    Raises:
        Ambiguous: several have it, or none; the candidates say which.
    """
    found = communes.named(name)
    if len(found) == 1:
        return found[0]
    if found:
        shown = [_candidate(one) for one in found[:CANDIDATES]]
        text = (
            f"{len(found)} communes are called {name!r}: add the department or the postcode, as in {found[0].label!r}"
        )
        raise Ambiguous("near", text, shown)
    like = communes.like(name)
    meant = f"; perhaps {like[0].label!r}?" if like else " of France"
    raise Ambiguous("near", f"no commune is called {name!r}{meant}", [_candidate(one) for one in like])


def window_of(question: AvailabilityQuestion, now: int) -> tuple[int, int] | None:
    """Return the start and end of the window (µs), the same instant for an arrival; None: now.

    Raises:
        BadQuery: it ends before it begins, is past, too far ahead or too long; or `at` and `from` are mixed.
    """
    if question.at is not None:
        if question.from_ is not None or question.until is not None:
            raise BadQuery("at", "give `at`, or `from` and `until`, not both")
        start = end = parse_rfc3339(question.at)
        name = "at"
    elif question.from_ is None and question.until is None:
        return None
    else:
        if question.until is None:
            raise BadQuery("until", "a window needs both `from` and `until`")
        start = now if question.from_ is None else parse_rfc3339(question.from_)
        end = parse_rfc3339(question.until)
        name = "from"
        if end <= start:
            raise BadQuery("until", "the window ends before it begins, or is empty")
    if start < now - LATE_US:
        was = "what was is at /v1/places/{place}/history"
        raise BadQuery(name, f"is in the past: give a time to come, as {_tomorrow(now)}; {was}")
    if start > now + AHEAD_DAYS * _DAY_US:
        raise BadQuery(name, f"is more than a year ahead: give a time until then, as {_tomorrow(now)}")
    if end - start > LONGEST_DAYS * _DAY_US:
        raise BadQuery("until", f"a window is {LONGEST_DAYS} days at most")
    return start, end


def _tomorrow(now: int) -> str:
    """Return an example of a time that may be asked about."""
    minute = 60 * 1_000_000
    return str(rfc3339((now + _DAY_US) // minute * minute))


def _candidate(commune: Commune) -> dict[str, object]:
    return {
        "near": commune.label,
        "code": commune.code,
        "name": commune.name,
        "department": commune.department,
        "postcodes": commune.postcodes.split(),
    }


def _point(text: str, network: Network) -> Point:
    """Parse a point, and refuse one that isn't near any place.

    Raises:
        BadQuery: it is no point, or its latitude and longitude are probably swapped.
    """
    try:
        point = parse_point(text)
    except ValueError as error:
        swapped = _swapped(text)
        hint = "" if swapped is None else f"; did you swap them? Latitude comes first: {swapped}"
        raise BadQuery("near", f"{error}{hint}") from error
    if network.nearby.within_a_degree(point):
        return point
    away = network.nearby.nearest_km(point)
    if away is None or away <= _FAR_KM:
        return point
    turned = Point(latitude=point.longitude, longitude=point.latitude) if abs(point.longitude) <= 90 else None
    if turned is not None and (network.nearby.nearest_km(turned) or 0.0) <= _FAR_KM:
        swapped = f"{point.longitude:g},{point.latitude:g}"
        raise BadQuery("near", f"no place is within {_FAR_KM:,} km; did you swap them? Latitude comes first: {swapped}")
    raise BadQuery("near", f"no place is within {_FAR_KM:,} km: is this the point you mean?")


def _swapped(text: str) -> str | None:
    """Return a point the other way round, if that makes one."""
    parts = [part.strip() for part in text.split(",")]
    try:
        parse_point(",".join(reversed(parts)))
    except ValueError:
        return None
    return ",".join(reversed(parts))
