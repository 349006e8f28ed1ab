"""``/manage/{place}/devices/…``: a device is added, assigned, changed, moved or retired."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.page import language_for
from api.pages.asking import Answer, Missing, ask, form_of, read
from api.pages.manage.device_words import device_faults, kind_word, kinds
from api.pages.manage.devices import names_of, where
from api.pages.person import managed_place
from api.pages.refusals import refusal, wrong_fields
from api.pages.rendering import page, say, text
from api.pages.routing import PageRoute
from api.present.network import Place

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

WRONG: Final = {
    "bad-field address": text("The driver can't read this address. Write it in the form that is shown."),
    "conflict address": text("Another device of this gateway has this address already."),
    "bad-field model": text("The driver needs the model, as it stands on the device's label."),
    "bad-field code": text("A short name is of small letters, digits and hyphens, and new at this gateway."),
    "bad-field door": text("This kind of device belongs to a door: choose one."),
    "bad-field desk": text("This kind of device belongs to a desk: choose one."),
    "bad-field space": text("This kind of device belongs to a space: choose one."),
    "bad-field kind": text("Say what kind of device it is."),
    "bad-field driver": text("There is no such driver, or it can't do this."),
    "conflict": text("This doesn't fit: the short name is taken, or a door would have two locks."),
}
_TARGETS: Final = ("door", "desk", "space")
_ANY: Final = {"if_match": "*"}


@router.get("/manage/{place}/devices/new")
async def new_form(place: str, request: Request) -> Response:
    """Ask what the device is."""
    one = await managed_place(request, place, "fitting:write")
    return await _new_page(request, one, {})


@router.post("/manage/{place}/devices/new")
async def add(place: str, request: Request) -> Response:
    """Add a device."""
    one = await managed_place(request, place, "fitting:write")
    fields = await form_of(request)
    body = {name: fields.get(name, "").strip() for name in ("gateway", "code", "kind", "driver", "address")}
    body |= _optional(fields) | _target(fields)
    answer = await ask(request, "POST", f"/v1/places/{one.code}/devices", body)
    if answer.good:
        return RedirectResponse(f"/manage/{one.code}/devices?done=added", 303)
    return await _new_page(request, one, fields, answer)


@router.get("/manage/{place}/devices/unassigned/{number}")
async def assign_form(place: str, number: int, request: Request) -> Response:
    """Ask where an unassigned device belongs."""
    one = await managed_place(request, place, "fitting:write")
    return await _assign_page(request, one, number, {})


@router.post("/manage/{place}/devices/unassigned/{number}")
async def assign(place: str, number: int, request: Request) -> Response:
    """Assign it."""
    one = await managed_place(request, place, "fitting:write")
    fields = await form_of(request)
    body = {**_target(fields), **_optional(fields), **_given(fields, "kind", "code")}
    answer = await ask(request, "POST", f"/v1/places/{one.code}/unassigned-devices/{number}/assign", body)
    if answer.good:
        return RedirectResponse(f"/manage/{one.code}/devices?done=assigned", 303)
    if answer.status == 404:
        raise Missing
    return await _assign_page(request, one, number, fields, answer)


@router.post("/manage/{place}/devices/unassigned/{number}/hide")
async def hide(place: str, number: int, request: Request) -> Response:
    """List it no more."""
    one = await managed_place(request, place, "fitting:write")
    await form_of(request)
    answer = await ask(request, "DELETE", f"/v1/places/{one.code}/unassigned-devices/{number}")
    if not answer.good:
        raise Missing
    return RedirectResponse(f"/manage/{one.code}/devices?done=hidden#unassigned", 303)


@router.get("/manage/{place}/devices/of/{gateway}/{device}")
async def device(place: str, gateway: str, device: str, request: Request) -> Response:
    """Show a device, to be changed."""
    one = await managed_place(request, place, "members:read")
    return await _device_page(request, one, gateway, device)


@router.post("/manage/{place}/devices/of/{gateway}/{device}")
async def change(place: str, gateway: str, device: str, request: Request) -> Response:
    """Change or move it; where a door would be left with no lock, ask first."""
    one = await managed_place(request, place, "fitting:write")
    fields = await form_of(request)
    body: dict[str, Any] = {
        "address": fields.get("address", "").strip(),
        "model": fields.get("model", "").strip() or None,
    }
    body |= _given(fields, "side")
    if fields.get("target", "") != fields.get("target_was", ""):
        body |= dict.fromkeys(_TARGETS) | _target(fields)
        if body["desk"] is not None:
            del body["space"]  # the desk's own
    every = fields.get("expect_every_min", "").strip()
    body["expect_every_s"] = int(every) * 60 if every.isascii() and every.isdigit() and len(every) < 7 else None
    return await _changed(request, one, (gateway, device), body, fields)


@router.get("/manage/{place}/devices/of/{gateway}/{device}/retire")
async def retire_asked(place: str, gateway: str, device: str, request: Request) -> Response:
    """Ask whether to take it out of service."""
    one = await managed_place(request, place, "fitting:write")
    answer = await read(request, _path(one, gateway, device))
    values = {"device": answer.body, "etag": answer.etag, "no_lock": False, "fields": {}, "retire": True}
    return page(request, "manage/devices/confirm.html", place=one, **_words(request, one, answer.body), **values)


@router.post("/manage/{place}/devices/of/{gateway}/{device}/retire")
async def retire(place: str, gateway: str, device: str, request: Request) -> Response:
    """Take it out of service."""
    one = await managed_place(request, place, "fitting:write")
    return await _changed(request, one, (gateway, device), {"retired": True}, await form_of(request))


@router.post("/manage/{place}/devices/of/{gateway}/{device}/return")
async def put_back(place: str, gateway: str, device: str, request: Request) -> Response:
    """Put it into service again."""
    one = await managed_place(request, place, "fitting:write")
    await form_of(request)
    answer = await ask(request, "PATCH", _path(one, gateway, device), {"retired": False}, **_ANY)
    if answer.status in (403, 404):
        raise Missing
    if not answer.good:
        return await _device_page(request, one, gateway, device, answer=answer)
    return RedirectResponse(f"/manage/{one.code}/devices?done=returned", 303)


async def _changed(
    request: Request, place: Place, path: tuple[str, str], body: dict[str, Any], fields: Mapping[str, str]
) -> Response:
    (gateway, device), done = path, "retired" if "retired" in body else "saved"
    if fields.get("confirm_no_lock") == "yes":
        body["confirm_no_lock"] = True
    answer = await ask(request, "PATCH", _path(place, gateway, device), body, if_match=fields.get("etag", ""))
    if answer.good:
        undo = "" if done != "retired" else "&" + urlencode({"gateway": gateway, "device": device})
        return RedirectResponse(f"/manage/{place.code}/devices?done={done}{undo}", 303)
    if answer.status == 404:
        raise Missing
    if answer.status == 409 and "confirm_no_lock" in wrong_fields(answer):
        now = await read(request, _path(place, gateway, device))
        kept = {name: value for name, value in fields.items() if name not in ("once", "confirm_no_lock", "etag")}
        values = {"device": now.body, "etag": fields.get("etag", ""), "no_lock": True, "fields": kept}
        values |= {"retire": done == "retired", **_words(request, place, now.body)}
        return page(request, "manage/devices/confirm.html", status=409, place=place, **values)
    return await _device_page(request, place, gateway, device, fields=fields, answer=answer)


async def _new_page(
    request: Request, place: Place, fields: Mapping[str, str], answer: Answer | None = None
) -> Response:
    drivers, gateways, desks = await asyncio.gather(
        read(request, "/v1/drivers"),
        read(request, f"/v1/places/{place.code}/gateways"),
        read(request, f"/v1/places/{place.code}/desks"),
    )
    values = {
        "drivers": drivers.body["drivers"],
        "gateways": gateways.body["gateways"],
        "kinds": kinds(language_for(request)),
        "targets": _choices(place, desks.body["desks"]),
    }
    return _form(request, "manage/devices/new.html", place, fields, answer, values=values)


async def _assign_page(
    request: Request, place: Place, number: int, fields: Mapping[str, str], answer: Answer | None = None
) -> Response:
    listed, desks = await asyncio.gather(
        read(request, f"/v1/places/{place.code}/unassigned-devices?dismissed=true"),
        read(request, f"/v1/places/{place.code}/desks"),
    )
    row = next((one for one in listed.body["unassigned_devices"] if one["id"] == number), None)
    if row is None:
        raise Missing
    values = {"row": row, "kinds": kinds(language_for(request)), "targets": _choices(place, desks.body["desks"])}
    return _form(
        request, "manage/devices/assign.html", place, {"kind": row["kind"] or "", **fields}, answer, values=values
    )


async def _device_page(
    request: Request,
    place: Place,
    gateway: str,
    device: str,
    *,
    fields: Mapping[str, str] | None = None,
    answer: Answer | None = None,
) -> Response:
    found, desks, drivers = await asyncio.gather(
        read(request, _path(place, gateway, device)),
        read(request, f"/v1/places/{place.code}/desks"),
        read(request, "/v1/drivers"),
    )
    row = found.body
    target = next((f"{what}:{row[what]}" for what in _TARGETS if row[what] is not None), "")
    every = "" if row["expect_every_s"] is None else str(max(1, row["expect_every_s"] // 60))
    saved = {"address": row["address"], "model": row["model"] or "", "target": target, "side": row["side"]}
    saved |= {"expect_every_min": every}
    shown = {**saved, **(fields or {})}
    conflict = answer is not None and answer.status == 412
    values = {
        "device": row,
        "driver": next((one for one in drivers.body["drivers"] if one["name"] == row["driver"]), None),
        "etag": found.etag,
        "saved": saved,
        "differ": [name for name in saved if conflict and shown[name] != saved[name]],
        "targets": _choices(place, desks.body["desks"]),
        **_words(request, place, row),
    }
    return _form(request, "manage/devices/device.html", place, shown, answer, values=values)


def _form(
    request: Request,
    template: str,
    place: Place,
    fields: Mapping[str, str],
    answer: Answer | None,
    *,
    values: Mapping[str, Any],
) -> Response:
    error = None if answer is None else refusal(request, answer, WRONG)
    wrong = frozenset[str]() if answer is None else wrong_fields(answer)
    if wrong & set(_TARGETS):
        wrong |= {"target"}
    status = 200 if answer is None else answer.status
    return page(request, template, status=status, place=place, fields=fields, error=error, wrong=wrong, **values)


def _words(request: Request, place: Place, row: dict[str, Any]) -> dict[str, Any]:
    return {
        "kind_word": kind_word(row["kind"], language_for(request)),
        "where": where(row, names_of(place)),
        "faults": device_faults(row, lambda words: say(request, words)) if row["retired_at"] is None else [],
    }


def _choices(place: Place, desks: list[dict[str, Any]]) -> dict[str, list[tuple[str, str]]]:
    """Return the doors, desks and spaces to choose from."""
    return {
        "door": [(f"door:{one.code}", one.name) for one in place.doors],
        "desk": [(f"desk:{one['code']}", one["name"]) for one in desks],
        "space": [(f"space:{one.code}", one.name) for one in place.spaces],
    }


def _target(fields: Mapping[str, str]) -> dict[str, str]:
    """Return the field ``target`` (``door:entry``) as the API's field."""
    what, _, code = fields.get("target", "").partition(":")
    return {what: code} if what in _TARGETS and code else {}


def _optional(fields: Mapping[str, str]) -> dict[str, str]:
    return _given(fields, "model", "side")


def _given(fields: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: fields[name].strip() for name in names if fields.get(name, "").strip()}


def _path(place: Place, gateway: str, device: str) -> str:
    return f"/v1/places/{place.code}/gateways/{quote(gateway, safe='')}/devices/{quote(device, safe='')}"
