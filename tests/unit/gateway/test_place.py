"""One gateway at work: decisions, unlocks before anything is stored, and what comes of bad devices."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import GatewayConfig
from gateway.drivers import DriverError
from tests.unit.gateway.place_parts import AT, CARD, TOKEN, Bench, S, access_list, badge, config, signed


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    made.build().lists.take(signed(access_list(4, made_at=AT - 60 * S)))
    return made


def test_the_lock_is_told_before_anything_is_stored(bench: Bench) -> None:
    bench.hear("esp_rfid", "gare/in/send", badge("in"))
    assert bench.order == ["unlock", "access"]
    assert bench.commands == [("gare/in/cmd", {"cmd": "opendoor", "doorip": "in"})]
    (event,) = bench.events
    assert event == {
        "kind": "access",
        "at": AT + 2 * S,
        "device": "reader-in",
        "decision": "granted",
        "reason": "granted",
        "side": "in",
        "rule": "right",
        "card": TOKEN,
        "member": "m-1abc",
        "awaits": False,
        "list_version": 4,
        "list_age_s": 62,
    }


def test_denied_cards_open_nothing(bench: Bench) -> None:
    bench.hear("esp_rfid", "gare/in/send", badge("in", uid=b"\x01\x02\x03\x04"))
    bench.hear("esp_rfid", "gare/lab/send", badge("lab"))
    assert [event.get("reason") for event in bench.events] == ["unknown_card", "no_right_here"]
    assert bench.commands == []


def test_without_a_list_nothing_opens_but_egress() -> None:
    bench = Bench()
    bench.build()
    bench.hear("esp_rfid", "gare/in/send", badge("in"))
    bench.hear("esp_rfid", "gare/out/send", badge("out"))
    assert [event.get("reason") for event in bench.events] == ["list_too_old", "granted"]
    assert bench.commands == [("gare/in/cmd", {"cmd": "opendoor", "doorip": "in"})]


def test_a_lockdown_shuts_the_doors(bench: Bench) -> None:
    bench.place.lock_down(True)
    bench.hear("esp_rfid", "gare/in/send", badge("in"))
    bench.place.lock_down(False)
    bench.hear("esp_rfid", "gare/in/send", badge("in"))
    assert [event.get("reason") for event in bench.events] == ["lockdown", "granted"]


def test_the_same_message_again_is_one_act(bench: Bench) -> None:
    bench.hear("esp_rfid", "gare/in/send", badge("in"))
    bench.hear("esp_rfid", "gare/in/send", badge("in"), after_s=0.3)
    assert len(bench.commands) == 1
    assert len(bench.events) == 1


def test_a_card_that_was_kept_by_the_broker_opens_nothing(bench: Bench) -> None:
    bench.place.hear_retained("esp_rfid", "gare/in/send", badge("in"), AT)
    assert bench.commands == []
    assert bench.events == []
    bench.place.hear_retained("zigbee2mqtt", "z/desk/availability", b"offline", AT)
    assert [event.get("what") for event in bench.events] == ["link"]


def test_taken_and_forced_by_the_contact(bench: Bench) -> None:
    bench.hear("zigbee2mqtt", "z/contact", b'{"contact": true}')
    bench.hear("esp_rfid", "gare/in/send", badge("in"))
    bench.hear("zigbee2mqtt", "z/contact", b'{"contact": false}')
    bench.hear("zigbee2mqtt", "z/contact", b'{"contact": true}')
    bench.hear("zigbee2mqtt", "z/contact", b'{"contact": false}')
    told = [(event["kind"], event.get("state")) for event in bench.events if event["kind"] != "access"]
    assert told == [
        ("door", "closed"),
        ("door", "open"),
        ("access_taken", None),
        ("door", "closed"),
        ("door", "open"),
        ("door", "forced"),
    ]


@pytest.mark.parametrize("retained", [True, False])
@pytest.mark.parametrize("driver", ["esp_rfid", "zigbee2mqtt", "chirpstack"])
def test_an_empty_message_clears_what_was_retained_and_says_nothing(driver: str, retained: bool) -> None:
    """So Zigbee2MQTT clears the availability of a device that was renamed or removed."""
    lora = {"code": "lora", "driver": "chirpstack", "address": "1/24e124535b000001", "model": "VS121"}
    bench = Bench()
    bench.build(devices=[*(one.model_dump() for one in config().devices), lora])
    for pattern in bench.place.drivers[driver].subscriptions():
        topic = pattern.replace("+", "door")
        if retained:
            bench.place.hear_retained(driver, topic, b"", AT)
        else:
            bench.hear(driver, topic, b"")
    assert bench.events == []


def test_a_process_that_was_stopped_calls_no_device_silent(bench: Bench) -> None:
    bench.hear("zigbee2mqtt", "z/desk", b'{"occupancy": true}')
    bench.events.clear()
    bench.place.paused(900)
    bench.place.tick(bench.now + 1000, AT + 1000 * S)
    assert bench.events == []
    bench.place.tick(bench.now + 1501, AT + 1501 * S)
    desk = [event for event in bench.events if event["device"] == "desk"]
    assert [(event["kind"], event.get("value")) for event in desk] == [("device", 0.0)]


def test_silence_and_return(bench: Bench) -> None:
    bench.hear("zigbee2mqtt", "z/desk", b'{"occupancy": true}')
    bench.place.tick(bench.now + 601, AT + 700 * S)
    bench.hear("zigbee2mqtt", "z/desk", b'{"linkquality": 20}', after_s=700)
    links = [event.get("value") for event in bench.events if event["kind"] == "device" and event["device"] == "desk"]
    assert links == [0.0, 1.0]


def test_a_fault_keeps_the_bytes_and_a_flood_of_them_is_cut(bench: Bench) -> None:
    payload = b"\xff\x00" * 10_000
    for number in range(500):
        bench.place.fault("z/desk", payload, "invalid_json", at=AT, now=bench.now + number / 1000)
    assert 100 <= len(bench.events) <= 110
    event: Any = bench.events[0]
    assert (event["kind"], event["what"], event["text"], event["topic"]) == (
        "gateway",
        "driver_fault",
        "invalid_json",
        "z/desk",
    )
    assert base64.b64decode(event["payload"]) == payload[:8192]
    bench.place.fault("z/desk", b"", "invalid_json", at=AT, now=bench.now + 10)
    untold = sum(dict(event).get("value", 0) for event in bench.events)  # type: ignore[misc]
    assert len(bench.events) + untold == 501, "every one is told or counted"
    assert bench.place.faults == 501


TOPICS = [
    ("esp_rfid", "gare/in/send"),
    ("esp_rfid", "gare/in/io/door"),
    ("zigbee2mqtt", "z/desk"),
    ("zigbee2mqtt", "z/desk/availability"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)
KNOWN_KEYS = [
    "type",
    "uid",
    "hostname",
    "time",
    "occupancy",
    "presence",
    "contact",
    "battery",
    "last_seen",
    "door",
    "co2",
]


@given(
    where=st.sampled_from(TOPICS),
    payload=st.binary(max_size=200)
    | st.dictionaries(st.sampled_from(KNOWN_KEYS), JSON, max_size=6).map(lambda value: json.dumps(value).encode()),
)
def test_whatever_a_device_says_is_an_event_of_the_contract_or_a_driver_error(
    where: tuple[str, str], payload: bytes
) -> None:
    bench = Bench()
    bench.build()
    try:
        bench.hear(*where, payload)
    except DriverError as error:
        bench.place.fault(where[1], payload, error.reason, at=AT, now=bench.now)
        assert bench.events


def test_a_card_key_that_is_none_is_refused() -> None:
    with pytest.raises(DriverError, match="hexadecimal"):
        Bench().build(card_key="not hex")


def test_secrets_do_not_show(tmp_path: Path) -> None:
    one: GatewayConfig = config()
    assert "5a5a" not in repr(one)
    assert "secret of" not in repr(one)
    assert CARD.hex() not in repr(Bench().build().__dict__)
