"""Reads a place's file into the model: all faults at once, each with its line. Pure, but for what ``beside`` reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from maillage.network.territory import REGION_OF, department_of_commune, time_zone
from maillage.place.checks import AddressFault, AddressKey, faults_of
from maillage.place.faults import Fault, FileRefused, Origin, Refused, nearest
from maillage.place.model import Desk, Device, Fitting, Gateway, Place, Space, ordered
from maillage.place.nodes import Node, Nothing, Record, Row, Text, read_yaml
from maillage.place.sections import (
    DESKS,
    DEVICES,
    DEVICES_CSV,
    DOORS,
    GATEWAYS,
    LISTS,
    PLACE,
    SECTIONS,
    SPACES,
    Section,
)
from maillage.place.spreadsheet import read_spreadsheet

ROOT: Final = "place"
"""The code of the space that holds all others, where the file doesn't describe it."""


def read_place(
    text: str,
    file: str,
    *,
    beside: Callable[[str], bytes] | None = None,
    address_fault: AddressFault,
    address_key: AddressKey,
) -> Fitting:
    """Return the place that ``text`` describes, with its parts in their one order.

    Args:
        file: the name of the file, for its faults.
        beside: returns the bytes of a file that this one names; raises OSError. None: it may name none.
        address_fault: says why no driver can read a device, or None (``maillage.place.drivers``).
        address_key: returns what all spellings of a device's address have in common (``gateway.drivers.registry``).

    Raises:
        FileRefused: with all that is wrong.
    """
    top = read_yaml(text, file)
    faults: list[Fault] = []
    known = [*(section.name for section in SECTIONS), DEVICES_CSV]
    for key, line in top.lines.items():
        if key not in known:
            what = f"there is no section {key}{nearest(key, known)} (there are {', '.join(known)})"
            faults.append(Fault(file=file, line=line, text=what))
    place = _place(top, file, faults)
    records: dict[str, list[Any]] = {}
    for section in LISTS:
        records[section.name] = _records(section, top.values.get(section.name), file, faults)
    if DEVICES_CSV in top.values:
        records[DEVICES.name] += _spreadsheet(top.values[DEVICES_CSV], file, beside, faults)
    found = Fitting(
        place=place,
        spaces=_with_root(place, records[SPACES.name]),
        desks=tuple(records[DESKS.name]),
        doors=tuple(records[DOORS.name]),
        gateways=tuple(records[GATEWAYS.name]),
        devices=_complete(records[DEVICES.name], records[DESKS.name], records[GATEWAYS.name], faults),
    )
    faults += faults_of(found, address_fault, address_key)
    if faults:
        raise FileRefused(faults)
    return ordered(found)


def read_devices(data: bytes, file: str, fitting: Fitting) -> tuple[Device, ...]:
    """Return the devices of a CSV file for a place that is known.

    Raises:
        FileRefused: with the faults of its lines; of how they fit the place, ``faults_of`` says the rest.
    """
    faults: list[Fault] = []
    records = _rows(read_spreadsheet(data, file, faults), file, faults)
    found = _complete(records, list(fitting.desks), list(fitting.gateways), faults)
    if faults:
        raise FileRefused(faults)
    return found


def _place(top: Record, file: str, faults: list[Fault]) -> Place:
    node = top.values.get(PLACE.name)
    if not isinstance(node, Record):
        line = top.lines.get(PLACE.name, 1)
        faults.append(
            Fault(file=file, line=line, text="the section place is missing: at least its code, name and position")
        )
        return Place(code="", name="", origin=Origin(bad=frozenset(one.attribute for one in PLACE.fields)))
    place: Place = _record(PLACE, node, file, top.lines[PLACE.name], faults)
    department = place.department or department_of_commune(place.commune_code or "")
    written = place.origin.lines
    return replace(
        place,
        department=department,
        region=place.region or REGION_OF.get(department or ""),
        time_zone=place.time_zone if "time_zone" in written else time_zone(department or ""),
    )


def _records(section: Section, node: Node | None, file: str, faults: list[Fault]) -> list[Any]:
    if node is None or isinstance(node, Nothing):
        return []
    if not isinstance(node, Row):
        what = f"{section.name} is a list: each {section.one} begins with a dash, as - {{code: …}}"
        faults.append(Fault(file=file, line=node.line, text=what))
        return []
    found = []
    for one in node.items:
        if isinstance(one, Record):
            found.append(_record(section, one, file, one.line, faults))
        else:
            what = f"a {section.one} is a record, as {{code: …}}"
            faults.append(Fault(file=file, line=one.line, text=what))
    return found


