"""The equipment of sample places: always the same from a seed, always a place that could stand there."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.contract.configuration import Device
from gateway.drivers.models.esp_rfid import EspRfid
from gateway.drivers.models.gm861 import Gm861
from gateway.drivers.transports.chirpstack import ChirpStack
from gateway.drivers.transports.zigbee2mqtt import Zigbee2Mqtt
from simulator.sample.equipment import Equipment, equip

_CODES = st.from_regex(r"[a-z0-9][a-z0-9-]{0,51}", fullmatch=True)


def test_the_same_seed_gives_the_same_place_for_ever() -> None:
    one = equip("la-ruche", seed=1, population=8_000, typology="coworking")
    assert one == equip("la-ruche", seed=1, population=8_000, typology="coworking")
    assert one != equip("la-ruche", seed=2, population=8_000, typology="coworking")
    # Pinned: a change here moves desks in every installed demo.
    assert (len(one.desks), len(one.spaces), len(one.devices)) == (10, 2, 12)


@given(
    code=_CODES,
    seed=st.integers(0, 1000),
    population=st.none() | st.integers(1, 3_000_000),
    typology=st.sampled_from((None, "coworking", "fab_lab")),
)
def test_every_generated_place_makes_sense(code: str, seed: int, population: int | None, typology: str | None) -> None:
    made = equip(code, seed=seed, population=population, typology=typology)
    root, *parts = made.spaces
    codes = {one.code for one in made.spaces}
    assert root.parent is None
    assert all(part.parent == root.code for part in parts)
    assert root.capacity == sum(part.capacity for part in parts)
    assert 6 <= len(made.desks) <= 30
    assert {desk.space for desk in made.desks} <= codes
    assert made.doors[0].from_space is None
    assert made.doors[0].to_space == root.code
    assert len({device.code for device in made.devices}) == len(made.devices)
    assert len({device.address for device in made.devices}) == len(made.devices)
    assert {device.desk for device in made.devices if device.kind == "desk_sensor"} == {d.code for d in made.desks}
    for door in made.doors:
        assert [d.side for d in made.devices if d.door == door.code and d.driver == "esp_rfid"] == ["in", "out"]
        codes_read = [d.side for d in made.devices if d.door == door.code and d.driver == "gm861"]
        assert codes_read in ([[], ["in"]] if door.code == "door-entry" else [[]])
        keypads = [d.side for d in made.devices if d.door == door.code and d.kind == "keypad"]
        assert keypads in ([["in"]] if door.code == "door-fab-lab" else [[], ["in"]])
    _drivers_accept(made)


def _drivers_accept(made: Equipment) -> None:
    devices = [
        Device(code=d.code, kind=d.kind, driver=d.driver, model=d.model, address=d.address, door=d.door)
        for d in made.devices
    ]
    for driver in (EspRfid(devices), Gm861(devices), Zigbee2Mqtt(devices), ChirpStack(devices)):
        assert driver.subscriptions() is not None


def test_some_entries_read_the_codes_of_guests() -> None:
    read = [any(d.driver == "gm861" for d in equip(f"v-{n}", seed=1).devices) for n in range(200)]
    assert 40 <= sum(read) <= 80


def test_small_towns_have_fewer_desks() -> None:
    village = [len(equip(f"v-{n}", seed=1, population=900).desks) for n in range(200)]
    city = [len(equip(f"v-{n}", seed=1, population=300_000).desks) for n in range(200)]
    assert max(village) <= 12
    assert min(city) >= 14
