"""One place's hardware, for the tests of the ingest and of occupancy."""

from __future__ import annotations

from dataclasses import replace

from occupancy.topology import Device, Gateway, Space, Topology

ROOT, OPEN, MEETING, LAB = 10, 11, 12, 13


def device(
    number: int,
    kind: str,
    *,
    space: int | None = None,
    door: tuple[int | None, int | None] = (None, None),
    side: str = "in",
    expect_every_s: int | None = None,
) -> Device:
    return Device(
        id=number,
        kind=kind,
        space=space,
        at_desk=kind == "desk_sensor",
        side=side,
        door_from=door[0],
        door_to=door[1],
        door=None if door[1] is None else door[1] * 10,
        expect_every=None if expect_every_s is None else expect_every_s * 1_000_000,
    )


DEVICES = {
    "desk-0": device(100, "desk_sensor", space=OPEN),
    "desk-1": device(101, "desk_sensor", space=OPEN),
    "desk-2": device(102, "desk_sensor", space=OPEN),
    "room": device(110, "presence_sensor", space=MEETING, expect_every_s=3600),
    "counter": device(120, "counter", space=LAB),
    "heads": device(121, "counter", space=LAB),
    "in": device(130, "reader", door=(None, ROOT)),
    "out": device(131, "reader", door=(None, ROOT), side="out"),
    "contact": device(132, "contact", door=(None, ROOT)),
    "lab-in": device(133, "reader", door=(ROOT, LAB)),
    "air": device(140, "climate", space=OPEN),
}


def make_topology(*, without: tuple[str, ...] = (), retired: tuple[str, ...] = ()) -> Topology:
    gateway = Gateway(id=1, code="gare-g1", place=5, place_code="gare", shard=7)
    spaces = [
        Space(id=ROOT, place=5, parent=None, capacity=20),
        Space(id=OPEN, place=5, parent=ROOT, capacity=3),
        Space(id=MEETING, place=5, parent=ROOT, capacity=8),
        Space(id=LAB, place=5, parent=ROOT, capacity=6),
    ]
    # The lab's reader moves people; who is in the lab is counted.
    devices = {code: replace(one, retired=code in retired) for code, one in DEVICES.items()}
    rows = [(1, code, one) for code, one in devices.items() if code not in (*without, "lab-in")]
    return Topology.build([gateway], spaces, rows, {5: "Europe/Paris"})
