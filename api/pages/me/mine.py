"""The places that a member uses: home, those booked of late, those of their passes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode

from fastapi import Request

from api.pages.asking import Answer, ask
from api.present.network import Place

MOST: Final = 8
"""Places that are shown as the member's."""
_LATE: Final = timedelta(days=60)


async def asked_of_late(request: Request, member: str) -> tuple[Answer, Answer, Answer]:
    """Ask who they are, for their passes, and for their bookings to come and of the last two months."""
    since = urlencode({"from": (datetime.now(UTC) - _LATE).isoformat()})
    me, passes, bookings = await asyncio.gather(
        ask(request, "GET", "/v1/me"),
        ask(request, "GET", f"/v1/members/{quote(member, safe='')}/passes"),
        ask(request, "GET", f"/v1/bookings?{since}"),
    )
    return me, passes, bookings


def places_used(
    home: str | None,
    passes: Iterable[Mapping[str, Any]],
    bookings: Iterable[Mapping[str, Any]],
    known: Mapping[str, Place],
) -> list[Place]:
    """Return the open places of a member: home, then those booked last, then those of valid passes."""
    now = datetime.now(UTC)
    codes = [home] if home else []
    codes += [one["place"] for one in bookings]
    for one in passes:
        ended = one["valid_until"] is not None and datetime.fromisoformat(one["valid_until"]) <= now
        if one["revoked_at"] is None and not ended:
            codes += [part["place"] for part in one["places"]]
    found = [known[code] for code in dict.fromkeys(codes) if code in known and known[code].status == "open"]
    return found[:MOST]
