"""A driver in another package: installed by pip, used by a gateway; a broken one stops no door."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.config import ConfigError
from gateway.drivers import registry
from gateway.run import Process
from gateway.settings import GatewaySettings
from tests.integration.gateway.stage import Centre, Field, start
from tests.unit.gateway.place_parts import badge, config
from tests.waiting import until

PACKAGE = Path(__file__).parents[2] / "data" / "drivers" / "shop_counter"
COUNTER = {"code": "front", "kind": "counter", "driver": "shop_counter", "address": "shop/front"}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed packages, before the others."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    registry._found.cache_clear()
    yield folder
    sys.modules.pop("shop_counter", None)
    registry._found.cache_clear()


def install(site: Path) -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--no-build-isolation", "--no-index", "--target", str(site), str(PACKAGE)),
        ],
        check=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    importlib.invalidate_caches()
    registry._found.cache_clear()


def declare(site: Path, target: str, name: str = "shop_counter") -> None:
    """Install a package that only declares a driver."""
    info = site / "maillage_broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: maillage-broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[maillage.drivers]\n{name} = {target}\n")
    importlib.invalidate_caches()
    registry._found.cache_clear()


def test_a_package_brings_a_driver(site: Path, told: GatewaySettings, centre: Centre, field: Field) -> None:
    with pytest.raises(ConfigError, match="unknown_driver: shop_counter is not installed; installed are chirpstack"):
        Process(told, (config(devices=[COUNTER], doors=[]),))
    install(site)
    with pytest.raises(ConfigError, match="device front: Shop counter cannot use 'front'; write shop/NAME"):
        Process(told, (config(devices=[COUNTER | {"address": "front"}], doors=[]),))
    process = start(told, config(devices=[COUNTER], doors=[]))
    try:
        field.say("shop/front", json.dumps({"in": 3, "out": 1}).encode())
        field.say("shop/front", b'{"in": 3}')
        until(lambda: len(centre.of_kind("count")) == 1 and process.places["gare-1"].faults == 1)
    finally:
        process.stop()
    (count,) = centre.of_kind("count")
    assert (count["device"], count["entered"], count["left"]) == ("front", 3, 1)


def _with_subscriptions(filters: str) -> str:
    source = (PACKAGE / "shop_counter.py").read_text()
    assert "return tuple(self._codes)" in source
    return f"{source.replace('return tuple(self._codes)', f'return {filters}')}\nDRIVER = SHOP_COUNTER\n"


@pytest.mark.parametrize(
    "broken",
    [
        ("import no_such_module\n", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("DRIVER = 1\n", "DriverError: maillage_broken:DRIVER is no DriverDescription"),
        (
            (PACKAGE / "shop_counter.py").read_text().replace("self._codes = {", "self._codes = devices.codes and {")
            + "\nDRIVER = SHOP_COUNTER\n",
            "AttributeError: 'tuple' object has no attribute 'codes'",
        ),
        ("import sys\n\nsys.exit(3)\n", "SystemExit: 3"),
        *(
            (_with_subscriptions(filters), f"{said} is no MQTT topic filter")
            for filters, said in (
                ("('shop/#/in',)", "ValueError: 'shop/#/in'"),
                ("('shop+/in',)", "ValueError: 'shop+/in'"),
                ("('',)", "ValueError: ''"),
            )
        ),
        (_with_subscriptions("'shop/front'"), "TypeError: subscriptions() returns a text, not several"),
        (_with_subscriptions("(7,)"), "TypeError: expected string or bytes-like object, got 'int'"),
    ],
    ids=["import", "no description", "make", "exit", "#", "+", "empty", "text", "number"],
)
def test_a_broken_driver_stops_no_door(
    site: Path, told: GatewaySettings, centre: Centre, field: Field, broken: tuple[str, str]
) -> None:
    source, reason = broken
    (site / "maillage_broken.py").write_text(source)
    declare(site, "maillage_broken:DRIVER")
    one = config()
    process = start(told, config(devices=[*(device.model_dump() for device in one.devices), COUNTER]))
    try:
        until(lambda: centre.of_kind("device"))
        field.say("gare/in/send", badge("in"))
        until(lambda: centre.of_kind("access"))
    finally:
        process.stop()
        sys.modules.pop("maillage_broken", None)
    assert [(event["device"], event["what"], event["text"]) for event in centre.of_kind("device")] == [
        ("front", "fault", f"driver shop_counter: {reason}")
    ]


def test_no_package_replaces_a_driver_of_ours(site: Path) -> None:
    ours = registry.installed()["esp_rfid"]
    install(site)
    declare(site, "shop_counter:SHOP_COUNTER", name="esp_rfid")
    assert registry.installed()["esp_rfid"] is ours
    assert "shop_counter" in registry.installed()


@pytest.mark.parametrize("command", ["raise SystemExit(1)", "return 'shop/front/unlock', 'open'", "return None"])
def test_a_driver_that_fails_in_use_stops_no_door_of_another(
    site: Path, told: GatewaySettings, centre: Centre, field: Field, command: str
) -> None:
    source = (PACKAGE / "shop_counter.py").read_text()
    assert source.count('raise DriverError("unknown_lock")') == source.count("message = read_object(payload)") == 1
    source = source.replace('raise DriverError("unknown_lock")', command)
    source = source.replace("message = read_object(payload)", "raise SystemExit(2)")
    (site / "maillage_broken.py").write_text(f"{source}\nDRIVER = SHOP_COUNTER\n")
    declare(site, "maillage_broken:DRIVER")
    one = config()
    doors = [door.model_dump() for door in one.doors]
    process = start(
        told,
        config(
            devices=[*(device.model_dump() for device in one.devices), COUNTER],
            doors=[*doors, doors[0] | {"code": "shop", "lock": "front"}],
        ),
    )
    try:
        place = process.places["gare-1"]
        field.say("shop/front", b'{"in": 3, "out": 1}')
        until(lambda: place.faults == 1, what="the message is a fault")
        assert not place.unlock("shop")
        field.say("gare/in/send", badge("in"))
        until(lambda: centre.of_kind("access"), what="the other door decides")
    finally:
        process.stop()
        sys.modules.pop("maillage_broken", None)
