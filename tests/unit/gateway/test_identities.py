"""Messages that carry an identity are taken once, however often, how late and in which order they are delivered."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.devices.identities import REMEMBERED
from tests.unit.gateway.hall import Hall

EUI = "24e1240000000b01"
TOPIC = f"application/app/device/{EUI}/event"
DEVICES = [
    {"code": "counter", "driver": "chirpstack", "kind": "counter", "model": "VS350", "address": f"app/{EUI}"},
    {"code": "magnet", "driver": "chirpstack", "kind": "contact", "model": "WS301", "address": "app/24e1240000000c01"},
    {"code": "seat", "driver": "chirpstack", "kind": "presence", "model": "VS340", "address": "app/24e1240000000d01"},
]
START = datetime(2026, 11, 25, 9, tzinfo=UTC)


def uplink(number: int, data: str, *, eui: str = EUI, **changes: Any) -> tuple[str, bytes]:
    """A message of a device; the ``number``-th of its session, as many seconds after nine. None leaves a field out."""
    message = {
        "deduplicationId": f"d{number}",
        "time": (START + timedelta(seconds=number)).isoformat(),
        "deviceInfo": {"devEui": eui},
        "devAddr": "00189440",
        "fCnt": number,
        "fPort": 85,
        "data": base64.b64encode(bytes.fromhex(data)).decode(),
        **changes,
    }
    found = {name: value for name, value in message.items() if value is not None and value != 0}
    return f"application/app/device/{eui}/event/up", json.dumps(found).encode()


def people(number: int, entered: int, **changes: Any) -> tuple[str, bytes]:
    return uplink(number, f"05cc{entered:02x}000000", **changes)


def magnet(number: int, *, is_open: bool) -> tuple[str, bytes]:
    return uplink(number, f"0300{is_open:02x}", eui="24e1240000000c01")


def seat(number: int, *, occupied: bool, **changes: Any) -> tuple[str, bytes]:
    return uplink(number, f"0300{occupied:02x}", eui="24e1240000000d01", **changes)


@pytest.fixture
def hall() -> Hall:
    made = Hall()
    made.build(devices=DEVICES)
    return made


def hear(hall: Hall, *messages: tuple[str, bytes], after_s: float = 0.2) -> None:
    for topic, payload in messages:
        hall.hear("chirpstack", topic, payload, after_s)


def entered(hall: Hall) -> list[int]:
    return [event["entered"] for event in hall.told("count")]


def test_interleaved_repeats_count_once_each(hall: Hall) -> None:
    d2, d3 = people(102, 2), people(103, 1)
    hear(hall, d2, d3, d2, d3)
    hear(hall, d2, after_s=65)
    hear(hall, d3, d2, after_s=3600)
    assert entered(hall) == [2, 1]


def test_a_restart_forgets_no_identity(hall: Hall) -> None:
    messages = [people(number, number % 7) for number in range(1, 300)]
    hear(hall, *messages)
    before = len(entered(hall))
    hall.build(devices=DEVICES)
    hear(hall, *messages[-REMEMBERED:])
    assert len(entered(hall)) == before == 299
    hear(hall, people(300, 1))
    hall.build(devices=DEVICES)
    hear(hall, people(300, 1), people(299, 299 % 7))
    assert len(entered(hall)) == 300
    rows = [name for name in hall.kept if name.startswith("seen:counter:")]
    assert len(rows) == REMEMBERED, "bounded"


def test_the_identity_decides_and_not_the_neighbours(hall: Hall) -> None:
    """The same number of people at the same instant twice, by two messages, is not one message twice."""
    hear(hall, people(1, 2), people(2, 2, time=START.isoformat()), people(3, 2, time=START.isoformat()))
    assert entered(hall) == [2, 2, 2]


@pytest.mark.parametrize("identity", ["deduplicationId", "fCnt", "both"])
def test_a_counter_that_begins_anew_is_news(hall: Hall, identity: str) -> None:
    """``fCnt`` is 0 (left out) and 1 after a join, or after a reset of a device that never joins."""
    left_out = {"deduplicationId": {"fCnt": None}, "fCnt": {"deduplicationId": None}, "both": {}}[identity]

    def round_of(first_s: int) -> list[tuple[str, bytes]]:
        return [
            people(
                number, 3, **{"deduplicationId": f"r{first_s + number}", "time": _later(first_s + number)} | left_out
            )
            for number in (0, 1, 2)
        ]

    hear(hall, *round_of(0), *round_of(0), *round_of(100), *round_of(0), *round_of(100))
    assert entered(hall) == [3] * 6


def test_events_of_one_uplink_that_share_its_identity_are_two(hall: Hall) -> None:
    hear(hall, people(5, 1))
    status = {"deduplicationId": "d5", "time": _later(5), "deviceInfo": {"devEui": EUI}, "batteryLevel": 80.0}
    for _ in range(2):
        hall.hear("chirpstack", f"{TOPIC}/status", json.dumps(status).encode())
    assert [event["value"] for event in hall.told("device")] == [80.0]
    log = {"deduplicationId": "d5", "time": _later(5), "deviceInfo": {"devEui": EUI}, "level": "ERROR"}
    for code in ("UPLINK_CODEC", "OTAA", "OTAA"):
        hall.hear("chirpstack", f"{TOPIC}/log", json.dumps({**log, "code": code}).encode())
    assert [event["text"] for event in hall.told("device")[1:]] == ["UPLINK_CODEC", "OTAA"]


def test_an_older_state_does_not_win_but_late_people_count(hall: Hall) -> None:
    hear(hall, seat(1, occupied=False), seat(3, occupied=False), seat(2, occupied=True))
    assert [event["occupied"] for event in hall.told("desk")] == [False]
    hear(hall, magnet(11, is_open=True), magnet(12, is_open=False), magnet(10, is_open=True), magnet(11, is_open=True))
    assert [event["state"] for event in hall.told("door")] == ["open", "closed"]
    hear(hall, people(21, 1), people(23, 3), people(22, 2))
    assert entered(hall) == [1, 3, 2]


def test_a_clock_that_is_set_back_and_a_device_that_joins_again_are_not_late(hall: Hall) -> None:
    hear(hall, seat(500, occupied=True), seat(501, occupied=False, time=START.isoformat()))
    hear(hall, seat(1, occupied=True, deduplicationId="x", time=_later(600)))
    hear(hall, seat(502, occupied=False, time=_later(700)))
    hear(hall, seat(3, occupied=True, devAddr="00189999", time=_later(1)))
    join = {"deduplicationId": "j", "time": _later(1), "deviceInfo": {"devEui": "24e1240000000d01"}}
    hear(hall, seat(503, occupied=False, time=_later(800), devAddr="00189999"))
    hall.hear("chirpstack", "application/app/device/24e1240000000d01/event/join", json.dumps(join).encode())
    hear(hall, seat(4, occupied=True, devAddr="00189999", time=_later(2)))
    assert [event["occupied"] for event in hall.told("desk")] == [True, False] * 3 + [True]


@given(st.permutations(range(8)), st.lists(st.tuples(st.integers(0, 7), st.booleans()), max_size=20))
def test_the_sum_is_that_of_the_messages(order: list[int], again: list[tuple[int, bool]]) -> None:
    hall = Hall()
    hall.build(devices=DEVICES)
    hear(hall, *(people(number, 2**number % 251) for number in order))
    for number, restarts in again:
        if restarts:
            hall.build(devices=DEVICES)
        hear(hall, people(number, 2**number % 251), after_s=70)
    assert sum(entered(hall)) == sum(2**number % 251 for number in range(8))


def _later(seconds: int) -> str:
    return (START + timedelta(seconds=seconds)).isoformat()
