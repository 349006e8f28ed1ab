"""Card numbers as printed, typed and exported: what is read, what is asked, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access.errors import CardError
from access.formats import Card, read_bits
from api.cards.notation import NeedsFormat, choices_for, clean, read_number
from api.cards.numbers import read_number as credential
from api.transfer.card_column import study
from api.transfer.importing import Parsed, parse
from rights.card_secret import CardKeys

KEYS = CardKeys.of(b"k" * 32)
DECIMAL = (Path(__file__).parents[2] / "data" / "cards" / "decimal.csv").read_bytes()
NO_BREAK, NARROW = "\u00a0", "\u202f"


def as_a_reader_sends(digits: str) -> str:
    """The number that a gateway makes of a reader's bits."""
    card = read_bits("".join(f"{int(one, 16):04b}" for one in digits))
    assert isinstance(card, Card)
    return card.number


# What is printed on the card whose 5 bytes are 0A004D7603, and what readers of 40, 32 and 26 bits send for it.
@pytest.mark.parametrize(
    ("printed", "named", "reader_sends"),
    [
        ("0005076483", "EM4100-0A-decimal", "0A004D7603"),  # 8H10D
        ("5076483", "EM4100-0A-decimal", "0A004D7603"),  # its zeros dropped
        ("05076483", "EM4100-0A00-decimal", "0A004D7603"),  # 6H8D
        ("077,30211", "EM4100-0A00-decimal", "0A004D7603"),  # 2H3D,4H5D
        ("0042954749443", "EM4100-decimal", "0A004D7603"),  # 10H13D
        ("00042954749443", "EM4100-decimal", "0A004D7603"),  # 10H14D
        ("0A004D7603", "", "0A004D7603"),
        ("0005076483", "EM4100-hex", "0005076483"),
        ("0005076483", "MIFARE4-decimal", "004D7603"),
        ("0005076483", "MIFARE4-decimal-reversed", "03764D00"),
        ("12:34:56:78", "", "12345678"),
        ("12-34-56-78", "", "12345678"),
        ("04123456789012", "", "04123456789012"),  # seven bytes: in decimal the first would be 00
    ],
)
def test_printed_numbers_are_what_a_reader_sends(printed: str, named: str, reader_sends: str) -> None:
    assert read_number(printed, named).number == as_a_reader_sends(reader_sends)


@pytest.mark.parametrize(
    ("printed", "named"),
    [
        ("077,30211", "H10301"),
        ("077.30211", "H10301"),
        ("77:30211", "H10301"),
        ("05076483", "H10301-decimal"),
        ("4D7603", "H10301"),
        ("4D:76:03", "H10301"),
        ("4D7603", "H10301-hex"),
    ],
)
def test_what_a_26_bit_reader_sends(printed: str, named: str) -> None:
    card = read_number(printed, named)
    assert (card.number, card.format, card.facility, card.printed) == ("4D7603", "H10301", 77, 30211)


@pytest.mark.parametrize(
    "typed",
    ["0563537489", "12345678", "00 05 07 64 83", "5 076 483", "0005076483.0", "7616525", "123456", "00042954749443"],
)
@pytest.mark.parametrize("named", ["", "EM4100", "MIFARE4"])
def test_decimal_digits_alone_are_a_question(typed: str, named: str) -> None:
    with pytest.raises(NeedsFormat, match="decimal or hexadecimal"):
        read_number(typed, named)
    with pytest.raises(NeedsFormat):
        credential(KEYS, typed, named)


def test_the_question_shows_what_a_reader_would_send() -> None:
    shown = {one.format: one.reader_sends for one in choices_for("0563537489")}
    assert shown == {
        "EM4100-hex": "0563537489",
        "MIFARE4-decimal": "2196E651",
        "MIFARE4-decimal-reversed": "51E69621",
        "EM4100-XX-decimal": "??2196E651",
    }


@pytest.mark.parametrize(
    ("text", "named", "say"),
    [
        ("0005076483", "EM4100-decimal", "only the last 4 of the card's 5 bytes"),
        ("077,3021", "H10301", "dropped a zero"),
        ("077.30211", "uid", "UID"),
        ("12345678", "EM4100-hex", "zeros in front may be lost"),
        ("74380D", "", "UID"),
        ("0102", "uid", "UID"),
        ("AABBCCDDEEFF", "", "UID"),  # six bytes: no reader sends them
        ("12345678.0", "MIFARE4-hex", "zeros in front may be lost"),
        ("1234,0", "code", "zeros in front may be lost"),
        ("4.12E+12", "EM4100-decimal", "power of ten"),
        ("4,12E+12", "", "power of ten"),
        ("5E+09", "", "power of ten"),
        ("4,12e12", "", "power of ten"),
        ("5076483", "EM4100-0A-hex", "no such card format"),
        ("5076483", "MIFARE4-0A-decimal", "no such card format"),
        ("5076483", "MIFARE4-hex-decimal", "no such card format"),
        ("99999999999", "EM4100-0A-decimal", "4 bytes"),
        ("123456", "H10301", "facility"),
    ],
)
def test_what_cannot_open_is_refused(text: str, named: str, say: str) -> None:
    with pytest.raises(CardError, match=say) as refused:
        read_number(text, named)
    assert text not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    ['="0012"', "'0012", f"{NO_BREAK}0012{NO_BREAK}", " 0012 ", f'{NARROW}="0012"'],
)
def test_what_spreadsheets_put_around_a_number_is_taken_off(text: str) -> None:
    assert clean(text) == "0012"


