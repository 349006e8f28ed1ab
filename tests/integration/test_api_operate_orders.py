"""Orders and enrolments from HTTP to the lock and back: a real API, rights process, broker and gateway."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from api.cards.enrolments import Enrolment
from api.orders.lockdowns import Lockdowns
from api.orders.orders import Order
from api.orders.routes import Orders
from gateway.config import GatewayConfig, write_gateways
from gateway.contract.signing import new_seed, public_key
from gateway.mqtt.loop import Message, MqttLoop, parse_mqtt_url
from gateway.run import Process
from gateway.settings import GatewaySettings
from maillage.embedded import EmbeddedMosquitto
from maillage.embedded.bundle import Bundle
from rights.card_secret import place_key
from rights.run import run as run_rights
from rights.settings import RightsSettings
from tests.cards import CARD_SECRET, SECRET
from tests.managed import Managed, managed
from tests.operated import door, token
from tests.waiting import until

OPEN = {"cmd": "opendoor", "doorip": "in"}
UID = "04D71B5A"
ENTRY = "/v1/places/limoges/doors/entry"


@dataclass(slots=True, kw_only=True)
class Stage:
    """Everything from the API to the lock."""

    network: Managed
    told: GatewaySettings
    config: GatewayConfig
    opened: list[Any]
    link: Any
    batches: list[Any]
    gateway: Process | None = None

    def begin(self) -> None:
        self.gateway = Process(self.told, (self.config,))
        gateway = self.gateway
        until(lambda: gateway.runtime.connected and gateway.uplink.connected() == 1)
        self.network.centre.gateway("limoges", online=True)

    def end(self) -> None:
        if self.gateway is not None:
            self.gateway.stop()
            self.gateway = None
        self.network.centre.gateway("limoges", online=False)

    def badge(self, uid: str) -> None:
        message = {"type": "access", "uid": uid, "hostname": "in", "isKnown": "true"}
        self.link.publish("limoges/entry/send", json.dumps(message).encode())

    def decided(self, card: str) -> dict[str, Any]:
        """What the gateway decided last on a card."""
        events = [event for batch in self.batches for event in batch["events"] if event.get("card") == token(card)]
        return dict(events[-1]) if events else {}

    def order(self, who: str, path: str, body: Any = None) -> httpx.Response:
        return self.network.call(who, "POST", path, body)


@pytest.fixture(scope="module")
def stage(
    postgres_url: str, _template: str, bundle: Bundle, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    directory, seed = tmp_path_factory.mktemp("orders"), new_seed()
    central = EmbeddedMosquitto(
        directory / "central", bundle=bundle, users={"ingest": "i", "rights": "r", "limoges-1": "g"}
    )
    field = EmbeddedMosquitto(directory / "field", bundle=bundle)
    central.start()
    field.start()
    loop, opened, stop = MqttLoop("test"), list[Any](), threading.Event()
    loop.start()
    link = loop.add(
        parse_mqtt_url(field.url()),
        client_id="devices",
        on_message=lambda message: opened.append(json.loads(message.payload)),
        subscriptions=[("limoges/+/cmd", 1)],
    )
    batches: list[Any] = []

    def take(message: Message) -> None:
        batch = json.loads(message.payload)
        batches.append(batch)
        mark = {"epoch": batch["epoch"], "seq": batch["first"] + len(batch["events"]) - 1}
        ingest.publish(message.topic.replace("/events", "/committed"), json.dumps(mark).encode(), retain=True)

    ingest = loop.add(
        parse_mqtt_url(central.url("ingest")),
        client_id="ingest",
        on_message=take,
        subscriptions=[("maillage/v1/+/+/+/events", 1)],
    )
    with managed(postgres_url, _template) as network:
        door(network)
        rights = RightsSettings(
            database_url=SecretStr(network.database.as_login("rights_1")),
            mqtt_url=SecretStr(central.url("rights")),
            list_signing_key=SecretStr(seed),
            card_secret=SecretStr(CARD_SECRET),
            metrics_port=0,
        )
        carrying = threading.Thread(target=run_rights, args=(rights, stop), name="rights")
        carrying.start()
        readers = [
            {
                "code": f"entry-{side}",
                "driver": "esp_rfid",
                "address": f"limoges/entry#{side}",
                "door": "entry",
                "side": side,
            }
            for side in ("in", "out")
        ]
        config = GatewayConfig.model_validate(
            {
                "shard": 1, "place": "limoges", "gateway": "limoges-1", "mqtt_password": "g",
                "list_key": public_key(seed), "card_key": place_key(SECRET, "limoges").hex(),
                "doors": [{"code": "entry", "lock": "entry-in"}], "devices": readers,
            }
        )  # fmt: skip
        told = GatewaySettings(
            mqtt_url=SecretStr(f"mqtt://127.0.0.1:{central.port}"),
            field_mqtt_url=SecretStr(field.url()),
            gateways_file=directory / "gateways.json",
            spool=directory / "spool.sqlite",
            metrics_port=0,
        )
        write_gateways(told.gateways_file, (config,))
        made = Stage(network=network, told=told, config=config, opened=opened, link=link, batches=batches)
        made.begin()
        try:
            yield made
        finally:
            made.end()
            stop.set()
            carrying.join(60)
            loop.stop()
            central.stop()
            field.stop()


def test_a_door_is_unlocked_and_the_outcome_comes_as_it_happens(stage: Stage) -> None:
    stage.opened.clear()
    started = time.monotonic()
    answer = stage.order("desk", f"{ENTRY}/unlock?wait=10")
    took = time.monotonic() - started
    assert answer.status_code == 200, answer.text
    Orders.model_validate_json(answer.content)
    (one,) = answer.json()["orders"]
    assert (one["outcome"], one["why"], one["by"].split()[-1], one["gateway"]) == ("done", None, "desk", "limoges-1")
    until(lambda: OPEN in stage.opened)
    print(f"unlock, from HTTP to the outcome: {took * 1000:.0f} ms")
    again = stage.network.get("desk", f"/v1/commands/{one['id']}")
    Order.model_validate_json(again.content)
    assert again.json() == one
    assert stage.network.get("isle", f"/v1/commands/{one['id']}").status_code == 404
    assert len(stage.opened) == 1


def test_an_order_without_waiting_is_followed_by_its_id(stage: Stage) -> None:
    answer = stage.order("desk", f"{ENTRY}/unlock", {"expires_s": 20})
    assert answer.status_code == 202
    one = answer.json()["orders"][0]
    assert one["outcome"] is None
    assert stage.network.get("desk", f"/v1/commands/{one['id']}?wait=10").json()["outcome"] == "done"


def test_a_lockdown_stands_until_its_own_release(stage: Stage) -> None:
    network = stage.network
    assert stage.order("desk", "/v1/places/limoges/lockdown").status_code == 403
    assert stage.order("manager", "/v1/lockdown", {"confirm": "network"}).status_code == 403
    assert stage.order("admin", "/v1/lockdown", {}).status_code == 422
    place = stage.order("manager", "/v1/places/limoges/lockdown?wait=10")
    assert (place.status_code, place.json()["orders"][0]["outcome"]) == (200, "done")
    assert [one["of"] for one in place.json()["lockdowns"]] == ["place"]
    again = stage.order("manager", "/v1/places/limoges/lockdown?wait=10")
    assert [one["of"] for one in again.json()["lockdowns"]] == ["place"]
    stage.order("manager", f"{ENTRY}/lockdown?wait=10")
    everywhere = stage.order("admin", "/v1/lockdown?wait=0.2", {"confirm": "network"})
    assert {one["gateway"] for one in everywhere.json()["orders"]} == {"limoges-1", "isle-1"}
    assert [one["of"] for one in everywhere.json()["lockdowns"]] == ["network", "place", "door"]
    released = stage.order("manager", "/v1/places/limoges/release?wait=10")
    assert [one["of"] for one in released.json()["lockdowns"]] == ["network", "door"]
    stage.order("admin", "/v1/release?wait=0.2", {"confirm": "network"})
    seen = network.get("desk", "/v1/lockdowns?place=limoges")
    Lockdowns.model_validate_json(seen.content)
    assert [(one["of"], one["door"], one["by"].split()[-1]) for one in seen.json()["lockdowns"]] == [
        ("door", "entry", "manager")
    ]
    assert network.get("isle", "/v1/lockdowns").json()["lockdowns"] == []
    stage.order("manager", f"{ENTRY}/release?wait=10")
    assert network.get("desk", "/v1/lockdowns").json()["lockdowns"] == []
    why = {"place": "limoges", "door": "entry", "number": "0A0A0A0A"}
    ref = network.someone("Eva Cue")
    network.card(ref, "0A0A0A0A")
    network.post("admin", f"/v1/members/{ref}/passes", {"places": [{"place": "limoges"}]})
    until(lambda: network.post("desk", "/v1/decisions/explain", why).json().get("reason") == "granted")
    assert stage.order("manager", "/v1/places/limoges/evacuate?wait=10").json()["orders"][0]["outcome"] == "done"
    assert network.post("desk", "/v1/decisions/explain", why).json()["rule"] == "evacuation"
    assert stage.order("manager", "/v1/places/limoges/release?wait=10").json()["orders"][0]["outcome"] == "done"
    assert network.post("desk", "/v1/decisions/explain", why).json()["reason"] == "granted"
    actions = {line["action"] for line in network.get("auditor", "/v1/audit?limit=1000").json()["lines"]}
    assert {"lockdown created", "lockdown changed", "command created"} <= actions


def test_the_explanation_says_what_the_gateway_does(stage: Stage) -> None:
    network = stage.network
    never = {"code": "never", "name": "Jamais", "hours": {}}
    assert network.post("admin", "/v1/schedules", never).status_code == 201
    cases: dict[str, tuple[str, dict[str, Any] | None, dict[str, Any]]] = {
        "C0000001": ("granted", {}, {}),
        "C0000002": ("card_lost", {}, {"status": "lost"}),
        "C0000003": ("outside_schedule", {"schedule": "never"}, {}),
        "C0000004": ("unknown_card", None, {}),
        "C0000005": ("pass_not_started", {"valid_from": "2199-01-01T00:00:00Z"}, {}),
        "C0000006": ("pass_used_up", {"allowance": {"unit": "day", "limit": 0}}, {}),
        "C0000007": ("booking_required", {"booked": True}, {}),
    }
    for number, (_, given, change) in cases.items():
        ref = network.someone(number)
        card = network.card(ref, number)
        if given is not None:
            answer = network.post("admin", f"/v1/members/{ref}/passes", {"places": [{"place": "limoges"}], **given})
            assert answer.status_code == 201, answer.text
        if change:
            assert network.call("admin", "PATCH", f"/v1/cards/{card}", change, if_match="*").status_code == 200
    last = {"place": "limoges", "door": "entry", "number": "C0000007"}

    def known() -> bool:
        told = network.post("desk", "/v1/decisions/explain", last).json()
        return bool(told["reason"] == "booking_required" and told["list"]["gateways"][0]["knows"])

    until(known)
    for number, (reason, _, _) in {**cases, "C0FFEE00": ("unknown_card", None, {})}.items():
        stage.badge(number)
        decided = until(partial(stage.decided, number))
        told = network.post("desk", "/v1/decisions/explain", {**last, "number": number}).json()
        assert (decided["reason"], told["reason"]) == (reason, reason), number
        assert (decided["rule"], decided["decision"]) == (told["rule"], told["decision"])


def test_a_card_is_enrolled_by_presenting_it(stage: Stage) -> None:
    network = stage.network
    begun = network.post("desk", "/v1/enrolments", {"place": "limoges", "reader": "entry-in"})
    assert begun.status_code == 202, begun.text
    Enrolment.model_validate_json(begun.content)
    path = begun.headers["location"]
    assert begun.json()["state"] == "waiting"

    def shown() -> dict[str, Any]:
        told: dict[str, Any] = network.get("desk", f"{path}?wait=0.3").json()
        if told["state"] == "waiting":
            stage.badge(UID)
            return {}
        # the raw bits come by a message of their own
        return {} if told["state"] == "read" and told["raw"] is None else told

    told = until(shown)
    Enrolment.model_validate(told)
    assert (told["state"], told["last4"], told["format"], told["bits"], told["card"]) == (
        "read", "1B5A", "MIFARE4", 32, None,
    )  # fmt: skip
    bits = f"{int(UID, 16):032b}"
    assert told["raw"] == bits
    assert network.get("manager", path).json()["raw"] is None, "only the key that ordered it sees the bits"
    ref = network.someone("En Rolled")
    assert network.post("desk", f"/v1/members/{ref}/cards", {"enrolment": told["id"]}).status_code == 201
    known = network.get("desk", path).json()
    assert (known["card"]["member"], known["card"]["status"]) == (ref, "active")
    assert ref in known["hint"]
    everything = json.dumps(
        network.sql("SELECT to_jsonb(e) FROM enrolment e")
        + network.sql("SELECT to_jsonb(a) FROM enrolment_answer a")
        + network.sql("SELECT body FROM audit_detail")
    )
    assert bits not in everything
    assert UID not in everything.upper()


def test_a_number_that_is_random_at_each_reading_is_not_enrolled(stage: Stage) -> None:
    network = stage.network
    path = network.post("desk", "/v1/enrolments", {"place": "limoges", "reader": "entry-in"}).headers["location"]

    def shown() -> dict[str, Any]:
        told: dict[str, Any] = network.get("desk", f"{path}?wait=0.3").json()
        if told["state"] == "waiting":
            stage.badge("08A1B2C3")
        return told if told["state"] == "read" else {}

    told = until(shown)
    assert "random UID" in told["hint"]
    refused = network.post("desk", f"/v1/members/{network.someone('Pho Ne')}/cards", {"enrolment": told["id"]})
    assert refused.status_code == 422
    assert "random UID" in refused.json()["detail"]


def test_a_reader_that_is_set_wrongly_is_found_out(stage: Stage) -> None:
    network = stage.network
    ref = network.someone("Back Wards")
    card = network.card(ref, "0D387400")
    path = network.post("desk", "/v1/enrolments", {"place": "limoges", "reader": "entry-in"}).headers["location"]

    def shown() -> dict[str, Any]:
        told: dict[str, Any] = network.get("desk", f"{path}?wait=0.3").json()
        stage.badge("0074380D")
        return told if told["state"] == "read" else {}

    told = until(shown)
    assert told["card"] is None
    assert told["lookalikes"] == [
        {"how": "in reversed byte order", "card": {"ref": card, "member": ref, "status": "active"}}
    ]
    assert "set wrongly" in told["hint"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (f"{ENTRY}/unlock", {"expires_s": 0}, 422),
        (f"{ENTRY}/unlock", {"why": "x"}, 422),
        (f"{ENTRY}/unlock?wait=99", None, 422),
        ("/v1/places/limoges/doors/attic/unlock", None, 404),
        ("/v1/places/atlantis/doors/entry/unlock", None, 404),
        ("/v1/places/isle/doors/entry/unlock", None, 403),
        ("/v1/enrolments", {"place": "limoges", "reader": "nobody"}, 422),
        ("/v1/enrolments", {"place": "isle", "reader": "entry-in"}, 403),
        ("/v1/enrolments", {"place": "limoges"}, 422),
    ],
)
def test_orders_that_make_no_sense(stage: Stage, path: str, body: Any, status: int) -> None:
    before = stage.network.sql("SELECT count(*) FROM command")
    answer = stage.order("desk", path, body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert stage.network.sql("SELECT count(*) FROM command") == before


def test_a_door_that_no_gateway_has(stage: Stage) -> None:
    assert stage.order("isle", "/v1/places/isle/doors/entry/unlock").status_code == 409


def test_an_order_that_nobody_hears_is_undelivered_and_says_why(stage: Stage) -> None:
    stage.end()
    stage.opened.clear()
    sent = stage.order("desk", f"{ENTRY}/unlock?wait=0.3", {"expires_s": 1})
    assert sent.status_code == 202
    one = sent.json()["orders"][0]
    assert "offline since" in one["why"]
    told = until(
        lambda: (found := stage.network.get("desk", f"/v1/commands/{one['id']}?wait=10").json())["outcome"] and found
    )
    assert (told["outcome"], told["sent_at"]) == ("undelivered", None)
    assert "offline since" in told["why"]
    stage.begin()
    assert stage.order("desk", f"{ENTRY}/unlock?wait=10").json()["orders"][0]["outcome"] == "done"
    until(lambda: OPEN in stage.opened)
    assert stage.opened == [OPEN], "what had expired was never carried out"


def test_a_lost_connection_loses_no_answer(stage: Stage) -> None:
    stage.network.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'maillage-api-answers' AND datname = current_database()"
    )
    answer = stage.order("desk", f"{ENTRY}/unlock?wait=15")
    assert answer.json()["orders"][0]["outcome"] == "done"