def _record(section: Section, node: Record, file: str, line: int, faults: list[Fault]) -> Any:
    """Return one record. A field with a fault is None, an empty text or its default, and its origin says so."""
    names = [one.name for one in section.fields]
    values: dict[str, Any] = {}
    lines: dict[str, int] = {}
    bad: set[str] = set()
    for key, at in node.lines.items():
        if key not in names:
            what = f"a {section.one} has no {key}{nearest(key, names)} (it has {', '.join(names)})"
            faults.append(Fault(file=file, line=at, text=what))
    for one in section.fields:
        value = node.values.get(one.name)
        if value is not None:
            lines[one.attribute] = node.lines[one.name]
        if value is None or isinstance(value, Nothing):
            if one.required:
                bad.add(one.attribute)
                code = node.values.get("code")
                label = f" {code.text}" if isinstance(code, Text) else ""
                faults.append(
                    Fault(
                        file=file,
                        line=lines.get(one.attribute, line),
                        text=f"the {section.one}{label} has no {one.name}",
                    )
                )
                values[one.attribute] = ""
            continue
        try:
            values[one.attribute] = one.form.read(value)
        except Refused as refused:
            bad.add(one.attribute)
            at = max(value.line, node.lines[one.name])
            faults.append(Fault(file=file, line=at, text=f"{one.name}: {refused}"))
            if one.required:
                values[one.attribute] = ""
    if section is DESKS and "name" not in values:
        values["name"] = values["code"]
    if section is DEVICES:
        values.setdefault("gateway", "")
    origin = Origin(file=file, line=line, lines=lines, bad=frozenset(bad))
    return section.makes(**values, origin=origin)


def _spreadsheet(node: Node, file: str, beside: Callable[[str], bytes] | None, faults: list[Fault]) -> list[Device]:
    if not isinstance(node, Text) or beside is None or set(node.text) & {"/", "\0"}:
        faults.append(Fault(file=file, line=node.line, text=f"{DEVICES_CSV}: name a CSV file beside this one"))
        return []
    try:
        data = beside(node.text)
    except OSError as error:
        what = f"{DEVICES_CSV}: {node.text} cannot be read: {error.strerror}"
        faults.append(Fault(file=file, line=node.line, text=what))
        return []
    return _rows(read_spreadsheet(data, node.text, faults), node.text, faults)


def _rows(rows: list[Record], file: str, faults: list[Fault]) -> list[Device]:
    return [_record(DEVICES, one, file, one.line, faults) for one in rows]


def _with_root(place: Place, spaces: list[Space]) -> tuple[Space, ...]:
    """Add the space that holds all others where the file has none, and hang the rooms without a parent from it."""
    root = next((one for one in spaces if one.kind == "place"), None)
    code = root.code if root is not None else ROOT
    found = [
        replace(one, parent=code)
        if one.parent is None and one.kind != "place" and "parent" not in one.origin.bad
        else one
        for one in spaces
    ]
    if root is not None:
        return tuple(found)
    rooms = [one.capacity for one in found if one.parent == code]
    holds = sum(room for room in rooms if room is not None) if rooms and None not in rooms else None
    return (Space(code=code, name=place.name, kind="place", capacity=holds, origin=place.origin), *found)


def _complete(
    devices: list[Device], desks: list[Desk], gateways: list[Gateway], faults: list[Fault]
) -> tuple[Device, ...]:
    """Give each device the only gateway where it names none, and the space of its desk."""
    spaces = {desk.code: desk.space for desk in desks}
    found = []
    for one in devices:
        gateway, bad = one.gateway, one.origin.bad
        if not gateway and "gateway" not in bad:
            bad |= {"gateway"}
            if len(gateways) == 1:
                gateway, bad = gateways[0].code, one.origin.bad
            else:
                what = "there is no gateway" if not gateways else "there are several gateways"
                faults.append(one.origin.fault(f"the device {one.code} names no gateway, and {what}"))
        space = one.space if one.space is not None or one.desk is None else spaces.get(one.desk)
        found.append(replace(one, gateway=gateway, space=space, origin=replace(one.origin, bad=bad)))
    return tuple(found)
