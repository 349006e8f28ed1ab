"""The place that a request names, once the key is known to reach it: events carry no row-level security."""

from __future__ import annotations

from api.http.errors import ScopeMissing
from api.http.named import place_named, place_of_path
from api.http.roles import Permission
from api.http.session import Session


async def reached_place(s: Session, code: str, permission: Permission, *, field: str | None = None) -> int:
    """The id of the place ``code``, of the path or of the body's ``field``.

    Raises:
        NotFound, BadField: there is none.
        ScopeMissing: the key is bound to other places.
    """
    place, _ = await (place_of_path(s, code) if field is None else place_named(s, code, field))
    if s.caller.places is not None and place not in s.caller.places:
        raise ScopeMissing(permission, of=code)
    return place
