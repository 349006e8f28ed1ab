"""A card's number and a PIN stay out of dead letters and logs, however broken the message and the driver."""

from __future__ import annotations

import base64
import json
import logging
import time
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.devices.faults import SHOWN_BYTES, shown
from gateway.drivers.transports.zigbee2mqtt import Zigbee2Mqtt
from gateway.field.runtime import Runtime, _Arrival
from gateway.mqtt.loop import Message
from gateway.spool.spool import Spool
from tests.unit.gateway.hall import AT, Hall

SECRET = "93857261"
FILLER = st.dictionaries(
    st.sampled_from(["action", "battery", "type", "hostname", "é"]), st.integers(0, 999) | st.text("ab{},:")
)


@given(
    where=st.sampled_from(
        [("esp_rfid", "uid", False), ("esp_rfid", "data", False), ("zigbee2mqtt", "action_code", True)]
    ),
    around=st.tuples(FILLER, FILLER),
    form=st.sampled_from(["text", "number", "list", "object", "nested"]),
    cut=st.none() | st.integers(0, 400),
    tail=st.sampled_from([b"", b"}", b'"', b"\xff", b"\\"]),
)
def test_no_part_of_it_shows(
    where: tuple[str, str, bool], around: tuple[dict[str, Any], dict[str, Any]], form: str, cut: int | None, tail: bytes
) -> None:
    driver, name, keypad = where
    value: Any = {"text": SECRET, "number": int(SECRET), "list": [SECRET], "object": {"x": SECRET}, "nested": SECRET}[
        form
    ]
    message = around[0] | {name: value} | around[1]
    if form == "nested":
        message = {"list": [message]}
    payload = json.dumps(message).encode()
    payload = payload if cut is None else payload[:cut] + tail
    kept = shown(payload, driver, keypad=keypad)
    assert len(kept) <= SHOWN_BYTES
    assert not any(SECRET[at : at + 4].encode() in kept for at in range(len(SECRET) - 3))


def test_a_driver_s_bug_is_told_by_its_place_in_the_code(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    hall = Hall()
    spool = Spool(tmp_path / "spool.sqlite")
    runtime = Runtime([hall.place], spool=spool, boot="b", version="v", clock=lambda: AT)

    def decode(topic: str, payload: bytes, at: int) -> NoReturn:
        raise ValueError(f"no number: {payload!r}")

    monkeypatch.setattr(hall.place.drivers["zigbee2mqtt"], "decode", decode)
    try:
        payload = json.dumps({"action_code": SECRET}).encode()
        runtime._take(_Arrival(Message(topic="z/keys", payload=payload, retained=False), AT, time.perf_counter()))
    finally:
        spool.close()
    (fault,) = hall.told("gateway")
    assert fault["text"] == "driver_bug: ValueError"
    assert base64.b64decode(fault["payload"]) == b'{"action_code": "*"}'
    (record,) = [one for one in caplog.records if one.msg == "driver_failed"]
    assert record.__dict__["where"].startswith("decode:")
    caplog.set_level(logging.DEBUG)
    assert SECRET not in caplog.text + "".join(str(one.__dict__) for one in caplog.records)


def test_of_a_broken_message_on_any_topic_of_cards_only_the_length_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Zigbee2Mqtt, "live_subscriptions", lambda _: ("acme/+/card",))  # not a device's address
    hall = Hall()
    for topic, payload, kept in (
        ("acme/1/card", b"\xff" + SECRET.encode(), b"(9 bytes of a keypad)"),
        ("gare/in/send", b'{"type": 1, "uid": 93', b'{"type": 1, "uid":*'),
    ):
        hall.place.fault(topic, payload, "invalid_json", at=AT, now=hall.now, driver="esp_rfid")
        assert base64.b64decode(hall.told("gateway")[-1]["payload"]) == kept
