"""Lists and orders on real brokers: changes while cards are read, and what a power cut leaves."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from access import AccessList, Entry, card_token, normalise, token_key
from access.compare import fingerprint
from gateway.run import Process
from gateway.settings import GatewaySettings
from gateway.uplink import uplink
from rights import packing
from simulator.line import Line
from tests.conftest import CentralBroker
from tests.integration.gateway.stage import Centre, Field, command, process_of_its_own, start
from tests.unit.gateway.place_parts import KEY, SEED, S, access_list, badge, change
from tests.waiting import until

OPEN = ("gare/in/cmd", b'{"cmd": "opendoor", "doorip": "in"}')
CARDS = [number.to_bytes(4, "big") for number in range(400)]


def many(version: int) -> AccessList:
    """A list of four hundred cards; its even versions let nobody in."""
    one = access_list(version, made_at=int(time.time()) * S)
    (entry,) = one.entries.values()
    tokens = [card_token(token_key(KEY), normalise(card)) for card in CARDS]
    return replace(
        one,
        lockdown=version % 2 == 0,
        entries={token: Entry(token=token, member=entry.member, status="active") for token in tokens},
    )


def in_parts(one: AccessList, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    monkeypatch.setattr(packing, "MAX_PART_BYTES", 2_000)
    parts = packing.list_messages(one, fingerprint(one), SEED)
    assert len(parts) > 5
    return parts


def acknowledged(centre: Centre, one: AccessList) -> None:
    wanted = (one.version, fingerprint(one))
    until(
        lambda: (
            centre.states
            and (centre.states[-1].get("list_version"), centre.states[-1].get("list_fingerprint")) == wanted
        )
    )


@pytest.fixture
def process(told: GatewaySettings, centre: Centre, field: Field) -> Iterator[Process]:
    made = start(told)
    yield made
    made.stop()


def test_every_card_is_decided_by_one_list_while_they_change(
    process: Process, centre: Centre, field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = many(1)
    parts = in_parts(held, monkeypatch)
    for part in (*parts[::-1], parts[2]):
        centre.send("list", part)
    acknowledged(centre, held)
    done = threading.Event()

    def tap() -> None:
        for card in CARDS:
            field.say("gare/in/send", badge("in", uid=card))
            done.wait(0.005)

    tapping = threading.Thread(target=tap)
    tapping.start()
    try:
        for version in range(2, 42):
            new = many(version)
            centre.send("list", change(held, new))
            acknowledged(centre, new)
            held = new
    finally:
        done.set()
        tapping.join()
    until(lambda: len(centre.of_kind("access")) == len(CARDS))
    read = centre.of_kind("access")
    for event in read:
        assert event["reason"] == ("lockdown" if event["list_version"] % 2 == 0 else "granted")
    versions = [event["list_version"] for event in read]
    assert versions == sorted(versions)
    assert len(set(versions)) > 5
    assert [event["value"] for event in centre.of_kind("gateway") if event["what"] == "list"] == list(range(1, 42))


def test_a_lost_change_asks_for_the_whole_list(
    process: Process, centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in in_parts(many(1), monkeypatch):
        centre.send("list", part)
    acknowledged(centre, many(1))
    centre.send("list", change(many(2), many(3)))
    until(lambda: centre.states[-1].get("list_refused") == "a delta for version 2, and 1 is held")
    assert centre.states[-1]["list_version"] == 1
    for part in in_parts(many(3), monkeypatch):
        centre.send("list", part)
    acknowledged(centre, many(3))
    assert "list_refused" not in centre.states[-1]
    until(lambda: 3 in [one.get("value") for one in centre.of_kind("gateway")])
    assert [one for one in centre.of_kind("gateway") if one.get("refused")] == [], "no alarm: it has mended itself"


def test_the_log_says_whether_a_list_was_kept(
    told: GatewaySettings, centre: Centre, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="gateway.uplink.downlink")

    def restored() -> list[str]:
        names = [record.msg for record in caplog.records if record.msg in {"no_list_kept", "list_restored"}]
        caplog.clear()
        return names

    one = start(told)
    assert restored() == ["no_list_kept"]
    until(lambda: centre.states and centre.states[-1]["online"])
    for part in in_parts(many(1), monkeypatch):
        centre.send("list", part)
    acknowledged(centre, many(1))
    one.stop()
    restored()
    start(told).stop()
    assert restored() == ["list_restored"]


def test_what_was_acknowledged_outlives_a_power_cut(
    told: GatewaySettings, centre: Centre, field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = many(1), many(3)
    unlock = command("unlock", nonce="1", lives_s=60)
    with process_of_its_own(told):
        until(lambda: centre.states and centre.states[-1]["online"])
        for part in in_parts(first, monkeypatch):
            centre.send("list", part)
        acknowledged(centre, first)
        centre.send("list", change(first, second))
        acknowledged(centre, second)
    with process_of_its_own(told):
        until(lambda: centre.states[-1]["online"] and centre.states[-1]["boot"] != centre.states[0]["boot"])
        acknowledged(centre, second)

        def opened() -> bool:
            # held to the reader until the gateway listens: a card that stays is one act
            field.say("gare/in/send", badge("in", uid=CARDS[7]))
            return bool(field.commands)

        until(opened)
        assert field.commands == [OPEN]
        centre.send("command", unlock)
        until(lambda: centre.replies == [{"id": "id-1", "outcome": "done"}] and len(field.commands) == 2)
        centre.send("command", command("lockdown", nonce="2", door=None))
        until(lambda: len(centre.replies) == 2 and centre.states[-1]["lockdown"])
    boots = {state["boot"] for state in centre.states}
    with process_of_its_own(told):
        until(lambda: centre.states[-1]["online"] and centre.states[-1]["boot"] not in boots)
        assert centre.states[-1]["lockdown"], "an order outlives a power cut"
        acknowledged(centre, second)
        centre.send("command", unlock)
        until(lambda: len(centre.replies) == 3)
        assert centre.replies[-1] == {"id": "id-1", "outcome": "refused"}, "and so does what was obeyed"
    assert len(field.commands) == 2


def test_an_answer_that_found_no_line_comes_later(
    told: GatewaySettings, centre: Centre, field: Field, mqtt: CentralBroker
) -> None:
    line = Line("127.0.0.1", mqtt.server.port)
    process = start(told.model_copy(update={"mqtt_url": SecretStr(f"mqtt://127.0.0.1:{line.start()}")}))
    try:
        centre.send("command", command("enrol", nonce="1", door=None, device="reader-in", lives_s=60))
        until(lambda: [event["text"] for event in centre.of_kind("audit")] == ["enrol reader-in"])
        line.cut()
        until(lambda: process.uplink.connected() == 0)
        field.say("gare/in/send", badge("in", uid=CARDS[1]))
        until(lambda: process.downlink.orders["gare-1"].outcomes["enrol", "done"] == 1)
        line.mend()
        told_later: list[dict[str, Any]] = until(lambda: centre.replies)
        assert told_later[0]["outcome"] == "done"
        assert told_later[0]["card"]["token"] == card_token(token_key(KEY), normalise(CARDS[1]))
    finally:
        process.stop()
        line.close()


def test_a_list_that_comes_again_is_acknowledged_again(
    process: Process, centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state that acknowledged it was lost: the next one would come up to ten seconds later."""
    monkeypatch.setattr(uplink, "STATE_EVERY_S", 3600.0)
    first, second = many(1), many(2)
    for part in in_parts(first, monkeypatch):
        centre.send("list", part)
    acknowledged(centre, first)
    step = change(first, second)
    centre.send("list", step)
    acknowledged(centre, second)
    centre.states.clear()
    centre.send("list", step)
    acknowledged(centre, second)
    whole = in_parts(second, monkeypatch)
    for part in whole:
        centre.send("list", part)
    acknowledged(centre, second)
    until(lambda: process.places["gare-1"].lists.deltas == 0)
    centre.states.clear()
    centre.send("list", whole[-1])
    acknowledged(centre, second)
