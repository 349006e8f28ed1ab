"""What events entail beside their rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.contract.wire import EVENT
from ingest.consequences import TELLING, Consequences
from occupancy.topology import Topology

SECOND = 1_000_000
ACCESS = {"kind": "access", "device": "in", "decision": "granted", "reason": "granted", "side": "in", "at": 0}


class Gathered(Consequences):
    def __init__(self, topology: Topology) -> None:
        super().__init__()
        gateway = topology.gateways["gare-g1"]
        at_door = replace(gateway.devices["in"], door=9, door_code="entry")
        self.gateway = replace(gateway, devices={**gateway.devices, "in": at_door})

    def hear(self, at: int = 0, **event: Any) -> None:
        read = EVENT.validate_python({"device": "in", "at": at, **event}, strict=True)
        if read["kind"] in TELLING:
            self.take(read, self.gateway, self.gateway.devices.get(read["device"]), at)

    def told(self) -> list[tuple[str, int | None, str, int]]:
        return [(one.kind, one.door, one.text, one.times) for one in self.incidents]


@pytest.fixture
def gathered(topology: Topology) -> Gathered:
    return Gathered(topology)


def test_uses_of_passes_each_slot_once(gathered: Gathered) -> None:
    access: Any = ACCESS
    gathered.hear(**access | {"pass_ref": "p-1", "slots": [3, 4], "at": 5})
    gathered.hear(9, kind="access_taken", access_at=7, pass_ref="p-1", slots=[4, 5])
    gathered.hear(**access | {"pass_ref": "p-1"})
    gathered.hear(**access | {"slots": [1]})
    one = gathered.gateway.id
    assert gathered.uses == {("p-1", 3, one): (5, 5), ("p-1", 4, one): (5, 5), ("p-1", 5, one): (5, 9)}
    assert not gathered.incidents


@pytest.mark.parametrize(
    ("event", "kind", "text"),
    [
        ({"kind": "door", "state": "forced"}, "door_forced", "door entry opened without being unlocked"),
        ({"kind": "door", "state": "forced", "unsure": True}, "door_unexplained",
         "door entry opened without being unlocked: by the handle or by force, nothing tells which"),
        (ACCESS | {"decision": "denied", "reason": "unknown_card", "tries": 20}, "too_many_tries",
         "too many wrong tries at door entry"),
        ({"kind": "device", "what": "fault", "commanded": "command"}, "lock_commanded_elsewhere",
         "door entry: a command to its lock was seen that the gateway did not send"),
        ({"kind": "device", "what": "fault", "commanded": "retained", "text": "kept"}, "lock_commanded_elsewhere",
         "door entry: the place's broker kept a command to its lock, which was removed"),
        ({"kind": "device", "what": "fault", "commanded": "opened"}, "lock_commanded_elsewhere",
         "door entry: its board reports that it opened without an order of the gateway"),
        ({"kind": "door", "state": "held"}, "door_held", "door entry stands open"),
        ({"kind": "door", "state": "tamper"}, "tamper", "somebody tampers with door entry"),
        (ACCESS | {"decision": "denied", "reason": "too_many_tries"}, "too_many_tries",
         "too many wrong tries at door entry"),
        ({"kind": "device", "what": "fault", "text": "x"}, "device_fault", "in at door entry has a fault"),
    ],
)  # fmt: skip
def test_what_an_operator_must_look_at_at_a_door(gathered: Gathered, event: Any, kind: str, text: str) -> None:
    gathered.hear(**event)
    assert gathered.told() == [(kind, 9, text, 1)]


@pytest.mark.parametrize(
    "event",
    [
        {"kind": "door", "state": "open"},
        {"kind": "door", "state": "closed"},
        ACCESS | {"decision": "denied", "reason": "wrong_pin"},
        ACCESS | {"decision": "denied", "reason": "unknown_card"},
        {"kind": "device", "what": "battery", "value": 3.0},
        {"kind": "device", "what": "fault", "device": "desk-0"},
        {"kind": "gateway", "what": "list", "device": "gateway", "value": 7.0},
        {"kind": "gateway", "what": "start", "device": "gateway"},
        {"kind": "desk", "device": "desk-0", "occupied": True},
    ],
)
def test_what_is_no_alarm(gathered: Gathered, event: Any) -> None:
    gathered.hear(**event)
    assert not gathered.incidents


def test_what_has_no_door_is_told_by_device_or_by_gateway(gathered: Gathered) -> None:
    gathered.hear(kind="door", state="tamper", device="desk-0")
    gathered.hear(kind="gateway", what="list", device="gateway", text="list refused: the signature doesn't fit\0")
    gathered.hear(kind="gateway", what="list", device="gateway", text="command refused: seen before")
    gathered.hear(kind="gateway", what="list", device="gateway", text="config refused: the signature doesn't match")
    gathered.hear(kind="gateway", what="list", device="gateway", text="list refused: something else each time")
    gathered.hear(kind="gateway", what="list", device="gateway", refused="certificate", text="expired")
    gathered.hear(kind="door", state="tamper", device="desk-1")
    gathered.hear(kind="door", state="tamper", device="desk-0")
    assert gathered.told() == [
        ("tamper", None, "somebody tampers with desk-0", 2),
        ("list_refused", None, "gateway gare-g1: list refused: the signature doesn't fit", 2),
        ("command_refused", None, "gateway gare-g1: command refused: seen before", 1),
        ("configuration_refused", None, "gateway gare-g1: config refused: the signature doesn't match", 1),
        ("certificate_refused", None, "gateway gare-g1: expired", 1),
        ("tamper", None, "somebody tampers with desk-1", 1),
    ]


def test_a_burst_is_one_alarm_that_counts(gathered: Gathered) -> None:
    for n in range(1000):
        gathered.hear(n * SECOND, kind="door", state="forced")
    gathered.hear(3, kind="door", state="held")
    gathered.hear(86_400 * SECOND, kind="door", state="forced")
    assert [(one.kind, one.times) for one in gathered.incidents] == [("door_forced", 1001), ("door_held", 1)]
    assert (gathered.incidents[0].first_at, gathered.incidents[0].last_at) == (0, 86_400 * SECOND)
