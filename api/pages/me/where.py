"""Names and time zones of places for a member's pages, from memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from fastapi import Request

from api.pages.asking import Answer, Missing
from api.pages.person import signed_in
from api.present.network import Place
from api.present.state import loaded_board

COMMON_ZONE: Final = "Europe/Paris"


def own_ref(request: Request) -> str:
    """Return the member who is signed in.

    Raises:
        SignedOut: nobody is.
        Missing: it is somebody who isn't a member.
    """
    member = signed_in(request).member
    if member is None:
        raise Missing
    return member


async def places_known(request: Request) -> Mapping[str, Place]:
    """Return the network's places by code."""
    return (await loaded_board(request)).network.by_code


def named(places: Mapping[str, Place], code: str | None) -> dict[str, str]:
    """Return a place's name and time zone; of one that isn't known yet, its code and the network's."""
    place = places.get(code or "")
    return {"place_name": place.name if place else code or "", "zone": place.time_zone if place else COMMON_ZONE}


def rows(answer: Answer, name: str, places: Mapping[str, Place] | None = None) -> list[dict[str, Any]]:
    """Return the rows of a list that the API answered; with ``places``, each with its place's name and zone."""
    found: Iterable[dict[str, Any]] = answer.body[name] if answer.good else ()
    return [one if places is None else {**one, **named(places, one["place"])} for one in found]
