"""What drivers state about themselves holds."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.config import write_gateways
from gateway.devices.faults import shown
from gateway.drivers import DriverError, registry
from gateway.drivers.description import DriverDescription
from gateway.drivers.registry import Unusable, described, drivers_for, installed, secrets_of, unfit
from maillage.doctor.checks import _gateways
from tests.unit.drivers.samples import device
from tests.unit.gateway.place_parts import config

ROOT = Path(__file__).parents[3]
ROOMS = ("access", "api", "dashboards", "gateway", "ingest", "jobs", "maillage", "occupancy", "process", "rights")


@pytest.mark.parametrize("driver", installed().values(), ids=lambda driver: driver.name)
def test_an_example_is_an_address_and_locks_are_as_stated(driver: DriverDescription) -> None:
    made = drivers_for([device(driver.name, driver.address_example)])[driver.name]
    assert made.subscriptions()
    for capability, send in (("unlocks", made.unlock), ("holds_open", made.hold_open)):
        if capability in driver.capabilities:
            assert send("d1", 5.0)[0]
        else:
            with pytest.raises(DriverError):
                send("d1", 5.0)


@pytest.mark.parametrize("driver", installed().values(), ids=lambda driver: driver.name)
def test_a_bad_address_is_refused_with_an_example(driver: DriverDescription) -> None:
    with pytest.raises(DriverError) as refused:
        drivers_for([device(driver.name, "nonsense")])
    assert refused.value.reason.startswith("bad_address: device d1: ")
    assert driver.address_example in refused.value.reason


@pytest.mark.parametrize(
    ("driver", "address"),
    [
        ("esp_rfid", "place/+#board"),
        ("esp_rfid", "place/##board"),
        ("zigbee2mqtt", "zigbee2mqtt/+"),
        ("zigbee2mqtt", "+/door"),
        ("chirpstack", "app/+"),
        ("chirpstack", "#/24e1"),
    ],
)
def test_an_address_is_no_wildcard(driver: str, address: str) -> None:
    with pytest.raises(DriverError, match="bad_address"):
        drivers_for([device(driver, address)])


@pytest.mark.parametrize(
    ("driver", "kind", "model", "address", "field"),
    [
        ("chirpstack", "reader", "VS341", "app/24e1", "kind"),
        ("zigbee2mqtt", "lock", None, "zigbee2mqtt/lock", "kind"),
        ("chirpstack", "keypad", "VS341", "app/24e1", "kind"),
        ("chirpstack", "desk_sensor", "VS341", "24e1", "address"),
        ("chirpstack", "desk_sensor", None, "app/24e1", "model"),
        ("chirpstack", "desk_sensor", "VS999", "app/24e1", "model"),
        ("chirpstack", "desk_sensor", "vs341", "app/24e1", None),
        ("zigbee2mqtt", "keypad", None, "zigbee2mqtt/keys", None),
        ("esp_rfid", "lock", None, "door#board", None),
    ],
)
def test_a_device_that_its_driver_cannot_serve_is_unfit(
    driver: str, kind: str, model: str | None, address: str, field: str | None
) -> None:
    unfit = described(driver).unfit(device(driver, address, kind=kind, model=model))
    assert (unfit and unfit[0]) == field


@pytest.mark.parametrize(
    ("driver", "address"),
    [
        ("zigbee2mqtt", "zigbee2mqtt/bridge"),
        ("zigbee2mqtt", "zigbee2mqtt/bridge/request/permit_join"),
        ("zigbee2mqtt", "house/z2m/bridge/request/device/remove"),
        ("zigbee2mqtt", "application/app/device/24e1/command/down"),
        ("esp_rfid", "zigbee2mqtt/bridge/request#board"),
        ("esp_rfid", "application/app/device/24e1/command#board"),
        ("esp_rfid", "eu868/gateway/0016c001ff10a235/command#board"),
        ("esp_rfid", "$CONTROL/dynamic-security#board"),
    ],
)
def test_no_address_leads_to_a_bridges_own_topics(driver: str, address: str) -> None:
    one = device(driver, address)
    found = unfit(one)
    assert found is not None
    assert found[0] == "address"
    # a configuration of before may hold it: that device alone is left out
    other = device(driver, described(driver).address_example, code="d2")
    made = drivers_for([one, other])[driver]
    alone = drivers_for([other])[driver]
    assert made.subscriptions() == alone.subscriptions()
    with pytest.raises(DriverError):
        made.unlock("d1", 5.0)


@pytest.mark.parametrize(
    ("driver", "address"),
    [
        ("zigbee2mqtt", "bridge/desk"),
        ("zigbee2mqtt", "zigbee2mqtt/bridge-desk"),
        ("esp_rfid", "bridge/door#board"),
        ("esp_rfid", "my-place/gateway/door#board"),
    ],
)
def test_a_topic_that_only_looks_like_a_bridges_is_an_address(driver: str, address: str) -> None:
    assert unfit(device(driver, address, model="VS341")) is None


def test_an_unknown_driver_is_refused_with_those_that_are_installed() -> None:
    with pytest.raises(
        DriverError, match="acme is not installed; installed are chirpstack, collectd, esp_rfid, gm861, zigbee2mqtt"
    ):
        described("acme")


def test_secrets_of_an_unknown_driver_are_those_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    assert secrets_of(None) == frozenset({"uid", "data", "pincode", "action_code", "code"})
    assert shown(b'{"pincode": "9385"}', None, keypad=False) == b'{"pincode": "*"}'
    binary = replace(installed()["esp_rfid"], name="binary", secrets=None)
    found: tuple[dict[str, DriverDescription], dict[str, str]] = ({**installed(), "binary": binary}, {})
    monkeypatch.setattr("gateway.drivers.registry._found", lambda: found)
    assert shown(b"\x04\xa1\xb2\xc3", "binary", keypad=False) == b"(4 bytes)"


def test_no_driver_is_named_outside_its_folder() -> None:
    names = re.compile("|".join([*installed(), "milesight"]))
    files = [path for room in ROOMS for path in (ROOT / room).rglob("*") if path.suffix in {".py", ".sql", ".js"}]
    assert len(files) > 250
    assert [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in files
        if not path.is_relative_to(ROOT / "gateway" / "drivers")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if names.search(line)
    ] == [], "ask the driver's description instead"


@pytest.fixture
def exiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a driver whose module ends the process that imports it."""
    (tmp_path / "maillage_exits.py").write_text("raise SystemExit('no licence')\n", encoding="utf-8")
    info = tmp_path / "maillage_exits-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: maillage-exits\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[maillage.drivers]\nexits = maillage_exits:D\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    registry._found.cache_clear()
    yield "exits"
    sys.modules.pop("maillage_exits", None)
    registry._found.cache_clear()


def test_a_package_that_exits_does_not_end_the_gateway(exiting: str) -> None:
    made = drivers_for([device(exiting, "x"), device("zigbee2mqtt", "z/desk")])[exiting]
    assert isinstance(made, Unusable)
    assert made.reason == "SystemExit: no licence"


def test_the_doctor_names_what_a_gateway_would_refuse(
    exiting: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "gateways.json"
    monkeypatch.setenv("MAILLAGE_GATEWAYS_FILE", str(path))

    def findings(driver: str, address: str) -> str:
        devices = [device(driver, address).model_dump()]
        write_gateways(path, (config(devices=devices, doors=[]),))
        return " ".join(str(finding) for finding in _gateways())

    assert "unknown_driver: shely is not installed" in findings("shely", "x")
    assert "write BASE/FRIENDLY_NAME" in findings("zigbee2mqtt", "nonsense")
    assert "SystemExit: no licence" in findings(exiting, "x")
    assert "1 gateways with 1 devices" in findings("zigbee2mqtt", "z/desk")
