"""What must hold between the parts of a place: a door leads somewhere, a desk has one sensor. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from maillage.network.territory import department_of_commune
from maillage.place.faults import Fault, nearest
from maillage.place.model import Desk, Device, Door, Fitting, Gateway, Place, Space

AddressFault = Callable[[Device], tuple[str, str] | None]
"""Returns the field (``driver``, ``model`` or ``address``) and why no driver can read it, or None
(``maillage.place.drivers.device_fault``)."""
AddressKey = Callable[[str, str], object]
"""Returns of a driver and an address what is the same for one device, however it is written
(``gateway.drivers.registry.device_key``)."""
AT_DOORS = ("reader", "keypad", "lock", "contact")
"""Kinds of devices that belong to a door."""
_READ_CARDS = ("reader", "keypad")
_IN_SPACES = ("presence_sensor", "climate", "access_point")


def faults_of(fitting: Fitting, address_fault: AddressFault, address_key: AddressKey) -> list[Fault]:
    """Return all that is wrong; fields that could not be read are not looked at again."""
    return [
        *_place(fitting.place),
        *_twice(fitting.spaces, "space"),
        *_twice(fitting.desks, "desk"),
        *_twice(fitting.doors, "door"),
        *_twice(fitting.gateways, "gateway"),
        *_spaces(fitting.spaces),
        *_desks(fitting),
        *_capacities(fitting),
        *_doors(fitting),
        *_devices(fitting, address_fault),
        *_desk_sensors(fitting.devices, address_key),
        *_locks(fitting.devices),
    ]


def _place(place: Place) -> Iterator[Fault]:
    origin = place.origin
    of_commune = department_of_commune(place.commune_code or "")
    if of_commune and place.department and of_commune != place.department and "department" in origin.lines:
        yield origin.fault(
            f"the commune {place.commune_code} lies in the department {of_commune}, not in {place.department}",
            "department",
        )


def _twice(parts: Sequence[Space | Desk | Door | Gateway], one: str) -> Iterator[Fault]:
    first: dict[str, Any] = {}
    for part in parts:
        if not part.code:
            continue
        if part.code not in first:
            first[part.code] = part
            continue
        before = first[part.code]
        where = f"line {before.origin.lines.get('code', before.origin.line)}"
        if isinstance(part, Desk) and part.space != before.space:
            text = f"the desk {part.code} stands in two spaces: in {before.space} on {where}, and in {part.space} here"
        else:
            text = f"the {one} {part.code} is on {where} already"
        yield part.origin.fault(text, "code")


def _named(part: Any, field: str, code: str | None, known: Iterable[str], sentence: str) -> Iterator[Fault]:
    """Say that ``code`` names none of ``known``."""
    known = list(known)
    if code and field not in part.origin.bad and code not in known:
        yield part.origin.fault(f"{sentence}{nearest(code, known)}", field)


def _spaces(spaces: Sequence[Space]) -> Iterator[Fault]:
    parents = {one.code: one.parent for one in spaces}
    roots = [one for one in spaces if one.kind == "place"]
    for one in roots[1:]:
        yield one.origin.fault(f"{one.code} is of kind place, and {roots[0].code} is the whole place already", "kind")
    for one in spaces:
        if one.kind == "place":
            if one.parent is not None:
                yield one.origin.fault(f"{one.code} is the whole place: it is a part of no space", "parent")
            continue
        yield from _named(
            one, "parent", one.parent, parents, f"{one.code} is a part of {one.parent}, which is no space of this file"
        )
        above, seen = one.parent, {one.code}
        while above is not None and above not in seen:
            seen.add(above)
            above = parents.get(above)
        if above == one.code:
            yield one.origin.fault(f"{one.code} would be a part of itself, by way of {one.parent}", "parent")


def _desks(fitting: Fitting) -> Iterator[Fault]:
    known = [one.code for one in fitting.spaces]
    for one in fitting.desks:
        yield from _named(
            one, "space", one.space, known, f"the desk {one.code} stands in {one.space}, which is no space of this file"
        )


def _capacities(fitting: Fitting) -> Iterator[Fault]:
    parents = {one.code: one.parent for one in fitting.spaces}
    desks: Counter[str] = Counter()
    for code, space in {one.code: one.space for one in fitting.desks}.items():
        above: str | None = space
        seen: set[str] = set()
        while code and above is not None and above not in seen:
            seen.add(above)
            desks[above] += 1
            above = parents.get(above)
    for one in fitting.spaces:
        if one.capacity is not None and one.capacity < desks[one.code]:
            yield one.origin.fault(
                f"{one.code} holds {one.capacity} people and has {desks[one.code]} desks: correct one of them",
                "capacity",
            )


def _doors(fitting: Fitting) -> Iterator[Fault]:
    known = [one.code for one in fitting.spaces]
    for one in fitting.doors:
        yield from _named(
            one,
            "to_space",
            one.to_space,
            known,
            f"the door {one.code} leads to {one.to_space}, which is no space of this file",
        )
        yield from _named(
            one,
            "from_space",
            one.from_space,
            known,
            f"the door {one.code} leads from {one.from_space}, which is no space of this file",
        )
        if one.to_space and one.from_space == one.to_space:
            yield one.origin.fault(
                f"the door {one.code} leads from {one.to_space} into {one.to_space}: nowhere", "to_space"
            )
        if one.passback == "timed" and not one.passback_s and "passback_s" not in one.origin.bad:
            yield one.origin.fault(
                f"the door {one.code}: passback timed needs passback_s, for example 1800", "passback"
            )
        if one.pin_while is not None and not one.pin:
            yield one.origin.fault(
                f"the door {one.code}: pin_while says when pin holds: write pin: true too", "pin_while"
            )


def _devices(fitting: Fitting, address_fault: AddressFault) -> Iterator[Fault]:
    spaces = {one.code for one in fitting.spaces}
    doors = {one.code for one in fitting.doors}
    desks = {one.code: one.space for one in fitting.desks}
    gateways = {one.code for one in fitting.gateways}
    first: dict[tuple[str, str], Device] = {}
    for one in fitting.devices:
        name = f"the device {one.code}"
        before = first.setdefault((one.gateway, one.code), one)
        if before is not one and one.code:
            if one.desk and before.desk and one.desk != before.desk:
                text = f"{name} is at two desks: at {before.desk} on {_where(before, one)}, and at {one.desk} here"
            else:
                text = f"{name} of {one.gateway} is on {_where(before, one)} already"
            yield one.origin.fault(text, "code")
        yield from _named(
            one, "gateway", one.gateway, gateways, f"{name} is heard by {one.gateway}, which is no gateway of this file"
        )
        yield from _named(
            one, "door", one.door, doors, f"{name} is at the door {one.door}, which is no door of this file"
        )
        yield from _named(
            one, "desk", one.desk, desks, f"{name} is at the desk {one.desk}, which is no desk of this file"
        )
        if "space" in one.origin.lines:
            yield from _named(
                one, "space", one.space, spaces, f"{name} senses in {one.space}, which is no space of this file"
            )
            if one.desk in desks and one.space and one.space != desks[one.desk]:
                yield one.origin.fault(
                    f"{name} is at the desk {one.desk}, which stands in {desks[one.desk]}, not in {one.space}", "space"
                )
        yield from _of_its_kind(one, name)
        if (
            not one.origin.bad & {"driver", "address", "model", "kind", "code"}
            and (wrong := address_fault(one)) is not None
        ):
            yield one.origin.fault(f"{name}: {wrong[1]}", wrong[0])


def _of_its_kind(one: Device, name: str) -> Iterator[Fault]:
    """Say what a device of its kind needs, and what means nothing for it."""
    origin, kind = one.origin, one.kind
    if "kind" in origin.bad:
        return
    needs = None
    if kind in AT_DOORS and not one.door:
        needs = "door"
    elif kind == "desk_sensor" and not one.desk:
        needs = "desk"
    elif (kind in _IN_SPACES and not one.space) or (kind == "counter" and not one.space and not one.door):
        needs = "space"
    if needs is not None and needs not in origin.bad:
        yield origin.fault(f"{name} is a {kind} and names no {needs}{' and no door' if kind == 'counter' else ''}")
    if one.desk and kind != "desk_sensor":
        yield origin.fault(f"{name} is a {kind}: only a desk_sensor watches a desk", "desk")
    if one.inverted and kind != "contact":
        yield origin.fault(f"{name} is a {kind}: inverted is for contacts", "inverted")
    if one.uid_reversed and kind not in _READ_CARDS:
        yield origin.fault(f"{name} is a {kind}: uid_reversed is for readers", "uid_reversed")
    if one.bits is not None and kind not in _READ_CARDS:
        yield origin.fault(f"{name} is a {kind}: bits is for Wiegand readers", "bits")


def _desk_sensors(devices: Sequence[Device], address_key: AddressKey) -> Iterator[Fault]:
    """Say where one device stands at two desks, or is listed twice, and where two sensors watch one desk."""
    by_address: dict[tuple[str, object, str], Device] = {}
    by_desk: dict[str, Device] = {}
    for one in devices:
        if one.origin.bad & {"address", "driver", "kind", "gateway"}:
            continue
        before = by_address.setdefault((one.gateway, address_key(one.driver, one.address), one.kind), one)
        if before is not one and before.code != one.code:
            places = (before.desk, one.desk)
            at = f" at two desks, {before.desk} and {one.desk}" if all(places) and before.desk != one.desk else ""
            yield one.origin.fault(
                f"{before.code} ({_where(before, one)}) has the same address: one device{at or ' twice'}",
                "address",
            )
        if one.kind == "desk_sensor" and one.desk:
            watched = by_desk.setdefault(one.desk, one)
            if watched is not one and (watched.gateway, watched.code) != (one.gateway, one.code):
                yield one.origin.fault(
                    f"the desk {one.desk} has a sensor already: {watched.code} ({_where(watched, one)})",
                    "desk",
                )


def _locks(devices: Sequence[Device]) -> Iterator[Fault]:
    by_door: dict[str, Device] = {}
    for one in devices:
        if one.kind == "lock" and one.door and "door" not in one.origin.bad:
            before = by_door.setdefault(one.door, one)
            if before is not one:
                yield one.origin.fault(
                    f"the door {one.door} has a lock already, {before.code} ({_where(before, one)}): a door has one",
                    "door",
                )
    for one in devices:
        lock = by_door.get(one.door or "")
        if lock is not None and one.kind in ("reader", "keypad") and one.gateway and one.gateway != lock.gateway:
            yield one.origin.fault(
                f"the device {one.code} is heard by {one.gateway}, and the lock of the door {one.door} by "
                f"{lock.gateway}: a gateway opens only its own locks",
                "gateway",
            )


def _where(part: Device, seen_from: Device) -> str:
    file = f"{part.origin.file} " if part.origin.file != seen_from.origin.file else ""
    return f"{file}line {part.origin.line}"
