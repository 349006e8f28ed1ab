"""Who may do what at a place's broker, for each driver, and what a person types into the boards."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.config import GatewayConfig
from gateway.configuration.store import ConfigurationStore, Kept
from gateway.contract.configuration import SignedConfiguration
from gateway.contract.signing import public_key
from gateway.drivers.registry import installed
from gateway.identity import Identity, write_identity
from gateway.mqtt.filters import Routes
from maillage.field.files import acl, password_lines
from maillage.field.logins import FieldError, logins_of
from maillage.field.paper import Reach, json_text, paper
from maillage.field.passwords import new_password, passwords_for
from maillage.field.setup import Setup, set_up
from maillage.field.source import configured
from tests.unit.gateway.configurations import SEALING_KEY
from tests.unit.gateway.configurations import configured as signed_configuration
from tests.unit.gateway.place_parts import SEED, config

REACH = Reach(host="192.168.1.5", port=1883, tls_port=8883)


def house(*devices: tuple[str, str, str], place: str = "gare", gateway: str = "gare-1") -> GatewayConfig:
    listed = [{"code": code, "driver": driver, "address": address} for code, driver, address in devices]
    return GatewayConfig.model_validate({"shard": 0, "place": place, "gateway": gateway, "devices": listed})


def rights(*devices: tuple[str, str, str]) -> dict[str, list[str]]:
    """The lines of each user's rights."""
    blocks = [block.splitlines() for block in acl(logins_of([house(*devices)]).all).split("\n\n")]
    return {user.removeprefix("user "): lines for user, *lines in blocks}


def test_a_reader_says_its_own_and_hears_its_commands_which_the_gateway_alone_sends() -> None:
    assert rights(("in", "esp_rfid", "gare/in#in@192.168.1.20")) == {
        "gateway": ["topic write gare/in/cmd", "topic read #"],
        "gare.in": [
            "topic write gare/in/send",
            "topic write gare/in/tag",
            "topic write gare/in/avty",
            "topic write gare/in/io/+",
            "topic read gare/in/cmd",
        ],
    }


def test_zigbee_devices_and_keypads_speak_by_one_bridge_wherever_its_base_topic_is() -> None:
    told = rights(("desk", "zigbee2mqtt", "house/z2m/desk"), ("keys", "zigbee2mqtt", "house/z2m/hall/keys"))
    lines = told["gare.zigbee2mqtt"]
    assert set(told) == {"gateway", "gare.zigbee2mqtt"}
    for topic in ("house/z2m/+", "house/z2m/hall/+", "house/z2m/bridge/#", "house/z2m/+/availability"):
        assert f"topic write {topic}" in lines
    assert "topic read house/z2m/+/set/#" in lines
    assert not {"topic write #", "topic write house/#", "topic write house/z2m/#"} & set(lines)


def test_lorawan_sensors_speak_by_chirpstack() -> None:
    told = rights(
        ("d1", "chirpstack", "app-1/24e1"), ("d2", "chirpstack", "app-1/24e2"), ("d3", "chirpstack", "app-2/1")
    )
    assert told["gare.chirpstack"] == [
        "topic write application/app-1/device/+/event/+",
        "topic write eu868/gateway/#",
        "topic write application/app-2/device/+/event/+",
        "topic read application/app-1/device/+/command/+",
        "topic read eu868/gateway/#",
        "topic read application/app-2/device/+/command/+",
    ]


def test_the_gateway_may_write_to_locks_and_to_no_bridge() -> None:
    may: Routes[bool] = Routes()
    found = rights(
        ("desk", "zigbee2mqtt", "z2m/desk"), ("d1", "chirpstack", "app/24e1"), ("in", "esp_rfid", "gare/in#i")
    )
    for line in found["gateway"]:
        if line.startswith("topic write "):
            may.add(line.removeprefix("topic write "), True)
    assert may.of("gare/in/cmd")
    for topic in ("z2m/bridge/request/permit_join", "z2m/desk/set", "application/app/device/24e1/command/down"):
        assert not may.of(topic), topic


