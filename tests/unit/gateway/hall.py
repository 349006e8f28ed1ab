"""A place whose rules ask for PINs, count passes and know who is in; and what it says and keeps."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from access import AccessList, Entry, Member, Right, Schedule, card_token, code_token, normalise, pin_hash, token_key
from access.rules import Allowance, DoorRules, PlaceRules, SpaceRules, Terms
from access.schedules import schedule_from_json
from gateway.config import GatewayConfig
from gateway.contract.wire import EVENT, Event
from gateway.door.hashing import Hashing
from gateway.place import Place

KEY: Final = "5a" * 32
_KEY: Final = token_key(KEY)
S: Final = 1_000_000
AT: Final = 1_795_425_600_000_000
"""Monday 23 November 2026, 09:20 UTC."""
ANNA, BEN, HOST = "04A1B2C3", "04A1B2C4", "04A1B2C5"
CODE: Final = "270119"
PIN: Final = "47118263"
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def token(uid: str) -> str:
    return card_token(_KEY, normalise(bytes.fromhex(uid)))


def config(**changes: Any) -> GatewayConfig:
    return GatewayConfig.model_validate(
        {
            "shard": 5,
            "place": "gare",
            "gateway": "gare-1",
            "card_key": KEY,
            "doors": [{"code": "entry", "lock": "reader-in"}, {"code": "lab", "lock": "reader-lab"}],
            "devices": [
                {"code": "reader-in", "kind": "reader", "driver": "esp_rfid", "address": "gare/in#in", "door": "entry"},
                {
                    "code": "reader-out",
                    "kind": "reader",
                    "driver": "esp_rfid",
                    "address": "gare/out#out",
                    "door": "entry",
                    "side": "out",
                },
                {
                    "code": "reader-lab",
                    "kind": "reader",
                    "driver": "esp_rfid",
                    "address": "gare/lab#lab",
                    "door": "lab",
                },
                {"code": "keys", "kind": "keypad", "driver": "zigbee2mqtt", "address": "z/keys", "door": "lab"},
                {
                    "code": "contact",
                    "kind": "contact",
                    "driver": "zigbee2mqtt",
                    "address": "z/contact",
                    "door": "entry",
                },
            ],
            **changes,
        }
    )


_ANNAS_PIN: Final = pin_hash(_KEY, "m-anna", PIN)
_CODE_TOKEN: Final = code_token(_KEY, CODE)
"""Hashed once: each takes 20 ms, and a property test makes hundreds of lists."""


def access_list(version: int = 1, *, made_at: int = AT, doors: Mapping[str, DoorRules] | None = None) -> AccessList:
    """Anna counts half-days and has a PIN; Ben has neither; the host supervises; a code opens the lab."""
    counted = Right(
        doors=None, schedule=None, pass_ref="p-anna", terms=Terms(allowance=Allowance(unit="half_day", limit=9))
    )
    hosting = Right(doors=None, schedule=None, terms=Terms(supervises=True))
    anna = Member(ref="m-anna", status="active", rights=(counted,), pin=_ANNAS_PIN)
    ben = Member(ref="m-ben", status="active", rights=(Right(doors=None, schedule=None),))
    host = Member(ref="m-host", status="active", rights=(hosting,))
    cleaner = Member(ref="m-code", status="active", rights=(Right(doors=frozenset({"lab"}), schedule=None),))
    cards = {token(ANNA): anna, token(BEN): ben, token(HOST): host, _CODE_TOKEN: cleaner}
    rules = {
        "entry": DoorRules(to_space="hall", passback="hard"),
        "lab": DoorRules(from_space="hall", to_space="lab"),
        **(doors or {}),
    }
    return AccessList(
        place="gare",
        version=version,
        made_at=datetime.fromtimestamp(made_at / S, UTC),
        time_zone="Europe/Paris",
        entries={one: Entry(token=one, member=member, status="active") for one, member in cards.items()},
        rules=PlaceRules(doors=rules, spaces={"hall": SpaceRules(), "lab": SpaceRules(parent="hall")}),
    )


def hours(first: str, last: str) -> Schedule:
    return schedule_from_json({day: [[first, last]] for day in DAYS})


@dataclass
class Hall:
    """The place, and what it says, does and keeps."""

    events: list[Event] = field(default_factory=list)
    commands: list[tuple[str, Any]] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    now: float = 100.0
    at: int = AT
    hashing: Hashing | None = None

    def __post_init__(self) -> None:
        self.build()

    def build(self, list_: AccessList | None = None, **changes: Any) -> Place:
        """Start the gateway (again), with what the disk has kept."""
        self.place = Place(
            config(**changes),
            append=self._append,
            publish=self._publish,
            now=self.now,
            keep=self._keep,
            hashing=self.hashing,
        )
        self.place.restore(self.kept)
        self.place.lists.current = list_ or access_list()
        self.place.tick(self.now, self.at)
        return self.place

    def _append(self, event: Event) -> None:
        EVENT.validate_python(event)
        self.events.append(event)
        self.order.append(event["kind"])

    def _publish(self, topic: str, payload: bytes, sent: Callable[[], None] | None) -> None:
        self.commands.append((topic, json.loads(payload)))
        self.order.append("unlock")
        if sent is not None:
            sent()

    def _keep(self, name: str, value: str, *, until: int | None = None) -> None:
        self.order.append("keep")
        if until == 0:
            self.kept.pop(name, None)
        else:
            self.kept[name] = value

    def rules(self, **doors: DoorRules) -> None:
        self.place.lists.current = access_list(doors=doors)

    def hear(self, driver: str, topic: str, payload: bytes, after_s: float = 2.0) -> None:
        self.wait(after_s, tick=False)
        self.place.hear(driver, topic, payload, at=self.at, now=self.now, decided=lambda: None)

    def wait(self, seconds: float, *, tick: bool = True) -> None:
        self.now += seconds
        self.at += round(seconds * S)
        if tick:
            self.place.tick(self.now, self.at)

    def badge(self, uid: str, reader: str = "in", after_s: float = 2.0) -> Mapping[str, Any]:
        message = {"type": "access", "uid": uid.lower(), "hostname": reader}
        return self.decided("esp_rfid", f"gare/{reader}/send", message, after_s)

    def type(self, code: str, after_s: float = 2.0, *, topic: str = "z/keys") -> Mapping[str, Any]:
        message = {"action": "disarm", "action_code": code, "action_transaction": 7, "action_zone": 23}
        return self.decided("zigbee2mqtt", topic, message, after_s)

    def decided(self, driver: str, topic: str, message: Any, after_s: float) -> Mapping[str, Any]:
        """Return the access event that it made; empty: none."""
        before = len(self.events)
        self.hear(driver, topic, json.dumps(message).encode(), after_s)
        return next((dict(one) for one in self.events[before:] if one["kind"] == "access"), {})

    def contact(self, *, is_open: bool, after_s: float = 1.0) -> None:
        self.hear("zigbee2mqtt", "z/contact", json.dumps({"contact": not is_open}).encode(), after_s)

    def told(self, *kinds: str) -> list[dict[str, Any]]:
        return [dict(event) for event in self.events if event["kind"] in kinds]

    def pass_through(self, uid: str, reader: str = "in") -> None:
        self.badge(uid, reader)
        self.contact(is_open=True)
        self.contact(is_open=False)
