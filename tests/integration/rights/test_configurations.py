"""Configurations from the rows of the database to a gateway's door: made, sent, acknowledged, refused, set back."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from api.keys.owner import create_key
from database.pool import connect
from gateway.configuration.holder import ConfigurationHolder
from gateway.contract.configuration import Secrets
from gateway.contract.sealed import new_pair
from gateway.contract.signing import new_seed, public_key
from gateway.identity import Identity, read_identities, write_identity
from gateway.mqtt.loop import MqttLoop, parse_mqtt_url
from gateway.run import Process
from gateway.settings import GatewaySettings
from ingest.run import run as run_ingest
from ingest.settings import IngestSettings
from maillage.doctor.work import look_at_work
from maillage.embedded import EmbeddedMosquitto
from rights.card_secret import place_key
from rights.configurations import Configurations
from rights.configuring import Layout
from rights.gateways import gateways
from rights.layout import layouts
from rights.metrics import Metrics
from rights.run import run
from rights.settings import RightsSettings
from tests.api_server import api_process
from tests.conftest import CentralBroker, Database
from tests.integration.rights.network import Network
from tests.waiting import until

SEED = new_seed()
SECRET = "5a" * 32
KEY = place_key(bytes.fromhex(SECRET), "gare").hex()


@dataclass(slots=True, kw_only=True)
class Stage:
    """A network with one gateway that has joined, and the rights process once it is started."""

    network: Network
    rights: RightsSettings
    process: Process
    field: list[tuple[str, bytes]] = field(default_factory=list)

    @contextmanager
    def leading(self) -> Iterator[None]:
        """The rights process, for the time of the block."""
        stop = threading.Event()
        thread = threading.Thread(target=run, args=(self.rights, stop), daemon=True)
        thread.start()
        yield
        stop.set()
        thread.join(60)

    @property
    def holder(self) -> ConfigurationHolder:
        return self.process.holders["gare-1"]

    def devices(self) -> list[str]:
        return [one.code for one in self.process.places["gare-1"].config.devices]

    def until_settled(self, version: int) -> None:
        """Wait until the gateway holds this version, the newest that the centre has."""

        def settled() -> bool:
            newest = self.network.run(
                "SELECT version, fingerprint FROM gateway_configuration ORDER BY version DESC LIMIT 1"
            )
            return newest == [self.holder.acknowledged] and self.holder.version == version

        until(settled, what=f"version {version} is acknowledged")

    def add(self, code: str, driver: str = "zigbee2mqtt") -> None:
        self.network.run(
            "INSERT INTO device (gateway, place, code, kind, driver, address, space) SELECT g.id, g.place, %(code)s,"
            " 'presence_sensor', %(driver)s, 'z/' || %(code)s, s.id FROM gateway g JOIN space s ON s.place = g.place"
            " AND s.code = 'lab' WHERE g.code = 'gare-1'",
            code=code,
            driver=driver,
        )

    def hold(self, version: int | None) -> None:
        self.network.run("SELECT hold_configuration(id, %(v)s) FROM gateway WHERE code = 'gare-1'", v=version)

    def alarms(self) -> list[tuple[Any, ...]]:
        return self.network.run("SELECT kind, text FROM alarm WHERE kind LIKE 'configuration%%' ORDER BY id")


@pytest.fixture
def stage(
    network: Network, database: Database, mqtt: CentralBroker, field_mqtt: EmbeddedMosquitto, tmp_path: Path
) -> Iterator[Stage]:
    network.rights.close()
    private, public = new_pair()
    identity = Identity(
        directory=tmp_path / "identity",
        shard=1,
        place="gare",
        gateway="gare-1",
        broker=mqtt.url("gare-1"),
        api="http://127.0.0.1:1",
        list_keys=(public_key(SEED),),
    )
    write_identity(identity, key=b"", certificate=b"", authority=b"", sealing_key=private)
    network.run("UPDATE gateway SET sealing_key = %(key)s, joined_at = now() WHERE code = 'gare-1'", key=public)
    settings = GatewaySettings(
        field_mqtt_url=SecretStr(field_mqtt.url()),
        identity=identity.directory,
        spool=tmp_path / "spool.sqlite",
        metrics_port=0,
    )
    process = Process(settings, (), read_identities(identity.directory))
    rights = RightsSettings(
        database_url=SecretStr(database.as_login("rights_1")),
        mqtt_url=SecretStr(mqtt.url("rights")),
        list_signing_key=SecretStr(SEED),
        card_secret=SecretStr(SECRET),
        metrics_port=0,
    )
    yield Stage(network=network, rights=rights, process=process)
    process.stop()


def test_rows_reach_the_gateway_and_go_back_by_version(stage: Stage) -> None:
    network, place = stage.network, stage.process.places["gare-1"]
    with stage.leading():
        stage.until_settled(1)
        assert stage.devices() == ["reader"]
        assert place.config.doors[0].lock == "reader"
        assert place.config.card_key.get_secret_value() == KEY
        ((body,),) = network.run("SELECT body FROM gateway_configuration")
        assert KEY not in body
        assert network.run("SELECT count(*) FROM gateway_configuration") == [(1,)], "others have not joined"

        stage.add("motion")
        stage.until_settled(2)
        assert stage.devices() == ["reader", "motion"]
        network.run("UPDATE place SET name = 'Another name' WHERE code = 'gare'")
        network.run("UPDATE door SET unlock_s = 7 WHERE code = 'entry' AND place = at('gare')")
        stage.until_settled(3)
        assert place.config.doors[0].unlock_s == 7

        stage.add("strange", "nobodys")
        until(stage.alarms)
        assert [kind for kind, _ in stage.alarms()] == ["configuration_refused"]
        assert "unknown_driver: nobodys" in stage.alarms()[0][1]
        assert stage.holder.version == 3

        stage.hold(1)
        stage.until_settled(5)
        assert stage.devices() == ["reader"]
        assert place.config.doors[0].unlock_s == 5
        network.run("UPDATE device SET retired_at = now() WHERE code = 'strange'")
        until(lambda: network.run("SELECT count(*) FROM configuration_dirty") == [(0,)])
        assert stage.holder.version == 5, "it is held"
        stage.hold(None)
        stage.until_settled(6)
        assert stage.devices() == ["reader", "motion"]
        ended = "SELECT acknowledged_by FROM alarm WHERE kind = 'configuration_refused' AND until_at IS NOT NULL"
        until(lambda: network.run(ended) == [("rights",)], what="what was refused is taken: the alarm is over")
        assert [
            version for (version,) in network.run("SELECT back_to FROM gateway_configuration ORDER BY version")
        ] == [*(None, None, None, None, 1, None)]


def test_a_restored_database_and_a_changed_one_are_found(stage: Stage) -> None:
    network = stage.network
    with stage.leading():
        stage.until_settled(1)
        stage.add("motion")
        stage.until_settled(2)
        stage.add("climate")
        stage.until_settled(3)
    network.run("DELETE FROM gateway_configuration WHERE version > 1")
    with stage.leading():
        stage.until_settled(4)
        assert [kind for kind, _ in stage.alarms()] == ["configuration_drift"]
        assert "newer configuration than the centre" in stage.alarms()[0][1]
    network.run("UPDATE alarm SET acknowledged_at = now(), raised_at = now() - interval '2 hours'")
    network.run("UPDATE gateway_configuration SET body = body || ' ', fingerprint = repeat('0', 64) WHERE version = 4")
    with stage.leading():
        stage.until_settled(5)
        assert "another configuration under the number" in stage.alarms()[-1][1]


def test_the_signing_key_changes_while_the_gateway_runs(stage: Stage) -> None:
    place, following = stage.process.places["gare-1"], new_seed()
    lists = place.lists
    with stage.leading():
        stage.until_settled(1)
        until(lambda: lists.version == 1)
    stage.rights = stage.rights.model_copy(update={"list_signing_key_next": SecretStr(following)})
    with stage.leading():
        stage.until_settled(2)
        assert list(place.config.believed_keys) == [public_key(SEED), public_key(following)]
    stage.rights = stage.rights.model_copy(
        update={"list_signing_key": SecretStr(following), "list_signing_key_next": None}
    )
    with stage.leading():
        stage.until_settled(3)
        assert list(place.config.believed_keys) == [public_key(following)]
        until(lambda: lists.complaint is None, what="the list came again, signed with the new key")
        assert lists.version is not None


def test_one_that_is_shut_out_gets_none(stage: Stage) -> None:
    network = stage.network
    with stage.leading():
        stage.until_settled(1)
        network.run("UPDATE gateway SET revoked_at = now() WHERE code = 'gare-1'")
        stage.add("motion")
        until(lambda: network.run("SELECT count(*) FROM configuration_dirty") == [(0,)])
        assert network.run("SELECT count(*) FROM gateway_configuration") == [(1,)]
    assert json.loads(network.run("SELECT body FROM gateway_configuration")[0][0])["gateway"] == "gare-1"


def test_a_place_that_fails_keeps_no_other_from_its_configuration(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    network.run("UPDATE gateway SET sealing_key = %(key)s", key=new_pair()[1])
    made = Configurations(
        lambda _topic, _payload: None,
        SEED,
        Metrics(),
        list_keys=(public_key(SEED),),
        secrets=lambda _place: Secrets(card_key=KEY),
    )
    made.load(gateways(network.rights), lambda _address: None)
    made.begin(network.rights)
    (bad,) = [number for number, code in network.codes().items() if code == "port"]

    def failing(connection: Any, *, places: list[int], joined: bool) -> list[Layout]:
        if bad in places:
            raise ValueError("a row that makes no sense")
        return layouts(connection, places=places, joined=joined)

    monkeypatch.setattr("rights.configurations.layouts", failing)
    turns = 0
    while made.waits:
        made.turn(network.rights)
        turns += 1
        assert turns < 10
    assert network.run("SELECT g.code FROM gateway_configuration JOIN gateway g ON g.id = gateway ORDER BY 1") == [
        ("gare-1",),
        ("halle-1",),
    ]
    monkeypatch.undo()
    network.run("UPDATE door SET unlock_s = 4 WHERE place = at('port')")
    made.turn(network.rights)
    assert network.run("SELECT count(*) FROM gateway_configuration") == [(3,)]


def test_the_doctor_names_a_gateway_that_does_not_use_its_newest(network: Network) -> None:
    network.run("UPDATE gateway SET sealing_key = %(key)s, joined_at = now() WHERE code = 'gare-1'", key=new_pair()[1])
    network.run(
        "INSERT INTO gateway_configuration (gateway, place, version, body, fingerprint, made_of, made_at)"
        " SELECT id, place, 2, '{}', repeat('a', 64), '', now() - interval '1 hour' FROM gateway WHERE code = 'gare-1'"
    )
    network.run(
        "INSERT INTO gateway_state (gateway, place, online, heard_at, changed_at, config_version, config_fingerprint,"
        " config_refused) SELECT id, place, true, now(), now(), 1, repeat('b', 64), 'unknown_driver' FROM gateway"
        " WHERE code = 'gare-1'"
    )

    def said() -> list[str]:
        return [one.text for one in look_at_work(network.owner) if one.what == "configurations"]

    assert said() == ["1 of 1 online gateways don't use their newest, like gare-1: unknown_driver"]
    network.run("UPDATE gateway_state SET config_version = 2, config_fingerprint = repeat('a', 64)")
    assert said() == ["the newest is in use at all 1 online gateways that have joined"]


def test_a_desk_sensor_that_nobody_knew_counts_after_one_call(
    stage: Stage, database: Database, mqtt: CentralBroker, field_mqtt: EmbeddedMosquitto
) -> None:
    stage.network.run(
        "INSERT INTO desk (place, space, code, name) SELECT place, id, 'desk-1', 'Desk 1' FROM space"
        " WHERE place = at('gare') AND code = 'lab'"
    )
    stage.network.owner.commit()
    with connect(database.url, application_name="maillage test") as owner:
        key = create_key(owner, "manager", role="place_manager", places=["gare"])
    stop = threading.Event()
    storing = IngestSettings(
        database_url=SecretStr(database.as_login("ingest_1")), mqtt_url=SecretStr(mqtt.url("ingest")), metrics_port=0
    )
    ingest = threading.Thread(target=run_ingest, args=(storing, stop), daemon=True)
    ingest.start()
    devices = MqttLoop("devices")
    link = devices.add(parse_mqtt_url(field_mqtt.url()), client_id="sensor", on_message=lambda _message: None)
    devices.start()
    path = "/v1/places/gare/unassigned-devices"

    def says(count: int) -> None:
        uplink = {"deviceInfo": {"deviceProfileName": "VS341"}, "fPort": 85, "fCnt": count, "data": "AXVkAwAB"}
        uplink["deduplicationId"] = f"00000000-0000-4000-8000-00000000000{count}"
        link.publish("application/shop/device/24e124535b000001/event/up", json.dumps(uplink).encode())

    with stage.leading(), api_process(database.as_login("api_1")) as api:
        api.headers["Authorization"] = f"Bearer {key}"
        stage.until_settled(1)
        until(lambda: link.connected and stage.process.listening.connected)
        says(1)
        until(lambda: api.get(path).json()["unassigned_devices"], what="it is listed")
        (one,) = api.get(path).json()["unassigned_devices"]
        assert (one["model"], one["kind"], one["said"]) == ("VS341", "desk_sensor", "occupied, battery 100 %")
        made = api.post(f"{path}/{one['id']}/assign", json={"desk": "desk-1"})
        assert made.status_code == 201, made.text
        stage.until_settled(2)
        says(2)
        until(
            lambda: api.get("/v1/places/gare/occupancy").json()["spaces"][-1]["present"] == 1,
            what="the desk is occupied",
        )
        assert api.get(path).json() == {"unassigned_devices": []}
        until(lambda: not stage.process.listening.all("gare-1"), what="the gateway doesn't report it any more")
    stop.set()
    ingest.join(60)
    devices.stop()
