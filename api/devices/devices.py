"""Devices: their SQL and their shape in requests and answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from psycopg.rows import DictRow
from pydantic import AfterValidator, Field

from api.http.fitting import FittingChanged
from api.http.models import Answer, Body, Code, time_of
from api.http.revisions import Resource

Kind = Literal[
    "reader", "keypad", "lock", "desk_sensor", "presence_sensor", "counter", "contact", "climate", "access_point"
]
Side = Literal["in", "out"]
PLACING: Final = ("gateway", "door", "desk", "space")
"""Where a device is: another of these makes it another row, so that history keeps what it was before."""

# The devices of a place, or those of one code at a gateway: the one in service, then the last that was.
FIND: Final = """
SELECT v.id, v.place AS place_id, g.code::text AS gateway, g.id AS gateway_id, v.code, v.kind, v.driver, v.model,
       v.address, s.code::text AS space, v.space AS space_id, k.code::text AS desk, v.desk AS desk_id,
       d.code::text AS door, v.door AS door_id, v.side, v.uid_reversed, v.bits, v.inverted,
       extract(epoch FROM v.expect_every)::integer AS expect_every_s, v.retired_at, v.revision,
       t.heard_at, t.expect_every_s AS expected_s, t.silent_since, t.battery, t.rssi, t.snr, t.linkquality,
       t.reported_at, t.troubles || CASE WHEN t.counted_nobody THEN '{stuck}'::text[] ELSE '{}' END AS troubles
FROM device v JOIN place p ON p.id = v.place JOIN gateway g ON g.id = v.gateway
LEFT JOIN device_state t ON t.device = v.id AND v.retired_at IS NULL
LEFT JOIN space s ON s.id = v.space LEFT JOIN desk k ON k.id = v.desk LEFT JOIN door d ON d.id = v.door
WHERE p.code = %(place)s AND (%(gateway)s::text IS NULL OR g.code::text = %(gateway)s)
  AND (%(code)s::text IS NULL OR v.code = %(code)s) AND (%(retired)s OR v.retired_at IS NULL)
ORDER BY g.code, v.code, v.retired_at DESC NULLS FIRST
"""
# A device that had this code there before had other revisions: an ETag of it is none of this row's.
INSERT: Final = """
INSERT INTO device (gateway, place, code, kind, driver, model, address, space, desk, door, side, uid_reversed, bits,
  inverted, expect_every, revision)
SELECT %(gateway_id)s, %(place_id)s, %(code)s, %(kind)s, %(driver)s, %(model)s, %(address)s, %(space_id)s, %(desk_id)s,
  %(door_id)s, %(side)s, %(uid_reversed)s, %(bits)s, %(inverted)s, make_interval(secs => %(expect_every_s)s),
  coalesce(max(v.revision), 0) + 1
FROM device v WHERE v.gateway = %(gateway_id)s AND v.code = %(code)s
RETURNING id
"""
UPDATE: Final = """
UPDATE device SET model = %(model)s, address = %(address)s, side = %(side)s, uid_reversed = %(uid_reversed)s,
  bits = %(bits)s, inverted = %(inverted)s, expect_every = make_interval(secs => %(expect_every_s)s),
  retired_at = CASE WHEN %(retired)s THEN coalesce(retired_at, now()) END
WHERE id = %(id)s AND (%(revisions)s::integer[] IS NULL OR revision = ANY(%(revisions)s)) RETURNING revision
"""
# The devices in service of a gateway go on at another one, as they are.
RETIRE_ALL: Final = "UPDATE device SET retired_at = now() WHERE gateway = %(old)s AND retired_at IS NULL RETURNING id"
MAKE_ALL: Final = """
INSERT INTO device (gateway, place, code, kind, driver, model, address, space, desk, door, side, uid_reversed, bits,
  inverted, expect_every)
SELECT %(new)s, v.place, v.code, v.kind, v.driver, v.model, v.address, v.space, v.desk, v.door, v.side, v.uid_reversed,
  v.bits, v.inverted, v.expect_every
