"""A gateway that takes its configuration from the centre: without a restart, checked, kept, and back to what ran."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.contract.signing import new_seed, public_key
from gateway.identity import Identity, write_identity
from gateway.run import Process
from gateway.settings import GatewaySettings
from tests.conftest import CentralBroker
from tests.integration.gateway.stage import Centre, Field, process_of_its_own, start
from tests.unit.gateway.configurations import DESK, SEALING_KEY, configured
from tests.unit.gateway.place_parts import SEED, S, access_list, badge, signed
from tests.waiting import until

OPEN = ("gare/in/cmd", b'{"cmd": "opendoor", "doorip": "in"}')
Running = Callable[[], Process]


@pytest.fixture
def identified(told: GatewaySettings, tmp_path: Path, mqtt: CentralBroker) -> GatewaySettings:
    identity = Identity(
        directory=tmp_path / "identity",
        shard=5,
        place="gare",
        gateway="gare-1",
        broker=mqtt.url("gare-1"),
        api="http://127.0.0.1:1",
        list_keys=(public_key(SEED),),
    )
    write_identity(identity, key=b"", certificate=b"", authority=b"", sealing_key=SEALING_KEY)
    return told.model_copy(update={"identity": identity.directory})


@pytest.fixture
def running(identified: GatewaySettings) -> Iterator[Running]:
    processes: list[Process] = []

    def begin() -> Process:
        processes.append(start(identified))
        return processes[-1]

    yield begin
    for process in processes:
        if process.spool.alive:
            process.stop()


def send(centre: Centre, message: bytes, version: int) -> None:
    """Send a configuration and wait until it is acknowledged."""
    centre.send("config", message)
    until(lambda: centre.states and centre.states[-1].get("config_version") == version)


def give_list(centre: Centre) -> None:
    centre.send("list", signed(access_list(1, made_at=int(time.time()) * S)))
    until(lambda: centre.states and centre.states[-1].get("list_version") == 1)


def test_a_configuration_is_taken_without_a_restart(running: Running, centre: Centre, field: Field) -> None:
    process = running()
    until(lambda: centre.states)
    assert "config_version" not in centre.states[-1]
    assert centre.states[-1]["devices"] == 0, "until it has a configuration it opens and hears nothing"

    send(centre, configured(1), 1)
    give_list(centre)
    field.say("gare/in/send", badge("in"))
    until(lambda: OPEN in field.commands)

    send(centre, configured(2, DESK), 2)
    field.desk(1)
    until(lambda: centre.of_kind("desk"))
    assert [event["device"] for event in centre.of_kind("desk")] == ["desk"]
    field.say("gare/in/send", badge("in"))
    until(lambda: process.places["gare-1"].repeats.dropped == 1)
    assert len(centre.of_kind("access")) == 1, "the card at the reader is still known"

    send(centre, configured(3), 3)
    field.desk(2)
    send(centre, configured(4, DESK), 4)
    field.desk(3)
    until(lambda: len(centre.of_kind("desk")) == 2)
    assert process.uplink.resends == 0 and len(centre.of_kind("gateway")) == 2, "no second start"


def test_what_is_not_ours_or_not_usable_changes_nothing(running: Running, centre: Centre, field: Field) -> None:
    process = running()
    send(centre, configured(3), 3)
    give_list(centre)
    message = configured(4, DESK)
    for wrong in (
        configured(4, DESK, seed=new_seed()),
        configured(2),
        configured(4, DESK, place="plage"),
        configured(4, DESK, gateway="gare-2"),
        configured(4, DESK, shard=6),
        message[:-40],
        message.replace(b"z/desk", b"z/risk"),
        b"",
    ):
        centre.send("config", wrong)
    unusable = {"code": "what", "driver": "nobody's", "address": "x"}
    centre.send("config", configured(4, unusable))
    until(lambda: "unknown_driver" in centre.states[-1].get("config_refused", ""))
    holder = process.holders["gare-1"]
    assert holder.refusals == 9
    assert centre.states[-1]["config_version"] == holder.version == 3
    assert centre.states[-1]["config_refused_version"] == 4
    field.say("gare/in/send", badge("in"))
    until(lambda: OPEN in field.commands)
    send(centre, configured(5), 5)
    assert "config_refused" not in centre.states[-1]


def test_it_survives_a_restart_and_never_goes_back(
    running: Running, centre: Centre, identified: GatewaySettings
) -> None:
    process = running()
    send(centre, configured(7, DESK), 7)
    until(lambda: not process.spool.trouble and process.spool.position("gare-1").depth == 0)
    process.stop()
    kept = identified.spool.parent / "spool.sqlite.configurations" / "gare-1.json"
    assert b"5a5a5a" not in kept.read_bytes()

    again = running()
    assert again.holders["gare-1"].acknowledged[0] == 7
    assert [one.code for one in again.places["gare-1"].config.devices] == ["reader-in", "desk"]
    centre.send("config", configured(6))
    until(lambda: again.holders["gare-1"].refusals == 1)
    again.stop()
    kept.write_bytes(b"{")

    without = running()
    assert not without.places["gare-1"].config.devices
    centre.send("config", configured(6))
    until(lambda: without.holders["gare-1"].refusals == 1)
    assert not without.places["gare-1"].config.devices


def test_what_was_acknowledged_survives_a_kill(centre: Centre, identified: GatewaySettings) -> None:
    with process_of_its_own(identified):
        until(lambda: any(state["online"] for state in centre.states))
        send(centre, configured(1, DESK), 1)
        boot = centre.states[-1]["boot"]
    with process_of_its_own(identified):
        until(lambda: any(state["online"] and state["boot"] != boot for state in centre.states))
        until(lambda: centre.states[-1].get("config_version") == 1)
        assert centre.states[-1]["devices"] == 2
