"""Card formats: published vectors, parity, and the ways in which one card reads as several numbers."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access import CardError, normalise
from access.formats import Card, Unreadable, lookalikes, read_bits, read_code, read_digits, read_uid

VECTORS = Path(__file__).parents[2] / "data" / "devices" / "wiegand.csv"
ROWS = list(csv.DictReader(VECTORS.read_text(encoding="utf-8").splitlines()))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['format']}-{row['card_number'] or 'bad'}")
def test_the_published_vectors(row: dict[str, str]) -> None:
    read = read_bits(row["bitstring_msb_first"], facility=row["format"] != "H10302")
    if row["parity_ok"] == "False":
        assert read == Unreadable(bits=int(row["bits"]), why="parity")
        return
    assert isinstance(read, Card)
    assert read.format == row["format"]
    assert read.facility == (int(row["facility_code"]) if row["facility_code"] else None)
    assert read.printed == int(row["card_number"])
    assert int(read.number, 16) == int(row["payload_int"])
    assert len(read.number) == {26: 6, 34: 8, 37: 10}[int(row["bits"])]


def test_both_readings_of_37_bits_have_one_number() -> None:
    bits = next(row["bitstring_msb_first"] for row in ROWS if row["format"] == "H10304")
    long, parted = read_bits(bits, facility=False), read_bits(bits)
    assert isinstance(long, Card)
    assert isinstance(parted, Card)
    assert (long.number, long.printed) == (parted.number, 61867587)


def wiegand(payload: int, bits: int) -> str:
    """Write what a reader sends, by the definition: even before the middle, odd from it."""
    data = f"{payload:0{bits - 2}b}"
    half = (bits - 1) // 2 if bits == 37 else (bits - 2) // 2
    even, odd = data[:half].count("1") % 2, 1 - data[-half:].count("1") % 2
    return f"{even}{data}{odd}"


@given(bits=st.sampled_from([26, 34, 37]), data=st.data())
def test_every_payload_is_read_and_every_single_wrong_bit_is_seen(bits: int, data: st.DataObject) -> None:
    payload = data.draw(st.integers(0, 2 ** (bits - 2) - 1))
    sent = wiegand(payload, bits)
    read = read_bits(sent)
    assert isinstance(read, Card)
    assert int(read.number, 16) == payload
    swapped = sent.translate({48: "1", 49: "0"})
    assert read_bits(swapped, inverted=True) == read
    wrong = data.draw(st.integers(0, bits - 1))
    if bits != 37 or wrong != 18:  # the middle bit counts in both halves, so both parities see it
        assert read_bits(sent[:wrong] + str(1 - int(sent[wrong])) + sent[wrong + 1 :]) == Unreadable(
            bits=bits, why="parity"
        )


@given(uid=st.binary(min_size=4, max_size=4))
def test_a_uid_has_one_number_however_it_comes(uid: bytes) -> None:
    expected = normalise(uid)
    ways = [
        read_uid(uid),
        read_uid(uid[::-1], reversed_bytes=True),
        read_bits(f"{int.from_bytes(uid, 'big'):032b}"),
        read_bits(wiegand(int.from_bytes(uid, "big"), 34)),
        read_bits(wiegand(int.from_bytes(uid, "little"), 34), reversed_bytes=True),
        read_digits(uid.hex().lstrip("0") or "0", uid_bytes=4),
        read_digits(str(int.from_bytes(uid, "big")), uid_bytes=4, base=10),
        read_digits("-".join(f"{byte:02x}" for byte in reversed(uid)), uid_bytes=4, reversed_bytes=True),
    ]
    assert [way.number for way in ways if isinstance(way, Card)] == [expected] * len(ways)


def test_tasmota_and_esphome_write_one_card_in_two_ways() -> None:
    tasmota, esphome = read_digits("0074380D", uid_bytes=4), read_digits("7616525", uid_bytes=4, base=10)
    assert tasmota == esphome
    assert isinstance(tasmota, Card)
    assert tasmota.number == "0074380D"


@given(uid=st.binary(min_size=7, max_size=7))
def test_seven_bytes_are_never_taken_for_what_is_left_of_them(uid: bytes) -> None:
    whole = read_uid(uid)
    assert isinstance(whole, Card)
    cut = lookalikes(whole.number)
    assert whole.number not in cut.values()
    assert cut["first_4"] == whole.number[:8]
    assert cut["cascade"] == "88" + whole.number[:6]
    assert cut.get("reversed", whole.number) == normalise(uid[::-1])
    for one in (cut["first_4"], cut["last_4"]):
        short = read_uid(bytes.fromhex(one))
        assert isinstance(short, Card)
        assert short.number != whole.number


@given(length=st.integers(0, 200).filter(lambda n: n not in (26, 32, 34, 37, 40, 56, 80)), ones=st.booleans())
def test_an_unknown_format_says_its_length_only(length: int, ones: bool) -> None:
    read = read_bits("01"[ones] * length)
    assert read == Unreadable(bits=length, why="unknown_format")
    assert set(read.__slots__) == {"bits", "why"}


def test_what_a_card_holds_is_not_shown() -> None:
    shown = repr([read_uid(bytes.fromhex("04A1B2C3")), read_code("271828"), read_bits(wiegand(4497999, 26))])
    assert "04A1B2C3" not in shown
    assert "271828" not in shown
    assert "41551" not in shown


def test_a_code_is_never_a_card() -> None:
    assert read_code("1234").number == "K1234"
    with pytest.raises(ValueError, match="non-hexadecimal"):
        bytes.fromhex(read_code("1234").number)


@pytest.mark.parametrize("digits", ["", "123", "1234567890123", "12a4", "१२३४", "12 34"])
def test_a_code_that_is_none(digits: str) -> None:
    with pytest.raises(CardError):
        read_code(digits)


@pytest.mark.parametrize("text", ["", "0x12", "zz", "123456789", "-1", "1_0", "१२"])
def test_digits_that_are_no_card(text: str) -> None:
    if text == "-1":  # a hyphen separates bytes
        assert read_digits(text, uid_bytes=4) == read_uid(bytes([0, 0, 0, 1]))
        return
    with pytest.raises(CardError) as caught:
        read_digits(text, uid_bytes=4)
    assert caught.value.__cause__ is None


def test_a_code_and_nonsense_have_no_lookalikes() -> None:
    assert lookalikes("K1234") == lookalikes("") == lookalikes("ABC") == {}


def test_bits_are_bits() -> None:
    with pytest.raises(CardError):
        read_bits("0b101")


def test_a_125_khz_card_has_five_bytes() -> None:
    card = read_uid(bytes.fromhex("0A00123456"))
    assert isinstance(card, Card)
    assert (card.format, card.number) == ("EM4100", "0A00123456")
    assert read_bits(f"{0x0A00123456:040b}") == card