FROM device v WHERE v.id = ANY(%(ids)s::integer[]) ORDER BY v.id RETURNING id
"""
# The doors in service of a place, each with what may open it.
AT_DOORS: Final = """
SELECT d.code::text AS door, v.kind, v.driver, v.side
FROM door d LEFT JOIN device v ON v.door = d.id AND v.retired_at IS NULL AND v.kind IN ('lock', 'reader')
WHERE d.place = %(place)s AND d.retired_at IS NULL
"""


def _not_gateway(code: str) -> str:
    if code == "gateway":
        raise ValueError("this code stands for the gateway itself: choose another")
    return code


DeviceCode = Annotated[Code, AfterValidator(_not_gateway)]
Address = Annotated[str, Field(min_length=1, max_length=500, description="As its driver reads it (docs/devices.md).")]
Model = Annotated[str, Field(min_length=1, max_length=100, description="The maker's model, if its driver must know.")]
Bits = Annotated[int, Field(ge=24, le=64, description="Of a Wiegand reader's cards, parity included.")]
Every = Annotated[int, Field(ge=1, le=31_536_000, description="Silent for longer, it counts as silent (seconds).")]
INVERTED: Final = "Of a contact: it reports open for closed."
NO_LOCK: Final = "Confirms a change that leaves a door with nothing that opens it."


class DeviceMade(Body):
    """A new device: a reader, keypad, lock or contact at a `door`; a desk sensor at a `desk`; else in a `space`."""

    gateway: Code
    code: DeviceCode
    kind: Kind
    driver: str = Field(min_length=1, max_length=64, description="The name of an installed driver (docs/devices.md).")
    model: Model | None = None
    address: Address
    space: Code | None = None
    desk: Code | None = None
    door: Code | None = None
    side: Side = Field(default="in", description="Of a reader: for those who enter, or who leave.")
    uid_reversed: bool = Field(default=False, description="Of a reader: it writes card bytes in reverse order.")
    bits: Bits | None = None
    inverted: bool = Field(default=False, description=INVERTED)
    expect_every_s: Every | None = None


class DeviceChanged(FittingChanged):
    """A change of a device; fields that aren't sent keep their value."""

    gateway: Code | None = None
    model: Model | None = None
    address: Address | None = None
    space: Code | None = None
    desk: Code | None = None
    door: Code | None = None
    side: Side | None = None
    uid_reversed: bool | None = None
    bits: Bits | None = None
    inverted: bool | None = Field(default=None, description=INVERTED)
    expect_every_s: Every | None = None
    confirm_no_lock: bool = Field(default=False, description=NO_LOCK)


class DeviceState(Answer):
    """How a device is, as its gateway last reported."""

    reported_at: datetime
    heard_at: datetime | None = Field(description="Its last message, a heartbeat included.")
    expect_every_s: int | None = Field(description="Silent for longer, it counts as silent: its own, or its driver's.")
    silent_since: datetime | None
    battery: float | None = Field(description="Percent.")
    rssi: float | None = Field(description="LoRaWAN: dBm, where it was heard best.")
    snr: float | None = Field(description="LoRaWAN: dB.")
    linkquality: float | None = Field(description="Zigbee: 0 to 255.")
    troubles: list[str] = Field(description="`low_battery`, `bad_link`, `stuck`.", examples=[["low_battery"]])


class Device(Answer):
    """One reader, keypad, lock, sensor, counter or contact."""

    gateway: str
    code: str
    kind: Kind
    driver: str
    model: str | None
    address: str
    space: str | None
    desk: str | None
    door: str | None
    side: Side
    uid_reversed: bool
    bits: int | None
    inverted: bool
    expect_every_s: int | None
    retired_at: datetime | None
    state: DeviceState | None = Field(description="null: its gateway hasn't reported on it, or it is out of service.")


class Devices(Answer):
    """A place's devices."""

    devices: list[Device]


def device_resource(place: str, gateway: str, code: str) -> Resource:
    """Name a device by the codes of place, gateway and device."""
    key = {"place": place, "gateway": gateway, "code": code, "retired": True}
    return Resource(find=FIND, key=key, name=f"device {code!r} of gateway {gateway!r}", subject=f"device {code}")


def device_json(row: DictRow) -> dict[str, Any]:
    """Format a row of ``FIND`` for an answer."""
    names = (name for name in Device.model_fields if name not in ("retired_at", "state"))
    return {
        **{name: row[name] for name in names},
        "retired_at": time_of(row["retired_at"]),
        "state": None if row["reported_at"] is None else _state_json(row),
    }


def _state_json(row: DictRow) -> dict[str, Any]:
    times = ("reported_at", "heard_at", "silent_since")
    measures = ("battery", "rssi", "snr", "linkquality")
    return {
        **{name: time_of(row[name]) for name in times},
        "expect_every_s": row["expected_s"],
        **{name: None if row[name] is None else round(row[name], 1) for name in measures},
        "troubles": row["troubles"],
    }


def misplaced(fields: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the wrong field and why, if a device of this kind is not where it can be."""
    kind = fields["kind"]
    if kind in ("reader", "keypad", "lock", "contact") and fields["door"] is None:
        return "door", f"a {kind} is at a door: name it"
    if kind == "desk_sensor" and fields["desk"] is None:
        return "desk", "a desk sensor is at a desk: name it"
    if kind in ("presence_sensor", "climate", "access_point") and fields["space"] is None:
        return "space", "this device senses a space: name it"
    if kind == "counter" and fields["space"] is None and fields["door"] is None:
        return "space", "a counter counts into a space or at a door: name one"
    if kind != "desk_sensor" and fields["desk"] is not None:
        return "desk", "only a desk sensor is at a desk: name the space instead"
    return None
