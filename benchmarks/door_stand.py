"""The stand that taps are measured on: a field Mosquitto, a central Mosquitto and a gateway process with a list."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from access import AccessList, Entry, Member, Right, card_token, normalise, token_key
from access.compare import fingerprint
from access.rules import NO_RULES, PlaceRules
from access.schedules import DAYS, schedule_from_json
from gateway.config import GatewayConfig, write_gateways
from gateway.contract.configuration import Device, Door
from gateway.contract.signing import new_seed, public_key
from gateway.mqtt.loop import Message, MqttLoop, parse_mqtt_url
from maillage.embedded import EmbeddedMosquitto, fetch
from rights.packing import list_messages

CARDS: Final = 2_000
DESKS: Final = 24
KEY: Final = "5a" * 32
GATEWAY: Final = "bench-1"
_ECHO: Final = """
import sys
from paho.mqtt.client import CallbackAPIVersion, Client
client = Client(CallbackAPIVersion.VERSION2)
client.on_connect = lambda client, *_: client.subscribe("echo/ask", 1)
client.on_message = lambda client, _data, message: client.publish("echo/answer", message.payload, qos=1)
client.connect(sys.argv[1], int(sys.argv[2]))
client.loop_forever()
"""
"""The least that could answer at all: a paho client in a process of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """Both brokers and the gateway between them."""

    field: EmbeddedMosquitto
    central: EmbeddedMosquitto
    gateways: tuple[GatewayConfig, ...]
    """All of the process; the first is the one that is measured."""
    seed: str
    spool: Path
    pid: int
    """Of the gateway's process."""

    @property
    def gateway(self) -> GatewayConfig:
        """The gateway that is measured."""
        return self.gateways[0]


def nothing(_spool: Path) -> None:
    """Leave the spool empty."""


@contextmanager
def stand(*, others: int = 0, fill: Callable[[Path], None] = nothing) -> Iterator[Stand]:
    """Start both brokers, the gateway and the echo; stop them at the end.

    Args:
        others: gateways that run in the same process beside the one that is measured, each with as many devices.
        fill: called with the spool's path before the gateway starts.
    """
    bundle = fetch()
    directory = Path(tempfile.mkdtemp(prefix="maillage-tap-"))
    directory.chmod(0o755)
    spool = directory / "spool.sqlite"
    seed = new_seed()
    configs = tuple(_config(number, seed) for number in range(1, others + 2))
    users = {"ingest": "x", "rights": "z", **{one.gateway: "y" for one in configs}}
    central = EmbeddedMosquitto(directory / "central", bundle=bundle, users=users)
    field = EmbeddedMosquitto(directory / "field", bundle=bundle)
    write_gateways(directory / "gateways.json", configs)
    fill(spool)
    processes = []
    try:
        central.start()
        field.start()
        environment = {
            **os.environ,
            "MAILLAGE_MQTT_URL": f"mqtt://127.0.0.1:{central.port}",
            "MAILLAGE_FIELD_MQTT_URL": field.url(),
            "MAILLAGE_GATEWAYS_FILE": str(directory / "gateways.json"),
            "MAILLAGE_SPOOL": str(spool),
            "MAILLAGE_METRICS_PORT": "0",
            "MAILLAGE_LOG_LEVEL": "WARNING",
        }
        processes.append(subprocess.Popen([sys.executable, "-m", "maillage", "gateway"], env=environment))
        processes.append(subprocess.Popen([sys.executable, "-c", _ECHO, "127.0.0.1", str(field.port)]))
        yield Stand(field=field, central=central, gateways=configs, seed=seed, spool=spool, pid=processes[0].pid)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(20)
        field.stop()
        central.stop()
        shutil.rmtree(directory, ignore_errors=True)


def _config(number: int, seed: str) -> GatewayConfig:
    """Return the gateway that is measured (the first), or another one like it with topics of its own."""
    of = "" if number == 1 else f"-{number}"
    reader = Device(code="reader", driver="esp_rfid", address=f"bench/entry{of}#reader", door="entry")
    keypad = Device(
        code="keypad",
        kind="keypad",
        driver="esp_rfid",
        model="wiegand-keypad",
        address=f"bench/keypad{of}#keypad",
        door="entry",
    )
    desks = [
        Device(code=f"desk-{desk}", driver="zigbee2mqtt", address=f"zigbee2mqtt{of}/desk-{desk}")
        for desk in range(DESKS)
    ]
    return GatewayConfig.model_validate(
        {
            "shard": 0,
            "place": f"bench{of}",
            "gateway": f"bench-{number}",
            "mqtt_password": "y",
            "list_key": public_key(seed),
            "card_key": KEY,
            "doors": [Door(code="entry", lock="reader")],
            "devices": [reader, keypad, *desks],
        }
    )


@contextmanager
def driven() -> Iterator[MqttLoop]:
    """Run a loop for the benchmark's own connections."""
    loop = MqttLoop("bench")
    loop.start()
    try:
        yield loop
    finally:
        loop.stop()


def deliver_list(stand: Stand, loop: MqttLoop, whole: AccessList | None = None, *, commits: bool = True) -> None:
    """Send the list until the gateway says that it has it.

    Args:
        whole: the list, version 1; None: ``small_list``.
        commits: answer batches with marks as well, as the ingest does.
    """
    address = stand.gateway.address
    applied = threading.Event()

    def hear(message: Message) -> None:
        body = json.loads(message.payload)
        if message.topic == address.topic("state"):
            if body.get("list_version") == 1:
                applied.set()
            return
        mark = {"epoch": body["epoch"], "seq": body["first"] + len(body["events"]) - 1}
        link.publish(address.topic("committed"), json.dumps(mark).encode(), retain=True)

    heard = [address.topic("state"), *([address.topic("events")] if commits else [])]
    link = loop.add(
        parse_mqtt_url(stand.central.url("ingest")),
        client_id="centre",
        on_message=hear,
        subscriptions=[(topic, 1) for topic in heard],
    )
    rights = loop.add(parse_mqtt_url(stand.central.url("rights")), client_id="rights", on_message=lambda _message: None)
    whole = whole or small_list()
    parts = list_messages(whole, fingerprint(whole), stand.seed)
    for _ in range(60):
        for part in parts:
            rights.publish(address.topic("list"), part)
        if applied.wait(0.5):
            return
    raise SystemExit("the gateway takes no list")


def card(number: int) -> str:
    """Return the card's bytes in hexadecimal, as the reader sends them."""
    return number.to_bytes(4, "big").hex()


def small_list(
    *,
    place: str = "bench",
    cards: int = CARDS,
    pins: Mapping[str, str] | None = None,
    rules: PlaceRules = NO_RULES,
) -> AccessList:
    """Return the list of the cards that are read, version 1; ``pins``: what a list holds of PINs, by member."""
    week = schedule_from_json({day: [["00:00", "12:00"], ["12:00", "24:00"]] for day in DAYS})
    key = token_key(KEY)
    entries = {}
    for number in range(cards):
        token = card_token(key, normalise(number.to_bytes(4, "big")))
        ref = member_of(number)
        right = Right(doors=None, schedule=week)
        member = Member(ref=ref, status="active", rights=(right,), pin=(pins or {}).get(ref))
        entries[token] = Entry(token=token, member=member, status="active")
    return AccessList(
        place=place,
        version=1,
        made_at=datetime.now(UTC),
        time_zone="Europe/Paris",
        max_age_s=86_400,
        entries=entries,
        rules=rules,
    )


def member_of(number: int) -> str:
    """Return whose the card is: every member has two."""
    return f"m-{number // 2:04}"