def test_every_driver_of_ours_says_its_topics() -> None:
    for name, driver in installed().items():
        assert driver.field_side is not None, name
        side = driver.field_side(driver.address_example)
        made = driver.make((house(("d", name, driver.address_example)).devices[0],))
        may: Routes[bool] = Routes()
        for topic in side.says:
            may.add(topic, True)
        for topic in made.live_subscriptions():
            assert may.of(topic.replace("+", "door")), (name, topic)


@pytest.mark.parametrize(
    ("devices", "words"),
    [
        ([("a", "esp_rfid", "gare/in\nuser evil\ntopic write x#a")], "topic"),
        ([("a:b", "esp_rfid", "gare/in#a")], "user name"),
        ([("a\ntopic write #", "esp_rfid", "gare/in#a")], "user name"),
        ([("a", "esp_rfid", "z/a#a"), ("b", "zigbee2mqtt", "z/a/b")], "could command"),
    ],
)
def test_what_would_widen_the_rights_is_refused(devices: list[tuple[str, str, str]], words: str) -> None:
    with pytest.raises(FieldError, match=words):
        logins_of([house(*devices)])


def test_a_board_at_any_topic_gets_no_login() -> None:
    found = logins_of([house(("a", "esp_rfid", "gare/+#a"))])
    assert found.all == ()
    assert found.without[0].startswith("a gets no login")


def test_boards_that_share_a_topic_are_named() -> None:
    found = logins_of([house(("a", "esp_rfid", "gare/in#a"), ("b", "esp_rfid", "gare/in#b"))])
    (sentence,) = found.shared
    assert "a and b share the topic gare/in" in sentence


def test_bridges_of_two_places_may_share_their_antennas() -> None:
    one, other = house(("a", "chirpstack", "app-1/1")), house(("a", "chirpstack", "app-2/2"), place="halle")
    assert [login.user for login in logins_of([one, other]).all] == ["gare.chirpstack", "halle.chirpstack"]


def test_one_code_at_two_gateways_makes_two_users() -> None:
    one, other = house(("a", "esp_rfid", "x#a")), house(("a", "esp_rfid", "y#a"), gateway="gare-2")
    assert [login.user for login in logins_of([one, other]).all] == ["gare-1.a", "gare-2.a"]


def test_a_driver_that_does_not_say_its_topics_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = replace(installed()["esp_rfid"], field_side=None)
    monkeypatch.setattr("maillage.field.logins.described", lambda _name: silent)
    found = logins_of([house(("a", "esp_rfid", "gare/in#a"))])
    assert not found.all
    assert "a gets no login: the driver esp_rfid does not say which topics" in found.without[0]


def test_passwords_are_kept_made_rotated_and_dropped() -> None:
    first = passwords_for(["gateway", "a", "b"], {})
    assert len(set(first.values())) == 3
    second = passwords_for(["gateway", "b", "c"], first, rotate=["b"])
    assert second["gateway"] == first["gateway"]
    assert second["b"] != first["b"]
    assert "a" not in second
    assert "c" in second


def test_a_password_is_typed_without_doubt() -> None:
    made = new_password()
    assert len(made) == 23
    assert not set(made) & set("0O1lIi")


def test_the_password_file_holds_no_password_and_changes_only_where_one_did() -> None:
    first = password_lines({"a": "one", "b": "two"})
    assert "one" not in first.replace("a:", "")
    again = password_lines({"a": "one", "b": "three"}, first)
    assert again.splitlines()[0] == first.splitlines()[0]
    assert again.splitlines()[1] != first.splitlines()[1]


def test_what_is_typed_into_a_board() -> None:
    (login,) = logins_of([house(("in", "esp_rfid", "gare/in#in"))]).all
    assert paper([login], {login.user: "k4huu-xfz6g"}, REACH, None).splitlines() == [
        "in (esp-rfid)",
        "  MQTT host  192.168.1.5",
        "  MQTT port  1883",
        "  User name  gare.in",
        "  Password   k4huu-xfz6g",
        "  Topic      gare/in",
    ]
    (told,) = json.loads(json_text([login], {login.user: "k4huu"}, REACH))["logins"]
    assert (told["user"], told["password"], told["hears"]) == ("gare.in", "k4huu", ["gare/in/cmd"])


