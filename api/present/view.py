"""The published state of a place: occupancy and free seats, as values and as JSON. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

from api.http.timestamps import rfc3339
from api.present.network import Place, Space
from api.present.occupancy import Occupancy
from api.present.seats import Seats
from occupancy.free_seats import Free


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The published state of a place: occupancy of the place and its spaces, free seats, and the JSON of these."""

    number: int
    place: Place
    changed: int | None
    root: Occupancy
    occupancies: tuple[tuple[Space, Occupancy], ...]
    """Of the root and the other spaces."""
    seats: Seats
    public: bool
    """For answers without a key."""
    body: bytes
    lean: bytes
    """As ``body``, without the spaces."""
    digest: int
    etag: bytes


def view_of(
    number: int,
    place: Place,
    changed: int | None,
    occupancies: tuple[tuple[Space, Occupancy], ...],
    seats: Seats,
    *,
    public: bool = False,
) -> View:
    """Create publication ``number`` of ``place``; ``occupancies``: the occupancy of its root and other spaces.

    What is for the public doesn't say when it changed: the centre stores the members' comings and goings.
    """
    root = next((one for space, one in occupancies if space.parent is None), Occupancy())
    # Formatted by hand, since this runs for each change: codes and kinds have no characters that JSON escapes.
    codes = {space.id: space.code for space in place.spaces}
    changed_at = "null" if changed is None or public else f'"{rfc3339(changed)}"'
    head = f'{{"place":"{place.code}",{root.as_json()},{_offer(seats)},"changed_at":{changed_at}'
    rows = ",".join(
        [
            f'{{"space":"{space.code}","kind":"{space.kind}","parent":"{codes[space.parent or 0]}",{one.as_json()},'
            f'"free":{_free(offer.free)},"booked_until":{_time(offer.booked_until)}}}'
            for (space, one), offer in zip(occupancies, seats.spaces, strict=True)
            if space.parent is not None
        ]
    )
    body = f'{head},"spaces":[{rows}]}}'.encode()
    digest = int.from_bytes(blake2b(body, digest_size=8).digest())
    return View(
        number=number,
        place=place,
        changed=changed,
        root=root,
        occupancies=occupancies,
        seats=seats,
        public=public,
        body=body,
        lean=f"{head}}}".encode(),
        digest=digest,
        etag=b'W/"%016x"' % digest,
    )


def _offer(seats: Seats) -> str:
    opening = seats.opening
    return (
        f'"seats":{_json(seats.seats)},"free":{_free(seats.free)},"open":{_json(opening.open)},'
        f'"locked":{_json(opening.locked)},"changes_at":{_time(opening.changes)}'
    )


def _free(free: Free | None) -> str:
    return "null" if free is None else f'{{"low":{free.low},"high":{free.high}}}'


def _json(value: bool | int | None) -> str:
    return "null" if value is None else str(value).lower()


@lru_cache(maxsize=4096)
def _time(at: int | None) -> str:
    return "null" if at is None else f'"{rfc3339(at)}"'
