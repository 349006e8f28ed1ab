"""Milesight's LoRaWAN payloads: fields of channel, type and value, by the models that watch desks, rooms and doors.

``read`` returns the maker's published field names; ``events`` turns them into ours. Totals since installation go with
the counts since the last report, so that the centre can heal what was lost; alone they make no event, nor does history
that a device sends again.

Source: the tables in https://github.com/Milesight-IoT/SensorDecoders (READMEs and decoders of vs-series, ws-series).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.contract.wire import CountEvent, DeskEvent, DeviceEvent, DoorEvent, Event, MeasureEvent
from gateway.drivers import DriverError
from gateway.drivers.models.milesight_tables import COMMON, MODELS, Field, skipped

Fields = dict[str, Any]
READABLE: Final = frozenset(MODELS)
"""Models that ``read`` knows."""


def read(model: str | None, data: bytes) -> tuple[Fields, str | None]:
    """Return the fields of an uplink, and what could not be read, or None.

    A field that no table knows is skipped where its type tells its length. Elsewhere reading stops; what came before
    it holds.

    Raises:
        DriverError: ``unknown_model``; ``unknown_field`` or ``truncated`` where nothing at all was read.
    """
    table = MODELS.get((model or "").upper())
    if table is None:
        raise DriverError("unknown_model")
    fields: Fields = {}
    offset = 0
    while offset < len(data):
        key = (data[offset], data[offset + 1]) if offset + 1 < len(data) else None
        field = (table.get(key) or COMMON.get(key) or skipped(key)) if key is not None else None
        value = field.value(data, offset + 2) if field is not None else None
        if field is None or value is None:
            reason = "truncated" if key is None or field is not None else "unknown_field"
            if not fields:
                raise DriverError(reason)
            return fields, f"{reason} at byte {offset}"
        _merge(fields, field, value)
        offset += 2 + len(value)
    return fields, None


_LISTS: Final = ("history", "event", "events")
"""Fields that may stand several times in an uplink."""


def _merge(fields: Fields, field: Field, value: bytes) -> None:
    for name, meaning in field.read(value).items():
        if name in _LISTS:
            fields.setdefault(name, []).extend(meaning)
        else:
            fields[name] = meaning


def uplink(model: str | None, device: str, data: bytes, at: int) -> tuple[Event, ...]:
    """Return the events of an uplink, the last of them a fault where it could not be read to its end.

    Raises:
        DriverError: see ``read``.
    """
    fields, unread = read(model, data)
    found = events(device, fields, at)
    if unread is None:
        return found
    return (*found, DeviceEvent(kind="device", at=at, device=device, what="fault", text=f"uplink: {unread}"))


def events(device: str, fields: Mapping[str, Any], at: int) -> tuple[Event, ...]:
    """Turn the fields of an uplink into events of ``device``, presence first."""
    found: list[Event] = []
    if (occupied := _occupied(fields)) is not _SILENT:
        found.append(DeskEvent(kind="desk", at=at, device=device, occupied=occupied))
    if (count := _count(device, fields, at)) is not None:
        found.append(count)
    if (magnet := fields.get("magnet_status")) in ("open", "closed"):
        found.append(DoorEvent(kind="door", at=at, device=device, state=magnet))
    if fields.get("tamper_status") == "uninstalled":
        found.append(DoorEvent(kind="door", at=at, device=device, state="tamper"))
    found.extend(
        MeasureEvent(kind="measure", at=at, device=device, name=name, value=float(fields[name]))
        for name in ("temperature", "humidity")
        if name in fields
    )
    # A pair of devices is as good as the weaker battery.
    batteries = [fields[name] for name in ("battery", "battery_main", "battery_node") if fields.get(name, 255) <= 100]
    if batteries:
        found.append(DeviceEvent(kind="device", at=at, device=device, what="battery", value=float(min(batteries))))
    return tuple(found)


class _Silent:
    """Distinguishes "says nothing about people" from "cannot tell"."""


_SILENT: Final[Any] = _Silent()


def _occupied(fields: Mapping[str, Any]) -> Any:
    if "occupancy" in fields:
        return {"occupied": True, "vacant": False}.get(fields["occupancy"])
    if "pir" in fields:
        return {"trigger": True, "idle": False}.get(fields["pir"])
    for alarm in reversed(fields.get("events", ())):  # VS373: it reports at once that the room filled or emptied
        if alarm["alarm_type"] in ("occupied", "vacant") and alarm["alarm_status"] == "alarm triggered":
            return alarm["alarm_type"] == "occupied"
    if "detection_status" in fields:  # VS373: of the whole room, so it outweighs the regions
        return None if fields["detection_status"] == "unknown" else fields["detection_status"] != "vacant"
    regions = [value for name, value in fields.items() if name.startswith("region_") and name.endswith("_occupancy")]
    if regions:
        return True if "occupied" in regions else None if "unknown" in regions else False
    return _SILENT


def _count(device: str, fields: Mapping[str, Any], at: int) -> CountEvent | None:
    for name in ("people_count_all", "people_total_counts"):
        if name in fields:
            unsure = fields.get("reliability") == "undetectable"  # VS321: it can't see well enough to count
            return CountEvent(kind="count", at=at, device=device, present=None if unsure else fields[name])
    entered = [value for name, value in fields.items() if name.endswith(_ENTERED) and "_child_" not in name]
    left = [value for name, value in fields.items() if name.endswith(_LEFT) and "_child_" not in name]
    if not entered and not left:
        return None
    event = CountEvent(kind="count", at=at, device=device, entered=max(0, sum(entered)), left=max(0, sum(left)))
    came_ever = [value for name, value in fields.items() if name.endswith(_EVER_IN) and "_child_" not in name]
    left_ever = [value for name, value in fields.items() if name.endswith(_EVER_OUT) and "_child_" not in name]
    if len(came_ever) == len(entered) == len(left_ever) == len(left):  # of the same lines
        event["entered_total"], event["left_total"] = sum(came_ever), sum(left_ever)
    return event


_ENTERED: Final = ("period_in", "periodic_counter_in", "people_in")
_LEFT: Final = ("period_out", "periodic_counter_out", "people_out")
"""Since the device's last report. A device with several lines counts them all; its children are in them already."""
_EVER_IN: Final = ("total_in", "total_counter_in")
_EVER_OUT: Final = ("total_out", "total_counter_out")
