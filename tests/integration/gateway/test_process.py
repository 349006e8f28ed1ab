"""A gateway between real brokers: from a device to the centre, and from the centre to a lock."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import HTTPError

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.config import ConfigError, write_gateways
from gateway.contract.signing import new_seed
from gateway.field.runtime import Runtime
from gateway.mqtt.loop import Broker, Message, MqttLoop
from gateway.place import Place
from gateway.run import Process, chosen, run
from gateway.settings import GatewaySettings
from gateway.spool.pending import spool_event
from gateway.spool.spool import Spool
from maillage.doctor.gateway_state import look_at_state
from maillage.embedded import EmbeddedMosquitto
from maillage.embedded.process import free_port
from tests.integration.gateway.stage import Centre, Field, command, start
from tests.spooled import read_spool
from tests.unit.gateway.place_parts import AT, CARD, S, access_list, badge, config, signed
from tests.waiting import until

OPEN = ("gare/in/cmd", b'{"cmd": "opendoor", "doorip": "in"}')


Running = Callable[[GatewaySettings], Process]


@pytest.fixture
def running(centre: Centre, field: Field) -> Iterator[Running]:
    processes: list[Process] = []

    def begin(given: GatewaySettings) -> Process:
        processes.append(start(given))
        return processes[-1]

    yield begin
    for process in processes:
        if process.spool.alive:
            process.stop()


def now_list(version: int, **changes: object) -> bytes:
    return signed(access_list(version, made_at=int(time.time()) * S, **changes))  # type: ignore[arg-type]


def give_list(centre: Centre, version: int = 1) -> None:
    centre.send("list", now_list(version))
    until(lambda: centre.states and centre.states[-1].get("list_version") == version)


def test_from_a_badge_to_the_lock_and_the_centre(
    running: Running, told: GatewaySettings, centre: Centre, field: Field
) -> None:
    process = running(told)
    give_list(centre)
    field.say("gare/in/send", badge("in"))
    until(lambda: OPEN in field.commands)
    field.say("gare/in/send", badge("in", uid=b"\0\1\2\3"))
    field.say("gare/out/send", badge("out"))
    field.desk(1)
    field.desk(1)
    until(lambda: centre.of_kind("desk"))
    assert [(event["reason"], event["side"]) for event in centre.of_kind("access")] == [
        ("granted", "in"),
        ("unknown_card", "in"),
        ("granted", "out"),
    ]
    assert [event["what"] for event in centre.of_kind("gateway")] == ["start", "list"]
    assert len(centre.of_kind("desk")) == 1, "an identical repeat is no news"
    assert process.runtime.latency.count == 2
    until(lambda: process.spool.position("gare-1").depth == 0)
    process.stop()
    until(lambda: centre.states[-1]["online"] is False)


def test_what_nobody_assigned_is_heard_and_reported(
    running: Running, told: GatewaySettings, centre: Centre, field: Field
) -> None:
    port = free_port()
    process = running(told.model_copy(update={"metrics_port": port}))

    def unassigned() -> dict[str, str]:
        return {one["address"]: one["said"] for one in centre.states[-1].get("unassigned", ())}

    until(lambda: process.listening.connected)
    uplink = {"deviceInfo": {"deviceProfileName": "VS341"}, "fPort": 85, "data": "AXVkAwAB"}
    field.say("application/shop/device/24e124535b000001/event/up", json.dumps(uplink).encode())
    field.say("gare/new/send", badge("new"))
    field.say("gare/in/send", badge("another"))  # on the topic of a configured reader
    field.say("home/z2m/bridge/devices", b'[{"friendly_name": "desk 9", "type": "EndDevice"}]', retain=True)
    field.desk(1)
    want = {
        "shop/24e124535b000001": "occupied, battery 100 %",
        "gare/new#new": "card read",
        "gare/in#another": "card read",
        "home/z2m/desk 9": "joined the Zigbee network",
    }
    until(lambda: unassigned() == want, what="all that is unassigned, and nothing else")
    assert not process.spool.position("gare-1").last > 4, "none of it is on the disk"
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/status") as answer:
        found = list(look_at_state(json.load(answer)))
    assert {one.text.split(" ")[2] for one in found if one.what == "unassigned"} == {"VS341", "reader", "home/z2m/desk"}
    elsewhere = urllib.request.Request(f"http://127.0.0.1:{port}/status", headers={"X-Forwarded-For": "192.0.2.1"})
    with pytest.raises(HTTPError):
        urllib.request.urlopen(elsewhere)
    field.say("home/z2m/bridge/devices", b"", retain=True)


def test_commands(running: Running, told: GatewaySettings, centre: Centre, field: Field) -> None:
    process = running(told)
    good = command("unlock", nonce="1")
    centre.send("command", good)
    until(lambda: centre.replies == [{"id": "id-1", "outcome": "done"}])
    until(lambda: field.commands == [OPEN])
    centre.send("command", good)
    centre.send("command", command("unlock", nonce="2", lives_s=-1))
    centre.send("command", command("unlock", nonce="3", door="lab"))
    centre.send("command", command("unlock", nonce="4", lives_s=100_000))
    centre.send("command", command("unlock", nonce="5", seed=new_seed()))
    centre.send("command", b"open!")
    centre.send("command", command("lockdown", nonce="6", door=None))
    until(lambda: len(centre.replies) == 6)
    assert [reply["outcome"] for reply in centre.replies] == [
        "done",
        "refused",
        "expired",
        "unknown_door",
        "refused",
        "done",
    ]
    assert field.commands == [OPEN], "nothing else opened"
    until(
        lambda: (
            [event["text"] for event in centre.of_kind("audit")]
            == ["unlock entry", "unlock lab: no such door", "lockdown"]
        )
    )
    process.stop()

    again = running(told)
    assert again.places["gare-1"].lockdown, "a lockdown outlives a restart"
    centre.send("command", good)
    until(lambda: len(centre.replies) == 7)
    assert centre.replies[-1]["outcome"] == "refused", "a nonce outlives a restart"
    give_list(centre)
    field.say("gare/in/send", badge("in"))
    until(lambda: centre.of_kind("access"))
    assert centre.of_kind("access")[0]["reason"] == "lockdown"
    centre.send("command", command("release", nonce="7", door=None))
    until(lambda: not again.places["gare-1"].lockdown)


def test_a_retained_command_is_not_obeyed(
    running: Running, told: GatewaySettings, centre: Centre, field: Field
) -> None:
    centre.send("command", command("unlock", nonce="1"), retain=True)
    running(told)
    until(lambda: centre.replies == [{"id": "id-1", "outcome": "refused"}])
    assert field.commands == []


def test_lists_survive_a_restart_and_never_go_back(
    running: Running, told: GatewaySettings, centre: Centre, field: Field
) -> None:
    process = running(told)
    give_list(centre, version=5)
    centre.send("list", now_list(4))
    centre.send("list", signed(access_list(6), seed=new_seed()))
    centre.send("list", now_list(7)[:-20])
    until(lambda: any("refused" in event.get("text", "") for event in centre.of_kind("gateway")))
    process.stop()
    again = running(told)
    assert again.places["gare-1"].lists.version == 5
    field.say("gare/in/send", badge("in"))
    until(lambda: OPEN in field.commands)
    give_list(centre, version=8)


def test_bad_devices_stop_nothing(
    running: Running, told: GatewaySettings, centre: Centre, field: Field, field_mqtt: EmbeddedMosquitto
) -> None:
    process = running(told)
    field.say("z/desk", bytes(range(256)))
    field.say("z/desk", b"[" * 60_000)
    field.say("z/desk", b"x" * 100_000)
    field.say("gare/in/send", b'{"type": "access", "uid": 5}')
    field.say("gare/in/send", badge("in", uid=CARD * 8), retain=True)
    field.say("gare/in/send", b'{"type": "access", "uid": "zz", "hostname": "in"}')
    field.say("nobody/knows", b"this topic")
    field.desk(0)
    until(lambda: centre.of_kind("desk"))
    faults = [event for event in centre.of_kind("gateway") if event["what"] == "driver_fault"]
    assert len(faults) >= 5
    assert {"too_large: 100000 bytes"} <= {event["text"] for event in faults}
    assert all(process.health().values())
    assert process.runtime.unclaimed == 0, "what nobody subscribed to doesn't even come"


def test_every_part_tells_of_itself(
    running: Running, told: GatewaySettings, centre: Centre, field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    process = running(told.model_copy(update={"metrics_port": port}))
    give_list(centre)
    field.say("gare/in/send", badge("in"))
    until(lambda: process.runtime.latency.count == 1)
    centre.send("command", command("unlock", nonce="1", door="lab"))
    until(lambda: centre.replies and centre.of_kind("audit"))
    until(lambda: process.spool.position("gare-1").depth == 0 and centre.of_kind("access"))
    base = f"http://127.0.0.1:{port}"
    with urllib.request.urlopen(f"{base}/metrics", timeout=60) as response:
        samples = {
            (sample.name, tuple(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(response.read().decode())
            for sample in family.samples
        }
    assert samples["maillage_gateway_events_spooled_total", ()] == 4
    assert samples["maillage_gateway_spool_depth", (("gateway", "gare-1"),)] == 0
    assert samples["maillage_gateway_uplink_connected", ()] == 1
    mine = (("gateway", "gare-1"),)
    assert samples["maillage_gateway_list_version", mine] == 1
    assert samples["maillage_gateway_list_entries", mine] == 1
    assert samples["maillage_gateway_list_deltas", mine] == 0
    assert 0 <= samples["maillage_gateway_list_age_seconds", mine] < 60
    assert samples["maillage_gateway_lists_applied_total", ()] == 1
    assert samples["maillage_gateway_lists_refused_total", ()] == 0
    assert samples["maillage_gateway_commands_total", (("do", "unlock"), ("outcome", "unknown_door"))] == 1
    assert 0 < samples["maillage_gateway_access_seconds", (("quantile", "0.99"),)] < 1
    for path in ("/healthz", "/readyz"):
        with urllib.request.urlopen(base + path, timeout=60) as response:
            assert all(json.loads(response.read()).values())
    monkeypatch.setattr(MqttLoop, "alive", property(lambda _self: False))
    with pytest.raises(HTTPError) as caught:
        urllib.request.urlopen(f"{base}/healthz", timeout=60)
    with caught.value as answer:
        assert answer.code == 503
        assert json.loads(answer.read())["loop_field"] is False


def test_a_device_that_goes_and_comes_back_is_told_at_once(
    running: Running, told: GatewaySettings, centre: Centre, field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.uplink.uplink.STATE_EVERY_S", 3600.0)  # not with the state that is due anyway
    running(told)
    until(lambda: centre.states and centre.states[-1]["online"])
    field.say("z/desk/availability", b"offline")
    until(lambda: [health["device"] for health in centre.states[-1]["unwell"]] == ["desk"])
    field.desk(1)
    until(lambda: centre.states[-1]["unwell"] == [])


def test_what_another_gateway_left_in_the_spool_is_said_and_kept(
    running: Running, told: GatewaySettings, caplog: pytest.LogCaptureFixture
) -> None:
    spool = Spool(told.spool)
    spool.open("closed-1")
    spool.append("closed-1", spool_event(1, "the last word"))
    spool.close()
    process = running(told)
    assert process.spool.depths()["closed-1"] == 1
    assert "spool_of_another_gateway" in {record.message for record in caplog.records}


def test_a_part_that_dies_ends_the_process_with_1(
    centre: Centre, told: GatewaySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_gateways(told.gateways_file, (config(),))
    monkeypatch.setattr(Runtime, "alive", property(lambda _self: False))
    stop = threading.Event()
    assert run(told, stop) == 1
    monkeypatch.undo()
    threading.Timer(1.0, stop.set).start()
    assert run(told, stop) == 0
    assert centre.address.gateway == "gare-1"


def test_which_gateways_run(tmp_path: Path, told: GatewaySettings) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        chosen(told)
    write_gateways(told.gateways_file, ())
    with pytest.raises(ConfigError, match="no gateway"):
        chosen(told)
    write_gateways(told.gateways_file, (config(), config(gateway="plage-1", place="plage")))
    with pytest.raises(ConfigError, match="mars"):
        chosen(told.model_copy(update={"places": ("gare", "mars")}))
    only = told.model_copy(update={"places": ("plage",)})
    assert [one.gateway for one in chosen(only)] == ["plage-1"]
    write_gateways(told.gateways_file, (config(), config()))
    with pytest.raises(ConfigError, match="twice"):
        chosen(told)
    with pytest.raises(ConfigError, match=r"gare-1: bad_address"):
        Process(told, (config(devices=[{"code": "x", "driver": "esp_rfid", "address": "nonsense"}], doors=[]),))
    Process(told, (config(doors=[], devices=[]),)).stop()


def test_nonsense_from_the_centre_harms_nothing(
    running: Running, told: GatewaySettings, centre: Centre, field: Field
) -> None:
    centre.send("committed", b"{", retain=True)
    process = running(told)
    for payload in (b"", b"[]", b'{"epoch": 1, "seq": 2}', b'{"epoch": "ffffffff", "seq": -1}', b"\xff" * 900_000):
        for leaf in ("committed", "list", "command"):
            centre.send(leaf, payload)
    centre.send("committed", b'{"epoch": "ffffffffffffffff", "seq": 99999}')
    epoch = process.spool.position("gare-1").epoch
    for number in range(50):
        field.desk(number)
    until(lambda: len(centre.of_kind("desk")) == 50 and process.spool.position("gare-1").depth == 0)
    assert process.spool.position("gare-1").epoch == epoch
    assert process.places["gare-1"].lists.version is None
    assert all(process.health().values())


def test_a_clock_that_lies_stops_nothing_and_is_said(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s.sqlite")
    spool.open("gare-1")
    clock = [5 * S]  # 1970
    commands: list[str] = []
    place = Place(
        config(),
        append=lambda event: spool.append("gare-1", event),
        publish=lambda topic, _payload, _sent: commands.append(topic),
        now=time.monotonic(),
    )
    place.lists.take(signed(access_list(1, max_age_s=60)))
    runtime = Runtime([place], spool=spool, boot="b", version="v", clock=lambda: clock[0])
    loop = MqttLoop("nowhere")
    loop.start()
    try:
        runtime.start(loop, Broker(host="127.0.0.1", port=free_port()))
        runtime._arrived(Message(topic="gare/in/send", payload=badge("in"), retained=False), live=True)
        until(lambda: commands == ["gare/in/cmd"], what="the door opens by a clock of 1970")
        until(lambda: runtime._watch._last[1] == 5 * S)
        clock[0] = AT
        until(lambda: spool.position("gare-1").last >= 4)
        rows = read_spool(spool, "gare-1", spool.position("gare-1").epoch, 0, limit_events=9, limit_bytes=10**6)
        start_event, before_built, access, step = (json.loads(body) for _, body in rows)
        assert (start_event["what"], access["kind"], access["list_age_s"]) == ("start", "access", 0)
        assert "before this program was built" in before_built["text"]
        assert step["what"] == "clock_step"
        assert step["value"] == pytest.approx((AT - 5 * S) / S, abs=5)
    finally:
        runtime.stop()
        loop.stop()
        spool.close()
