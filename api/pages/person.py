"""Who looks at a page: their role, their places, what they may. Decides what is shown, never what the API allows."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from fastapi import Request

from api.http.callers import CachedCaller, session_cookie_of
from api.http.errors import KeyRefused
from api.http.roles import Permission, permissions_of
from api.http.session import Caller, joining
from api.http.state import shared
from api.pages.asking import Missing, SignedOut, joined_of
from api.present.network import Place
from api.present.state import loaded_board

STAFF: Final = ("network_administrator", "place_manager", "front_desk", "auditor")
"""Roles for which the pages of ``/manage`` are."""
_MARK_DIGITS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who is signed in."""

    role: str
    places: frozenset[int] | None
    """Ids of the only places that they reach; None: all of the network."""
    permissions: frozenset[Permission]
    member: str | None
    """Their reference, if they are signed in as a member."""
    mark: str = ""
    """Of who it is, whatever the session: in the forms that they are shown."""

    @property
    def manages(self) -> bool:
        """Whether the pages of ``/manage`` are for them."""
        return self.role in STAFF

    def may(self, *permissions: Permission) -> bool:
        """Whether they have one of ``permissions``."""
        return not self.permissions.isdisjoint(permissions)

    def reaches(self, place: Place) -> bool:
        """Whether this place is one of theirs."""
        return self.places is None or place.id in self.places


async def person_of(request: Request) -> Person | None:
    """Return who is signed in by the cookie of ``request``; None: nobody.

    The database is asked: what a page shows from memory it shows to nobody whose session has ended.

    Raises:
        Unavailable, LimitReached: it can't be checked now. Nobody is signed out by that.
    """
    key = session_cookie_of(request)
    if not key:
        return None
    keys = shared(request).keys
    caller: Caller | CachedCaller | None
    if request.method == "GET" and keys.has_known(key):
        caller = await _entered(request, key)
    else:
        caller = await keys.holder(key, request)
    if caller is None:
        return None
    places = None if caller.places is None else frozenset(caller.places)
    permissions = permissions_of(caller.role, caller.scopes, bound=places is not None)
    who = caller.operator or caller.member
    mark = sha256(who.encode()).hexdigest()[:_MARK_DIGITS] if who else ""
    return Person(role=caller.role or "", places=places, permissions=permissions, member=caller.member, mark=mark)


async def _entered(request: Request, key: str) -> Caller | None:
    """Enter the transaction of the page's reads with a key that was valid not long ago; None: it has ended."""
    keys = shared(request).keys
    try:
        caller = await joining(request, key, joined_of(request))
    except KeyRefused:
        keys.forget(key)
        return None
    kept = CachedCaller(
        id=caller.id,
        role=caller.role,
        scopes=list(caller.scopes or ()),
        places=None if caller.places is None else list(caller.places),
        member=caller.member,
        operator=caller.operator,
    )
    keys.found(key, kept)
    return caller


def signed_in(request: Request) -> Person:
    """Return who is signed in, as ``PageRoute`` found it.

    Raises:
        SignedOut: nobody.
    """
    person: Person | None = request.state.person
    if person is None:
        raise SignedOut
    return person


async def managed_place(request: Request, code: str, *permissions: Permission) -> Place:
    """Return the place of a page of ``/manage/{place}``.

    Raises:
        SignedOut: nobody is signed in.
        Missing: there is no such place, it isn't theirs, or they have none of ``permissions`` (none given: any staff).
        Unavailable: the network isn't loaded yet.
    """
    person = signed_in(request)
    place = (await loaded_board(request)).network.by_code.get(code)
    if place is None or not person.manages or not person.reaches(place):
        raise Missing
    if permissions and not person.may(*permissions):
        raise Missing
    return place


async def managed_places(request: Request) -> list[Place]:
    """Return the places that a signed-in manager reaches, by name; empty: they manage none."""
    person = signed_in(request)
    if not person.manages:
        return []
    board = await loaded_board(request)
    return sorted((one for one in board.network.places if person.reaches(one)), key=lambda one: one.name)