def test_digits_and_letters_are_no_power_of_ten() -> None:
    assert read_number("1234E567").number == "1234E567"
    assert read_number("12345678E9").number == "12345678E9"


@given(st.integers(0, 2**40 - 1), st.booleans())
def test_a_decimal_number_opens_as_its_bytes_or_is_refused(value: int, padded: bool) -> None:
    whole = value.to_bytes(5, "big").hex().upper()
    printed = f"{value & 0xFFFFFFFF:0{10 if padded else 1}}"
    assert read_number(printed, f"EM4100-{whole[:2]}-decimal").number == as_a_reader_sends(whole)
    with pytest.raises(CardError):
        read_number(printed)


# A column


def parsed(data: bytes, card_format: str = "") -> Parsed:
    return parse(data, KEYS, card_format)


def test_a_column_of_decimal_digits_is_asked_about() -> None:
    found = parsed(DECIMAL)
    assert [one.lookup for one in found.lines] == [None] * 4
    assert all("decimal or hexadecimal" in one.wrong[0].what for one in found.lines)
    assert found.question is not None
    assert (found.question.line, found.question.count) == (2, 4)
    shown = {one.format: one.reader_sends for one in found.question.choices}
    assert (shown["EM4100-hex"], shown["MIFARE4-decimal"]) == ("0005076483", "004D7603")


def test_a_column_with_its_format_has_the_tokens_of_the_reader() -> None:
    found = parsed(DECIMAL, "EM4100-0A-decimal")
    assert found.question is None
    assert not any(one.wrong for one in found.lines)
    expected = ["0A004D7603", "0A00BC614E", "0A0096B43F", "0A00BC614E"]
    assert [one.lookup and one.lookup.hex() for one in found.lines] == [
        KEYS.found_by(as_a_reader_sends(digits)).hex() for digits in expected
    ]


def test_hexadecimal_without_zeros_is_not_taken_for_a_shorter_card() -> None:
    found = parsed(DECIMAL, "uid")
    assert [len(one.wrong) for one in found.lines] == [0, 0, 0, 1]
    assert "dropped zeros" in found.lines[3].wrong[0].what


def cells(*numbers: str) -> list[tuple[int, str, str]]:
    return [(line, number, "") for line, number in enumerate(numbers, 2)]


def test_letters_in_most_numbers_of_a_length_show_that_the_others_are_hexadecimal() -> None:
    column, question = study(cells("0074380D", "AB12CD34", "12345678", "04A2245AC16D80"))
    assert sorted(column.hex_lengths) == [8, 14]
    assert question is None
    assert column.read("12345678", "").number == "12345678"
    with pytest.raises(CardError, match="decimal or hexadecimal"):
        column.read("0005076483", "")  # of another length: nothing is shown


def test_one_card_in_hexadecimal_does_not_decide_for_a_decimal_column() -> None:
    column, question = study(cells("0A004D7603", "0005076483", "0012345678", "0009876543"))
    assert question is not None
    assert question.count == 3
    with pytest.raises(CardError, match="decimal or hexadecimal"):
        column.read("0005076483", "")
    assert column.read("0A004D7603", "").number == "0A004D7603"


def test_a_line_that_names_its_format_is_not_asked_about() -> None:
    _, question = study([(2, "0005076483", "MIFARE4-decimal"), (3, "0A004D7603", "")])
    assert question is None


def test_numbers_rounded_to_fifteen_digits_are_refused() -> None:
    column, _ = study(cells("1234567890123450", "1334567890123450", "1434567890123450"), "MIFARE7-decimal")
    with pytest.raises(CardError, match="rounded"):
        column.read("1234567890123450", "")
    column, _ = study(cells("1234567890123450", "1334567890123451", "1434567890123450"), "MIFARE7-decimal")
    assert column.read("1334567890123451", "").number == f"{1334567890123451:014X}"


def test_a_file_of_formulas_is_read() -> None:
    data = b'name,email,card\nA,a@b,"=""0005076483"""\nB,b@b,="0012345678"\n'
    found = parsed(data, "MIFARE4-decimal")
    assert [one.card_number for one in found.lines] == ["004D7603", "00BC614E"]


def test_the_number_stands_in_no_repr() -> None:
    found = parsed(DECIMAL, "MIFARE4-decimal")
    assert "004D7603" not in repr(found)


@pytest.mark.parametrize(
    ("text", "named"),
    [("08A1B2C3", ""), ("08:a1:b2:c3", "uid"), ("08123456", "MIFARE4-hex"), ("C3B2A108", "MIFARE4-reversed"),
     ("144814787", "MIFARE4-decimal")],
)  # fmt: skip
def test_a_number_that_is_random_at_each_reading_is_refused(text: str, named: str) -> None:
    with pytest.raises(CardError, match="random UID"):
        read_number(text, named)


def test_a_card_of_125_khz_may_begin_with_08() -> None:
    assert read_number("08A1B2C3", "H10306-hex").number == "08A1B2C3"
    assert read_number("08A1B2C3D4").format == "EM4100"
    assert read_number("C308A1B2").format == "MIFARE4"
