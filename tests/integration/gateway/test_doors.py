"""A gateway's doors between real brokers, in a process that is killed: memory, PINs, enrolment, the muster."""

from __future__ import annotations

import base64
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
import zlib
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError

import pytest

from access import card_token
from access.rules import DoorRules
from gateway.config import write_gateways
from gateway.contract.sealed import ENROLLED, new_pair, unseal
from gateway.contract.signing import public_key
from gateway.door.presence import SLACK_US
from gateway.drivers.models.esp_rfid import READ_AGAIN_S
from gateway.settings import GatewaySettings
from maillage.embedded.process import free_port
from rights.card_secret import place_key
from tests.conftest import CentralBroker
from tests.integration.gateway.stage import Centre, Field, command
from tests.unit.gateway.hall import ANNA, BEN, CODE, PIN, S, access_list, config, token
from tests.unit.gateway.place_parts import SEED, badge, signed
from tests.waiting import until

MUSTER_KEY = "abcd-efgh-ijkl"
ASKS = {"lab": DoorRules(from_space="hall", to_space="lab", pin=True)}


class Gateway:
    """The process, as it is started in a place."""

    def __init__(self, told: GatewaySettings, centre: Centre, field: Field) -> None:
        self.port = free_port()
        self.centre = centre
        self.field = field
        self._environment = {
            **os.environ,
            "MAILLAGE_MQTT_URL": told.mqtt_url.get_secret_value(),
            "MAILLAGE_FIELD_MQTT_URL": told.field_mqtt_url.get_secret_value(),
            "MAILLAGE_GATEWAYS_FILE": str(told.gateways_file),
            "MAILLAGE_SPOOL": str(told.spool),
            "MAILLAGE_METRICS_PORT": str(self.port),
            "MAILLAGE_LOG_LEVEL": "DEBUG",
        }
        self._log = told.spool.with_name("gateway.log")
        keys = {"list_key": public_key(SEED), "mqtt_password": "secret of gare-1", "muster_key": MUSTER_KEY}
        write_gateways(told.gateways_file, (config(**keys),))
        self._process: subprocess.Popen[bytes] | None = None
        self._said: dict[bytes, float] = {}

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "maillage", "gateway"], env=self._environment, stdout=log, stderr=log
            )
        until(self._ready)

    def kill_9(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def stand_still(self, seconds: float) -> None:
        """Stop the process for some time, as a suspended machine does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        ends = time.monotonic() + seconds
        until(lambda: time.monotonic() > ends)
        self._process.send_signal(signal.SIGCONT)

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=60) as answer:
                return all(json.loads(answer.read()).values())
        except OSError:
            return False

    def take_list(self, **doors: DoorRules) -> None:
        made = access_list(made_at=int(time.time()) * S, doors=doors)
        self.centre.send("list", signed(made))
        until(lambda: self.centre.states and self.centre.states[-1].get("list_version") == 1)

    def badge(self, card: str, reader: str = "in") -> Any:
        return self._decided(f"gare/{reader}/send", badge(reader, bytes.fromhex(card)))

    def type(self, digits: str) -> Any:
        message = {"action": "disarm", "action_code": digits, "action_zone": 23, "action_transaction": 1}
        return self._decided("z/keys", json.dumps(message).encode())

    def contact(self, *, is_open: bool) -> None:
        number = len(self.centre.of_kind("door"))
        self.field.say("z/contact", json.dumps({"contact": not is_open}).encode())
        until(lambda: len(self.centre.of_kind("door")) > number)

    def _decided(self, topic: str, payload: bytes) -> Any:
        """Say it, but not so soon after the last time that it is the same act."""
        until(lambda: time.monotonic() - self._said.get(payload, 0) > READ_AGAIN_S + SLACK_US / S + 0.1)
        number = len(self.centre.of_kind("access"))
        self.field.say(topic, payload)
        until(lambda: len(self.centre.of_kind("access")) > number)
        self._said[payload] = time.monotonic()  # now the gateway has surely heard it
        return self.centre.of_kind("access")[-1]

    def muster(self, *, path: str = "/muster.json?place=gare", key: str | None = MUSTER_KEY) -> str:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}")
        if key is not None:
            request.add_header("Authorization", f"Bearer {key}")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return str(answer.read().decode())

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")


@pytest.fixture
def gateway(told: GatewaySettings, centre: Centre, field: Field) -> Iterator[Gateway]:
    made = Gateway(told, centre, field)
    made.start()
    yield made
    made.kill_9()


def opened(field: Field) -> list[str]:
    return [topic for topic, _ in field.commands]


def test_a_process_that_was_stopped_goes_on(gateway: Gateway) -> None:
    gateway.take_list(**ASKS)
    gateway.stand_still(13)
    ends = time.monotonic() + 4
    until(lambda: time.monotonic() > ends or not gateway.runs)  # it looks at its parts every second
    assert gateway.runs
    assert "gateway_part_died" not in gateway.log
    until(gateway._ready)
    assert gateway.badge(BEN)["decision"] == "granted"


def test_kill_9_forgets_neither_who_is_in_nor_what_was_used_nor_wrong_pins(
    gateway: Gateway, centre: Centre, field: Field
) -> None:
    gateway.take_list(**ASKS)
    gateway.contact(is_open=False)
    granted = gateway.badge(ANNA)
    assert (granted["decision"], len(granted["slots"])) == ("granted", 1)
    gateway.contact(is_open=True)
    until(lambda: centre.of_kind("access_taken"))
    (taken,) = centre.of_kind("access_taken")
    assert taken["pass_ref"] == "p-anna"
    assert "slots" not in taken, "anti-passback is hard there: the grant has counted"
    for wrong in ("0001", "0002", "0003", "0004", "0005"):
        assert gateway.type(wrong)["reason"] == "unknown_card"
    gateway.kill_9()

    gateway.start()
    assert gateway.badge(ANNA)["reason"] == "anti_passback"
    assert gateway.type(CODE)["reason"] == "too_many_tries"
    assert "slots" not in gateway.badge(ANNA, "out")
    again = gateway.badge(ANNA)
    assert (again["decision"], "slots" in again) == ("granted", False), "the half-day is used already"


def test_card_and_pin_and_what_is_typed_stays_here(gateway: Gateway, centre: Centre, field: Field) -> None:
    gateway.take_list(**ASKS)
    assert gateway.badge(ANNA, "lab")["reason"] == "pin_required"
    assert gateway.type("836251")["reason"] == "wrong_pin"
    granted = gateway.type(PIN)
    assert (granted["decision"], granted["device"]) == ("granted", "keys")
    until(lambda: opened(field) == ["gare/lab/cmd"])
    field.say("z/keys", b'{"action_code": "914275", "action')
    field.say("z/keys", b'{"action_code": {"x": 914275}}')
    until(lambda: len(faults(centre)) == 2)
    shown = b"".join(base64.b64decode(fault["payload"]) for fault in faults(centre)).decode()
    said = json.dumps(centre.events) + shown + gateway.log
    assert not any(digits in said for digits in (PIN, "836251", "914275"))
    assert "driver_fault" in gateway.log


def faults(centre: Centre) -> list[Any]:
    return [one for one in centre.of_kind("gateway") if one["what"] == "driver_fault"]


def test_a_card_is_enrolled_by_showing_it(gateway: Gateway, centre: Centre, field: Field) -> None:
    gateway.take_list()
    centre.send("command", command("enrol", nonce="1", door=None, device="reader-lab"))
    until(lambda: any(one["text"] == "enrol reader-lab" for one in centre.of_kind("audit")))
    assert gateway.badge(BEN)["decision"] == "granted", "another reader decides"
    field.say("gare/lab/send", badge("lab", bytes.fromhex("04AABBCCDDEEFF")))
    until(lambda: centre.replies)
    (reply,) = centre.replies
    assert (reply["id"], reply["outcome"]) == ("id-1", "done")
    assert reply["card"] == {
        "token": token("04AABBCCDDEEFF"),
        "last4": "EEFF",
        "format": "MIFARE7",
        "bits": f"{0x04AABBCCDDEEFF:056b}",
    }
    until(lambda: any(one["device"] == "reader-lab" for one in centre.of_kind("audit")))
    assert opened(field) == ["gare/in/cmd"]
    assert "AABBCC" not in (json.dumps(centre.events) + gateway.log).upper()


def test_a_thief_s_search_of_the_disk(gateway: Gateway, centre: Centre, field: Field, told: GatewaySettings) -> None:
    """The process is killed with events that the centre doesn't have; the card that was enrolled is sealed for it."""
    private, public = new_pair()
    gateway.take_list(**ASKS)
    new = "04AABBCCDDEEFF"
    seal_for = base64.b64encode(public).decode()
    centre.send("command", command("enrol", nonce="1", door=None, device="reader-in", seal_for=seal_for))
    until(lambda: any(one["text"] == "enrol reader-in" for one in centre.of_kind("audit")))
    field.say("gare/in/send", badge("in", bytes.fromhex(new)))
    until(lambda: centre.replies)
    card = centre.replies[0]["card"]
    assert (card["token"], card.get("bits")) == (token(new), None)
    bits = unseal(private, base64.b64decode(card["sealed"]), ENROLLED + b"id-1")
    assert int(bits, 2) == int(new, 16)
    assert gateway.badge(ANNA, "lab")["reason"] == "pin_required"
    assert gateway.type(PIN)["decision"] == "granted"
    assert gateway.type(CODE)["member"] == "m-code"
    assert gateway.badge("04D1D2D3")["reason"] == "unknown_card"
    centre.deaf.set()
    field.say("gare/in/send", badge("in", bytes.fromhex(BEN)))
    until(lambda: "gare/in/cmd" in opened(field))
    gateway.kill_9()

    disk = b"".join(one.read_bytes() for one in told.spool.parent.rglob("*") if one.is_file() and one.suffix != ".log")
    with sqlite3.connect(told.spool.with_name(told.spool.name + ".lists")) as lists:
        disk += b"".join(zlib.decompress(data) for (data,) in lists.execute("SELECT data FROM whole"))
    assert token(ANNA).encode() in disk, "this place's cards are found"
    elsewhere = place_key(bytes(32), "plage")
    for number in (ANNA, BEN, new, "04D1D2D3"):
        for secret in (number.encode(), bytes.fromhex(number)):
            assert secret not in disk.upper(), "a number in clear"
            assert secret not in disk, "a number in clear"
        there = card_token(elsewhere, number)
        assert there.encode() not in disk
        assert bytes.fromhex(there) not in disk
    for digits in (PIN, CODE):
        assert f'"{digits}"'.encode() not in disk
    assert bits not in disk
    assert elsewhere.hex().encode() not in disk


def test_an_evacuation_holds_the_doors_open_through_a_kill_9(gateway: Gateway, centre: Centre, field: Field) -> None:
    gateway.take_list()
    centre.send("command", command("evacuate", nonce="1", door=None))
    until(lambda: set(opened(field)) == {"gare/in/cmd", "gare/lab/cmd"})
    gateway.kill_9()
    field.commands.clear()
    gateway.start()
    until(lambda: set(opened(field)) == {"gare/in/cmd", "gare/lab/cmd"})
    until(lambda: opened(field).count("gare/lab/cmd") >= 2, what="told again before it falls shut")
    assert gateway.badge(ANNA)["reason"] == "lockdown"
    centre.send("command", command("release", nonce="2", door=None))
    until(lambda: len(centre.replies) == 2)
    assert gateway.badge(ANNA)["decision"] == "granted"


def test_the_muster_needs_no_centre(gateway: Gateway, centre: Centre, field: Field, mqtt: CentralBroker) -> None:
    gateway.take_list()
    gateway.badge(ANNA)
    mqtt.server.kill9()
    field.say("gare/in/send", badge("in", bytes.fromhex(BEN)))
    until(lambda: [one["member"] for one in json.loads(gateway.muster())["people"]] == ["m-ben", "m-anna"])
    roll = json.loads(gateway.muster())
    assert roll["counts"]["badged"] == 2
    page = gateway.muster(path="/muster?place=gare")
    assert "m-ben" in page
    assert "badge lu" in page
    form = urllib.request.Request(f"http://127.0.0.1:{gateway.port}/muster", data=f"key={MUSTER_KEY}".encode())
    with urllib.request.urlopen(form, timeout=60) as answer:
        assert "m-anna" in answer.read().decode()
    for key, status in ((None, 401), ("wrong", 403)):
        with pytest.raises(HTTPError) as caught:
            gateway.muster(key=key)
        with caught.value as answer:
            assert answer.code == status
            assert b"m-anna" not in answer.read()
    long = urllib.request.Request(f"http://127.0.0.1:{gateway.port}/muster", data=b"key=" + b"x" * 5000)
    with pytest.raises(HTTPError) as caught:
        urllib.request.urlopen(long, timeout=60)
    caught.value.close()
    assert caught.value.code == 413
    mqtt.server.restart()
    until(lambda: any("muster was read" in one["text"] for one in centre.of_kind("audit")))
