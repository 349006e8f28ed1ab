"""The text of a guest's QR, and what a gateway makes of one that is scanned."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st

from gateway.contract.guest_qr import (
    PREFIX,
    QrElsewhere,
    QrText,
    QrUnreadable,
    base45,
    from_base45,
    number_of,
    read,
    write,
)
from gateway.contract.signing import new_seed, public_key
from tests.unit.gateway.place_parts import AT, SEED, Bench, S, access_list, badge, config, signed

KEY = public_key(SEED)
DOORS = ("entry", "lab", "d3", "d4", "d5", "d6")
NOW = datetime.fromtimestamp(AT / S, UTC)
GUEST = "m-0123456789abcdef"


def said(**changes: Any) -> QrText:
    values: dict[str, Any] = {
        "member": GUEST,
        "starts": NOW.replace(microsecond=0) - timedelta(hours=1),
        "ends": NOW.replace(microsecond=0) + timedelta(hours=8),
        "version": 9,
        "doors": frozenset({"entry"}),
    }
    return QrText(**{**values, **changes})


TEXT = write(SEED, "gare", said(), DOORS)


@pytest.mark.parametrize("doors", [None, {"entry"}, set(DOORS[:5]), set(DOORS)])
def test_what_is_written_is_read(doors: set[str] | None) -> None:
    qr = said(doors=None if doors is None else frozenset(doors))
    text = write(SEED, "gare", qr, DOORS)
    assert read([KEY], "gare", text, DOORS) == qr
    assert read([public_key(new_seed()), KEY], "gare", text, DOORS) == qr  # while the signing key changes
    made = segno.make(text, error="m", boost_error=False)
    assert (made.mode, int(made.version) <= 6) == ("alphanumeric", doors is None or len(doors) <= 5)


def test_doors_with_the_same_short_hash_are_written_at_length() -> None:
    codes = [f"door-{number}" for number in range(600)]  # among so many two share 16 bits
    qr = said(doors=frozenset(codes[:2]))
    assert read([KEY], "gare", write(SEED, "gare", qr, codes), codes) == qr


def test_another_place_another_key_and_any_other_byte() -> None:
    with pytest.raises(QrElsewhere):
        read([KEY], "isle", TEXT, DOORS)
    with pytest.raises(QrUnreadable):
        read([public_key(new_seed())], "gare", TEXT, DOORS)
    raw = bytearray(from_base45(TEXT.removeprefix(PREFIX)))
    for at in range(len(raw)):
        changed = bytes(raw[:at]) + bytes([raw[at] ^ 1]) + bytes(raw[at + 1 :])
        with pytest.raises((QrElsewhere, QrUnreadable)):
            read([KEY], "gare", PREFIX + base45(changed), DOORS)
    for cut in ("", PREFIX, TEXT[:-1], TEXT[:-3], TEXT + "0", TEXT.lower(), "https://example.org", PREFIX + "é"):
        with pytest.raises(QrUnreadable):
            read([KEY], "gare", cut, DOORS)


def test_what_cannot_be_written_is_refused() -> None:
    for wrong in (
        said(member="m-own1"),
        said(doors=frozenset()),
        said(doors=frozenset(map(str, range(101)))),
        said(version=1 << 32),
    ):
        with pytest.raises(ValueError, match=r".+"):
            write(SEED, "gare", wrong, DOORS)


@given(st.binary(max_size=120))
def test_base45_there_and_back(raw: bytes) -> None:
    assert from_base45(base45(raw)) == raw


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    for one in (text, PREFIX + text):
        with pytest.raises((QrElsewhere, QrUnreadable)):
            read([KEY], "gare", one, DOORS)


def test_base45_of_the_standard() -> None:
    assert (base45(b"AB"), base45(b"Hello!!"), base45(b"base-45")) == ("BB8", "%69 VD92EX0", "UJCLQE7W581")


def test_a_guests_number_is_no_cards() -> None:
    assert number_of(GUEST) == "Q0123456789ABCDEF"


READER = {"code": "qr-in", "driver": "gm861", "address": "tele/gare-qr", "door": "entry"}


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    place = made.build(devices=[*config().model_dump()["devices"], READER])
    place.lists.take(signed(access_list(8, made_at=AT - 60 * S)))  # older than the QR
    return made


def scan(bench: Bench, text: str, after_s: float = 5.0, **more: Any) -> Any:
    message = {"Time": "2026-11-26T10:00:00", "GM861": {"Code": text}}
    bench.hear("gm861", "tele/gare-qr/SENSOR", json.dumps(message).encode(), after_s)
    return bench.events[-1] if bench.events else None


def test_a_scan_opens_and_its_event_is_a_card_reads(bench: Bench) -> None:
    event = scan(bench, TEXT)
    assert bench.order == ["unlock", "access"]
    assert (event["decision"], event["by"], event["member"], event["rule"]) == ("granted", "qr", GUEST, "right")
    assert event["device_at"] == "2026-11-26T10:00:00"
    assert TEXT not in json.dumps(bench.events)


def test_a_qr_that_stays_at_the_reader_is_one_act(bench: Bench) -> None:
    scan(bench, TEXT)
    scan(bench, TEXT, after_s=1.0)
    scan(bench, TEXT, after_s=1.0)
    assert len(bench.events) == 1


def test_refusals_have_a_digest_and_no_member(bench: Bench) -> None:
    foreign = write(SEED, "isle", said(), DOORS)
    reasons = [scan(bench, text)["reason"] for text in (foreign, TEXT[:-3] + "000", "https://example.org/menu")]
    assert reasons == ["qr_elsewhere", "qr_unsigned", "qr_unsigned"]
    assert bench.commands == []
    assert all("member" not in event and len(event["card"]) == 64 for event in bench.events)  # type: ignore[typeddict-item]
    assert scan(bench, "https://example.org/menu", after_s=60)["card"] == bench.events[2]["card"]  # type: ignore[typeddict-item]
    written = json.dumps(bench.events)
    assert "example.org" not in written and "MQ1." not in written


def test_the_list_that_has_the_visit_decides(bench: Bench) -> None:
    bench.place.lists.take(signed(access_list(9, made_at=AT - 30 * S)))
    assert scan(bench, TEXT)["reason"] == "qr_void"


def test_no_enrolment_waits_for_a_card_at_a_qr_reader(bench: Bench) -> None:
    assert not bench.place.enrol("qr-in", AT + 60 * S, lambda _card: None)
    assert bench.place.enrol("reader-in", AT + 60 * S, lambda _card: None)
    bench.hear("esp_rfid", "gare/in/send", badge("in"))


def test_a_late_scan_opens_nothing(bench: Bench) -> None:
    message = json.dumps({"GM861": {"Code": TEXT}}).encode()
    bench.place.hear("gm861", "tele/gare-qr/SENSOR", message, at=AT, now=200.0, decided=lambda: None, live=False)
    assert bench.commands == [] and bench.events == []