def setup(directory: Path, **changes: Any) -> Setup:
    given: dict[str, Any] = {
        "out": directory / "broker",
        "seen": directory / "broker",
        "data": directory,
        "store": directory / "logins.json",
        "listen": None,
        "port": 1883,
        "tls_port": 8883,
        "simulator": False,
    }
    return Setup(**given | changes)


def test_setting_up_twice_changes_nothing_and_a_new_board_only_the_users(tmp_path: Path) -> None:
    first = set_up([config()], setup(tmp_path))
    assert (first.restart, first.reload, first.own_login) == (True, True, True)
    files = {path: path.read_bytes() for path in (tmp_path / "broker").iterdir()}
    second = set_up([config()], setup(tmp_path))
    assert (second.restart, second.reload, second.own_login) == (False, False, False)
    assert {path: path.read_bytes() for path in (tmp_path / "broker").iterdir()} == files
    assert {path.stat().st_mode & 0o77 for path in (*files, tmp_path / "logins.json")} == {0}
    fewer = config(devices=[one.model_dump() for one in config().devices[1:]])
    third = set_up([fewer], setup(tmp_path), rotate=["reader-lab"])
    assert (third.restart, third.reload, third.own_login) == (False, True, False)
    assert "gare.reader-in" not in third.passwords
    assert third.passwords["gare.reader-lab"] != first.passwords["gare.reader-lab"]
    assert third.passwords["gare.reader-out"] == first.passwords["gare.reader-out"]


@pytest.mark.parametrize(
    ("devices", "listen", "expected"),
    [
        ([("a", "esp_rfid", "x#a")], None, ["listener 1883", "listener 8883"]),
        ([("a", "esp_rfid", "x#a")], "192.168.1.5",
         ["listener 1883 192.168.1.5", "listener 1883 127.0.0.1", "listener 8883 192.168.1.5"]),
        ([("a", "zigbee2mqtt", "z/a")], None, ["listener 1883 127.0.0.1", "listener 8883"]),
    ],
)  # fmt: skip
def test_the_place_s_network_gets_a_plain_listener_only_for_boards_that_need_it(
    tmp_path: Path, devices: list[tuple[str, str, str]], listen: str | None, expected: list[str]
) -> None:
    set_up([house(*devices)], setup(tmp_path, listen=listen))
    text = (tmp_path / "broker" / "mosquitto.conf").read_text()
    assert [line for line in text.splitlines() if line.startswith("listener")] == expected
    assert "allow_anonymous false" in text
    assert "allow_anonymous true" not in text


def test_a_configuration_of_somebody_else_is_kept_aside(tmp_path: Path) -> None:
    (tmp_path / "broker").mkdir()
    (tmp_path / "broker" / "mosquitto.conf").write_text("listener 1\n")
    set_up([config()], setup(tmp_path))
    assert (tmp_path / "broker" / "mosquitto.conf.before").read_text() == "listener 1\n"


def test_the_devices_are_those_of_the_configuration_on_the_gateway_s_disk(tmp_path: Path) -> None:
    identity = Identity(
        directory=tmp_path / "identity",
        shard=5,
        place="gare",
        gateway="gare-1",
        broker="mqtts://centre:8883",
        api="https://centre",
        list_keys=(public_key(SEED),),
    )
    write_identity(identity, key=b"", certificate=b"", authority=b"", sealing_key=SEALING_KEY)
    spool = tmp_path / "spool.sqlite"
    with pytest.raises(FieldError, match="no configuration yet"):
        configured(identity.directory, spool)
    store = ConfigurationStore(tmp_path / "spool.sqlite.configurations")
    store.save("gare-1", Kept(current=SignedConfiguration.model_validate_json(signed_configuration(1))))
    (one,) = configured(identity.directory, spool)
    assert "gare.reader-in" in [login.user for login in logins_of([one]).all]
    forged = SignedConfiguration.model_validate_json(signed_configuration(1)).model_copy(update={"signature": "A" * 88})
    store.save("gare-1", Kept(current=forged))
    with pytest.raises(FieldError, match="can't be used"):
        configured(identity.directory, spool)
