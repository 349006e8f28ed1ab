"""Small networks for the tests of the API's rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from api.http.compact_json import compact
from api.present.geography import Point
from api.present.network import Network, Place, Space, detail, summary
from api.present.occupancy import GatewayState, SpaceState
from occupancy.staleness import SECOND

NOW = 1_795_000_000 * SECOND


def a_place(number: int, **changes: Any) -> Place:
    """Place ``number`` with spaces 10·number (root, 30) and 10·number + 1 (open space, 24), gateway ``number``."""
    root = Space(
        id=10 * number, place=number, code="place", name="All", kind="place", parent=None, capacity=30, generated=True
    )
    inner = replace(
        root,
        id=10 * number + 1,
        code="open",
        kind="open_space",
        parent=10 * number,
        capacity=24,
        for_work=True,
        desks=20,
    )
    values: dict[str, Any] = {
        "id": number,
        "code": f"place-{number}",
        "name": f"Place {number}",
        "point": Point(latitude=45.0 + number / 10, longitude=1.0),
        "time_zone": "Europe/Paris",
        "address": None,
        "postcode": None,
        "commune": None,
        "commune_code": None,
        "department": "87",
        "region": None,
        "website": None,
        "typology": None,
        "opening_hours": None,
        "hours_generated": False,
        "source": "test",
        "generated": False,
        "spaces": (root, inner),
        "gateways": frozenset({number}),
    }
    place = Place(**(values | changes))
    return replace(place, search=place.words, summary=compact(summary(place)), detail=compact(detail(place)))


def a_network(count: int, **changes: Any) -> Network:
    return Network(a_place(number, **changes) for number in range(1, count + 1))


def a_state(space: int, revision: int, present: int | None, *, at: int = NOW, **changes: Any) -> SpaceState:
    values: dict[str, Any] = {
        "space": space,
        "place": space // 10,
        "revision": revision,
        "present": present,
        "low": present,
        "high": present,
        "capacity": None,
        "quality": "unknown" if present is None else "live",
        "at": at,
        "ttl_s": 600,
        "changed": at,
    }
    return SpaceState(**(values | changes))


def a_gateway(number: int, *, heard: int = NOW, online: bool = True, spool_depth: int | None = 0) -> GatewayState:
    complete = heard if online and spool_depth == 0 else None
    return GatewayState(
        gateway=number, place=number, online=online, heard=heard, spool_depth=spool_depth, complete=complete
    )
