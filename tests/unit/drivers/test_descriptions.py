"""What drivers state about themselves holds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.devices.faults import shown
from gateway.drivers import DriverError
from gateway.drivers.description import DriverDescription
from gateway.drivers.registry import described, drivers_for, installed, secrets_of
from tests.unit.drivers.samples import device


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


def test_an_unknown_driver_is_refused_with_those_that_are_installed() -> None:
    with pytest.raises(DriverError, match="acme is not installed; installed are chirpstack, esp_rfid, zigbee2mqtt"):
        described("acme")


def test_secrets_of_an_unknown_driver_are_those_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    assert secrets_of(None) == frozenset({"uid", "data", "pincode", "action_code"})
    assert shown(b'{"pincode": "9385"}', None, keypad=False) == b'{"pincode": "*"}'
    binary = replace(installed()["esp_rfid"], name="binary", secrets=None)
    found: tuple[dict[str, DriverDescription], dict[str, str]] = ({**installed(), "binary": binary}, {})
    monkeypatch.setattr("gateway.drivers.registry._found", lambda: found)
    assert shown(b"\x04\xa1\xb2\xc3", "binary", keypad=False) == b"(4 bytes)"
