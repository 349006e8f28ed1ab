"""``/me/passes``: a member's passes with what is left, the month's account so far, statements and prices."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.pages.asking import ask, read
from api.pages.me.where import COMMON_ZONE, named, own_ref, places_known, rows
from api.pages.rendering import page
from api.pages.routing import PageRoute
from api.present.network import Place

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_PARTS: Final = ("spaces", "doors", "door_groups")


@router.get("/me/passes")
async def passes(request: Request) -> Response:
    """The member's passes, and what they cost."""
    me = own_ref(request)
    now = datetime.now(UTC)
    today = now.astimezone(ZoneInfo(COMMON_ZONE)).date()
    month = today.isoformat()[:7]
    paths = (
        f"/v1/members/{me}/passes",
        f"/v1/members/{me}/account?month={month}",
        "/v1/statements",
        "/v1/rates",
        f"/v1/members/{me}/categories",
    )
    places = await places_known(request)
    held, account, statements, rates, categories = await asyncio.gather(
        read(request, paths[0]), *(ask(request, "GET", path) for path in paths[1:])
    )
    mine = {one["category"] for one in rows(categories, "categories") if _holds(one, today.isoformat())}
    priced = _priced(rows(rates, "rates"), mine, today.isoformat())
    shown = [_shown(one, places, priced) for one in held.body["passes"]]
    used = {one["rate"] for one in shown if one["in_force"]}
    return page(
        request,
        "me/passes.html",
        passes=[one for one in shown if one["in_force"]],
        former=[one for one in shown if not one["in_force"]],
        account=account.body if account.good else None,
        month=today.replace(day=1),
        statements=rows(statements, "statements"),
        prices=[one for one in priced.values() if one["code"] in used or one["billed"] == "booking"],
        zone=COMMON_ZONE,
    )


@router.get("/me/passes/statements/{ref}")
async def statement(ref: str, request: Request) -> Response:
    """One statement with its lines."""
    own_ref(request)
    answer, places = await asyncio.gather(read(request, f"/v1/statements/{quote(ref, safe='')}"), places_known(request))
    lines = [{**one, **named(places, one["place"])} for one in answer.body["lines"]]
    return page(request, "me/statement.html", statement=answer.body, lines=lines, zone=COMMON_ZONE)


def _shown(one: Mapping[str, Any], places: Mapping[str, Place], priced: Mapping[str, Any]) -> dict[str, Any]:
    """Add to a pass the names of its places, whether it is in force or to come, and its price."""
    now = datetime.now(UTC)
    over = one["valid_until"] is not None and datetime.fromisoformat(one["valid_until"]) <= now
    to_come = one["valid_from"] is not None and datetime.fromisoformat(one["valid_from"]) > now
    where = [
        {**named(places, part["place"]), "part": any(part[kind] is not None for kind in _PARTS)}
        for part in one["places"]
    ]
    return {
        **one,
        "where": where,
        "zone": where[0]["zone"] if where else COMMON_ZONE,
        "in_force": one["revoked_at"] is None and not over,
        "to_come": to_come,
        "price": priced.get(one["rate"]),
    }


def _holds(category: Mapping[str, Any], today: str) -> bool:
    return category["first"] <= today and (category["last"] is None or category["last"] >= today)


def _priced(rates: Iterable[Mapping[str, Any]], mine: set[str], today: str) -> dict[str, dict[str, Any]]:
    """Return each rate by code with the price that holds for the member today: of several, the lowest."""
    found = {}
    for rate in rates:
        in_force: dict[str | None, Mapping[str, Any]] = {}
        for price in sorted(rate["prices"], key=lambda one: str(one["first"])):
            if price["first"] <= today and (price["category"] is None or price["category"] in mine):
                in_force[price["category"]] = price
        if in_force:
            price = min(in_force.values(), key=_to_pay)
            vat = 1 + price["vat_permille"] / 1000
            cents, over = round(_to_pay(price) * vat), round(price["overuse_cents"] * vat)
            found[rate["code"]] = {**rate, "cents": cents, "overuse": over, "funded": price["funder"] is not None}
    return found


def _to_pay(price: Mapping[str, Any]) -> int:
    return round(int(price["cents"]) * (1000 - int(price["funder_permille"] or 0)) / 1000)
