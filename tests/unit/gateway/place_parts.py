"""A small place to test with: one door with readers on both sides and a contact, one desk."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from access import AccessList, Entry, Member, Right, card_token, normalise, token_key
from access.compare import delta, fingerprint
from gateway.config import GatewayConfig
from gateway.contract.signing import new_seed, public_key
from gateway.contract.wire import EVENT, Event
from gateway.place import Place
from rights.packing import delta_message, list_messages

KEY = "5a" * 32
SEED = new_seed()
CARD = bytes.fromhex("04A1B2C3")
TOKEN = card_token(token_key(KEY), normalise(CARD))
AT = 1_795_300_000_000_000
S = 1_000_000


def config(**changes: Any) -> GatewayConfig:
    return GatewayConfig.model_validate(
        {
            "shard": 5,
            "place": "gare",
            "gateway": "gare-1",
            "mqtt_password": "secret of gare-1",
            "list_key": public_key(SEED),
            "card_key": KEY,
            "doors": [{"code": "entry", "lock": "reader-in"}, {"code": "lab", "lock": "nobody"}],
            "devices": [
                {"code": "reader-in", "driver": "esp_rfid", "address": "gare/in#in", "door": "entry"},
                {"code": "reader-out", "driver": "esp_rfid", "address": "gare/out#out", "door": "entry", "side": "out"},
                {"code": "reader-lab", "driver": "esp_rfid", "address": "gare/lab#lab", "door": "lab"},
                {"code": "contact", "driver": "zigbee2mqtt", "address": "z/contact", "door": "entry"},
                {"code": "desk", "driver": "zigbee2mqtt", "address": "z/desk", "expect_every_s": 600},
            ],
            **changes,
        }
    )


def access_list(version: int = 1, *, place: str = "gare", made_at: int = AT, **changes: Any) -> AccessList:
    member = Member(ref="m-1abc", status="active", rights=(Right(doors=frozenset({"entry"}), schedule=None),))
    return AccessList(
        place=place,
        version=version,
        made_at=datetime.fromtimestamp(made_at / S, UTC),
        time_zone="Europe/Paris",
        entries={TOKEN: Entry(token=TOKEN, member=member, status="active")},
        **changes,
    )


def signed(one: AccessList, *, seed: str = SEED) -> bytes:
    """The one part of a small whole list."""
    (part,) = list_messages(one, fingerprint(one), seed)
    return part


def change(old: AccessList, new: AccessList, *, seed: str = SEED) -> bytes:
    """The delta from ``old`` to ``new``."""
    return delta_message(delta(old, new), seed)


def badge(host: str, uid: bytes = CARD, **more: Any) -> bytes:
    return json.dumps({"type": "access", "uid": uid.hex(), "hostname": host, "isKnown": "true", **more}).encode()


@dataclass
class Bench:
    """A place whose events and commands are caught."""

    events: list[Event] = field(default_factory=list)
    commands: list[tuple[str, Any]] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    now: float = 100.0
    at: int = AT

    def build(self, **changes: Any) -> Place:
        def append(event: Event) -> None:
            EVENT.validate_python(event)
            self.events.append(event)
            self.order.append(event["kind"])

        def publish(topic: str, payload: bytes, sent: Callable[[], None] | None) -> None:
            self.commands.append((topic, json.loads(payload)))
            self.order.append("unlock")
            if sent is not None:
                sent()

        self.place = Place(config(**changes), append=append, publish=publish, now=self.now)
        return self.place

    def hear(self, driver: str, topic: str, payload: bytes, after_s: float = 2.0) -> None:
        self.now += after_s
        self.at += round(after_s * S)
        self.place.hear(driver, topic, payload, at=self.at, now=self.now, decided=lambda: None)
