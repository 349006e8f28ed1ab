"""Unassigned devices: their SQL, and their shape in requests and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

from psycopg.rows import DictRow
from pydantic import Field

from api.devices.devices import INVERTED, Address, Bits, DeviceCode, Every, Kind, Model, Side
from api.http.errors import BadField
from api.http.models import Answer, Body, Code, time_of

MOST: Final = 1000
# The unassigned devices of a place, of all that the caller reaches, or one of them; without those that have become
# devices in the meantime.
LIST: Final = """
SELECT h.id, p.code::text AS place, h.gateway AS gateway_id, g.code::text AS gateway, h.driver, h.model, h.kind,
       h.lacks, h.address, h.first_at, h.last_at, h.times, h.said, h.dismissed_at
FROM heard_device h JOIN gateway g ON g.id = h.gateway JOIN place p ON p.id = h.place
WHERE (%(place)s::integer IS NULL OR h.place = %(place)s) AND (%(id)s::integer IS NULL OR h.id = %(id)s)
  AND g.retired_at IS NULL
  AND (%(all)s OR h.dismissed_at IS NULL)
  AND NOT EXISTS (
    SELECT FROM device d
    WHERE d.gateway = h.gateway AND d.driver = h.driver AND d.retired_at IS NULL
      AND lower(d.address) IN (lower(h.address), lower(h.key))
  )
ORDER BY h.last_at DESC, h.id LIMIT %(limit)s
"""
DISMISS: Final = """
UPDATE heard_device SET dismissed_at = coalesce(dismissed_at, now()), dismissed_by = coalesce(dismissed_by, %(by)s)
WHERE id = %(id)s AND place = %(place)s RETURNING id
"""
# It is a device from now on.
FORGET: Final = "DELETE FROM heard_device WHERE id = %(id)s RETURNING id"
# The codes of a gateway's devices that begin like the wanted one.
CODES: Final = "SELECT code FROM device WHERE gateway = %(gateway)s AND starts_with(code, %(begins)s)"

Target = Literal["desk", "space", "door"]
TARGETS: Final[dict[str, tuple[Target, ...]]] = {
    "reader": ("door",),
    "keypad": ("door",),
    "lock": ("door",),
    "contact": ("door",),
    "desk_sensor": ("desk",),
    "presence_sensor": ("space",),
    "climate": ("space",),
    "access_point": ("space",),
    "counter": ("space", "door"),
}
"""What each kind of device is assigned to."""
_PREFIXES: Final = {"desk_sensor": "seat", "presence_sensor": "presence"}


class UnassignedDevice(Answer):
    """A device that a gateway of the place hears and that isn't assigned."""

    id: int
    place: str
    gateway: str
    driver: str
    model: str | None
    kind: str | None = Field(description="What it seems to be, by what it said.", examples=["desk_sensor"])
    address: str
    lacks: str | None = Field(description="What must be given when it is assigned: `model`.")
    first_at: datetime
    last_at: datetime
    times: int = Field(description="Messages heard since the gateway's start.")
    said: str = Field(description="What it last said, in a few words.", examples=["occupied, battery 98 %"])
    dismissed: bool


class UnassignedDevices(Answer):
    """Unassigned devices, the latest heard first."""

    unassigned_devices: list[UnassignedDevice]


class Assignment(Body):
    """Where an unassigned device belongs: one of `desk`, `space`, `door`."""

    kind: Kind | None = Field(default=None, description="Null: what it seems to be.")
    desk: Code | None = None
    space: Code | None = None
    door: Code | None = None
    side: Side = Field(default="in", description="Of a reader: `out` for those who leave.")
    code: DeviceCode | None = Field(default=None, description="Null: made of kind and desk, space or door.")
    model: Model | None = Field(default=None, description="Null: as its messages name it.", examples=["VS341"])
    address: Address | None = Field(
        default=None, description="Null: as it was heard. A reader's may need its IP: `TOPIC#HOSTNAME@IP`."
    )
    uid_reversed: bool = False
    bits: Bits | None = None
    inverted: bool = Field(default=False, description=INVERTED)
    expect_every_s: Every | None = None


def kind_of(body: Assignment, row: DictRow) -> str:
    """Return what the device is.

    Raises:
        BadField: neither the request nor the device tells.
    """
    kind = body.kind or row["kind"]
    if kind not in TARGETS:
        raise BadField("kind", f"what it said doesn't tell what it is: state one of {', '.join(TARGETS)}")
    if kind == "desk_sensor" and body.kind is None and body.desk is None and body.space is not None:
        return "presence_sensor"  # presence is presence: where it is assigned to says of what
    return str(kind)


def target_of(body: Assignment, kind: str) -> tuple[Target, str]:
    """Return which of desk, space and door the device is assigned to, and its code.

    Raises:
        BadField: none or several are named, or none that fits.
    """
    named: dict[Target, str | None] = {"desk": body.desk, "space": body.space, "door": body.door}
    given = [(target, code) for target, code in named.items() if code is not None]
    fitting = " or ".join(TARGETS[kind])
    if len(given) != 1 or given[0][0] not in TARGETS[kind]:
        field = given[0][0] if given and given[0][0] not in TARGETS[kind] else TARGETS[kind][0]
        raise BadField(field, f"a {kind} is assigned to one {fitting}")
    return given[0]


def code_of(kind: str, target: str, side: str) -> str:
    """Return a code for a device of ``kind`` at ``target``, for example ``seat-a1``, ``reader-entry-out``."""
    end = f"-{side}" if kind in ("reader", "keypad") else ""
    return f"{_PREFIXES.get(kind, kind)}-{target}"[: 60 - len(end)] + end


def free_code(wanted: str, taken: set[str]) -> str:
    """Return ``wanted``, with a number where it is taken."""
    if wanted not in taken:
        return wanted
    return next(code for number in range(2, len(taken) + 3) if (code := f"{wanted}-{number}") not in taken)


def unassigned_json(row: DictRow) -> dict[str, Any]:
    """Format a row of ``LIST`` for an answer."""
    kept = ("id", "place", "gateway", "driver", "model", "kind", "address", "lacks", "times", "said")
    return {
        **{name: row[name] for name in kept},
        "first_at": time_of(row["first_at"]),
        "last_at": time_of(row["last_at"]),
        "dismissed": row["dismissed_at"] is not None,
    }
