"""A line's cells: numbers of cards, dates, places, words; and what each wrong one says."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from access.errors import CardError
from access.formats import Card, read_bits
from api.cards.notation import read_number
from api.transfer.card_column import CardColumn
from api.transfer.columns import COLUMNS, Column
from api.transfer.french import CELLS
from api.transfer.lines import CLEAR, EVERYWHERE, Line, OpenedPlace, read_end, read_line, read_moment
from rights.card_secret import CardKeys

KEYS = CardKeys.of(b"k" * 32)
ORDER: dict[Column, int] = {column: index for index, column in enumerate(COLUMNS)}
WIEGAND = Path(__file__).parents[2] / "data" / "devices" / "wiegand.csv"


def line(**cells: str) -> Line:
    row = [cells.get(column, "") for column in COLUMNS]
    return read_line(2, row, ORDER, keys=KEYS, cards=CardColumn())


@pytest.mark.parametrize(
    ("text", "named", "number"),
    [
        ("04A2245AC16D80", "", "04A2245AC16D80"),
        ("04:a2:24:5a:c1:6d:80", "uid", "04A2245AC16D80"),
        ("0074380D", "MIFARE4", "0074380D"),
        ("7616525", "MIFARE4-decimal", "0074380D"),
        ("0D387400", "MIFARE4-reversed", "0074380D"),
        ("68:41551", "H10301", "44A24F"),
        ("68-41551", "h10301", "44A24F"),
        ("1234", "code", "K1234"),
    ],
)
def test_numbers_as_people_write_them(text: str, named: str, number: str) -> None:
    assert read_number(text, named).number == number


def test_what_is_printed_on_a_card_is_what_a_reader_reads_of_it() -> None:
    read = 0
    with WIEGAND.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["parity_ok"] != "True" or row["format"] not in ("H10301", "H10306", "H10304", "H10302"):
                continue
            facility = row["facility_code"]
            card = read_bits(row["bitstring_msb_first"], facility=bool(facility))
            if not isinstance(card, Card):
                continue
            printed = f"{facility}:{row['card_number']}" if facility else row["card_number"]
            assert read_number(printed, row["format"]).number == card.number, row
            read += 1
    assert read == 18


@pytest.mark.parametrize(
    ("text", "named", "say"),
    [
        ("4,04E+12", "", "power of ten"),
        ("4.04E+12", "MIFARE4-decimal", "power of ten"),
        ("7616525", "", "card_format"),
        ("74380D", "", "card_format"),
        ("04A2245AC16D80", "MIFARE4", "card_format"),
        ("68:41551", "H10302", "its number alone"),
        ("41552", "H10301", "facility"),
        ("68:99999", "H10301", "bits"),
        ("0074380D", "EM4200", "there are: uid"),
        ("0074380D", "uid-reversed", "there are: uid"),
        ("99999999999", "MIFARE4-decimal", "4 bytes"),
        ("123", "code", "4 to 12"),
        ("carte", "", "hexadecimal"),
    ],
)
def test_numbers_that_are_none_say_what_to_do_and_are_not_quoted(text: str, named: str, say: str) -> None:
    with pytest.raises(CardError, match=say) as refused:
        read_number(text, named)
    assert text not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-21", date(2026, 11, 21)),
        ("21/11/2026", date(2026, 11, 21)),
        ("1.2.2026", date(2026, 2, 1)),
        ("21/11/2026 08:30", datetime.fromisoformat("2026-11-21T08:30")),
        ("2026-11-21T08:30+01:00", datetime(2026, 11, 21, 7, 30, tzinfo=UTC)),
    ],
)
def test_dates(text: str, moment: date) -> None:
    assert read_moment(text) == moment


@pytest.mark.parametrize(
    "text", ["45985", "21/11/26", "11/21/2026", "2026-02-30", "tomorrow", "0026-01-01", "2026-W47-6"]
)
def test_dates_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="date"):
        read_moment(text)


@pytest.mark.parametrize(
    ("written", "status"),
    [*((word, status) for status, word in CELLS["card_status"].items()), ("perdue", "lost"), ("Émise", "issued")],
)
def test_the_words_of_an_export_in_french_come_back(written: str, status: str) -> None:
    read = line(card="0074380D", card_status=written)
    assert (read.wrong, read.card_status) == ((), status)


def test_a_whole_line() -> None:
    read = line(
        name="Zoé", email="zoe@example.org", card="0074380D", card_status="perdue", **{"pass": "Fab lab"},
        places="limoges/fab-lab limoges/door:entry isle", unit="demi-journée", allowance="10", each_month="oui",
        organisation=CLEAR,
    )  # fmt: skip
    assert not read.wrong
    assert read.lookup == KEYS.found_by("0074380D")
    assert (read.last4, read.card_status, read.unit, read.allowance, read.each_month) == (
        "380D",
        "lost",
        "half_day",
        10,
        True,
    )
    assert read.places == (
        OpenedPlace(place="isle"),
        OpenedPlace(place="limoges", spaces=frozenset({"fab-lab"}), doors=frozenset({"entry"})),
    )
    assert read.organisation == CLEAR
    assert line(places=EVERYWHERE, email="a@b").everywhere is True
    assert "0074380D" not in repr(read)


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("member", "M-1"), ("email", "nobody"), ("status", "dead"), ("card", "xyz"), ("card_status", "burnt"),
        ("card_ref", "card 1"), ("pass_ref", "x"), ("places", "Limoges Centre"), ("valid_from", "soon"),
        ("unit", "week"), ("allowance", "-3"), ("each_month", "maybe"), ("name", "x" * 201), ("name", "Zo\ufffd"),
    ],
)  # fmt: skip
def test_a_wrong_cell_names_its_column(column: Column, text: str) -> None:
    assert [wrong.column for wrong in line(**{column: text}).wrong] == [column]


def test_what_an_export_escaped_comes_back_as_it_was() -> None:
    assert line(name="'=SUM(A1)", email="a@b").name == "=SUM(A1)"
    assert line(name="'tHooft", email="a@b").name == "'tHooft"


@pytest.mark.parametrize(
    "text",
    ["2026-12-31", "31/12/2026", "31/12/2026 00:00", "31/12/2026 0:00", "31/12/2026 00:00:00", "2026-12-31 00:00:00",
     "2026-12-31T00:00", "31/12/2026 23:59", "2026-12-31 23:59:59", "31.12.2026 00:00"],
)  # fmt: skip
def test_an_end_keeps_its_last_day_however_it_is_written(text: str) -> None:
    assert read_end(text) == date(2026, 12, 31)


@pytest.mark.parametrize("text", ["31/12/9999", "9999-12-31", "31/12/9999 00:00:00", "9999-12-31T23:59:59+01:00"])
def test_the_year_9999_is_without_end(text: str) -> None:
    assert read_end(text) == CLEAR
    with pytest.raises(ValueError, match="no date"):
        read_moment(text)  # a beginning in that year is a mistake


def test_an_end_with_a_time_or_a_zone_is_that_instant() -> None:
    assert read_end("31/12/2026 18:30") == datetime(2026, 12, 31, 18, 30)  # noqa: DTZ001  (local time of the place)
    assert read_end("2026-12-31T00:00+01:00") == datetime(2026, 12, 30, 23, 0, tzinfo=UTC)
