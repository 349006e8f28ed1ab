"""What the pages say of free seats: one line a place, from an answer of ``/v1/availability``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from api.http.timestamps import to_datetime, to_us
from api.present.network import Place
from api.present.opening import opening_of

_LIKELY: Final = ((0.95, "sure"), (0.75, "very"), (0.5, "likely"), (0.25, "little"), (0.0, "hardly"))
"""The word for a chance, from which chance on."""
_STEP_FREE: Final = ("plain pied", "step free", "pmr", "fauteuil", "wheelchair", "sans marche")
"""What profiles write of an entrance without steps, as ``Place.accessible`` has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The seats of one place."""

    place: Place
    state: str
    """``free`` (counted), ``likely`` (a chance), ``unknown``, or the reason of the API why it isn't offered."""
    why: Mapping[str, str] | None = None
    """The reason as a sentence, by language."""
    distance_km: float | None = None
    low: int | None = None
    high: int | None = None
    rough: bool = False
    """The number is an estimate."""
    minutes_old: int | None = None
    """How old the number is."""
    chance: float | None = None
    likely: str = ""
    """The word for the chance: ``sure``, ``very``, ``likely``, ``little``, ``hardly``."""
    unbooked: int | None = None
    open: bool | None = None
    changes: datetime | None = None
    """When it closes or opens next."""
    step_free: bool = False


def lines_of(answer: Mapping[str, Any], known: Mapping[str, Place], at: datetime) -> list[Line]:
    """Return the places of an answer: offered ones, unknown ones, the others with the reason; each in its order.

    Args:
        answer: of ``/v1/availability``.
        known: the network's places by code.
        at: the time that it is about.
    """
    found = []
    for name, line in (("places", _offered), ("unknown", _unknown), ("not_offered", _refused)):
        for row in answer[name]:
            place = known.get(row["place"])
            if place is not None:
                about = {"place": place, "distance_km": row["distance_km"], **_house(place, at)}
                found.append(Line(**about, **line(row)))
    return found


def in_order(lines: Iterable[Line], places: Iterable[Place]) -> list[Line]:
    """Return the lines in the order of the member's own places."""
    order = {place.code: number for number, place in enumerate(places)}
    return sorted(lines, key=lambda one: order.get(one.place.code, len(order)))


def word_of(chance: float) -> str:
    """Return the word for a chance."""
    return next(word for least, word in _LIKELY if chance >= least)


def steps_free(place: Place) -> bool:
    """Whether a place says that one gets in without steps."""
    return any(word in text for text in place.accessible for word in _STEP_FREE)


def _offered(row: Mapping[str, Any]) -> dict[str, Any]:
    free = row["free"] or {}
    line = {"low": free.get("low"), "high": free.get("high")}
    if "chance" not in row:
        return {**line, "state": "free", "minutes_old": _age(row), "rough": row["quality"] != "live"}
    likely = "" if row["chance"] is None else word_of(row["chance"])
    return {**line, "state": "likely", "chance": row["chance"], "likely": likely, "unbooked": row["unbooked"]}


def _unknown(row: Mapping[str, Any]) -> dict[str, Any]:
    age = None if "chance" in row else _age(row)
    return {"state": "unknown", "minutes_old": age, "unbooked": row.get("unbooked")}


def _refused(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"state": row["reason"], "why": row["text"]}


def _age(row: Mapping[str, Any]) -> int | None:
    if row["at"] is None:
        return None
    return max(0, (datetime.now(UTC) - datetime.fromisoformat(row["at"])) // timedelta(minutes=1))


def _house(place: Place, at: datetime) -> dict[str, Any]:
    opening = opening_of(place, to_us(at))
    changes = None if opening.changes is None else to_datetime(opening.changes)
    return {"open": opening.open, "changes": changes, "step_free": steps_free(place)}
