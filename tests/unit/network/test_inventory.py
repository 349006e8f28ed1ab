"""The inventory: what is mended, what is refused and why, what makes a file unreadable."""

from __future__ import annotations

from pathlib import Path

import pytest

from maillage.network.errors import InventoryError
from maillage.network.inventory import BUNDLED, REQUIRED, Inventory, read_inventory
from maillage.network.rows import Place

COLUMNS = (
    *("ID", "NOM_TL", "ADRESSE", "CP", "COMINIT", "INSEECOM", "NOMCOM", "WEB", "TYPO", "LAT", "LONG", "GEOCOD"),
    *("INSEEMETRO", "INSEEDEP", "NOMCOMMETRO", "POPCOM"),
)
GOOD = {
    "ID": "1",
    "NOM_TL": "La Ruche",
    "ADRESSE": "9 rue du Port",
    "CP": "33000",
    "COMINIT": "Bordeaux",
    "INSEECOM": "33063",
    "NOMCOM": "Bordeaux",
    "WEB": "www.laruche.fr",
    "TYPO": "Tiers lieux à dominante coworking",
    "LAT": "44.84",
    "LONG": "-0.57",
    "GEOCOD": "9 Rue du Port 33000 Bordeaux",
    "INSEEMETRO": "33063",
    "INSEEDEP": "33",
    "NOMCOMMETRO": "Bordeaux",
    "POPCOM": "246586",
}


def _read(tmp_path: Path, *rows: dict[str, str] | str, delimiter: str = ",") -> Inventory:
    path = tmp_path / "places.csv"
    lines = [delimiter.join(COLUMNS)]
    for row in rows:
        if isinstance(row, str):
            lines.append(row)
        else:
            cells = {**GOOD, **row}
            lines.append(delimiter.join('"' + cells[name].replace('"', '""') + '"' for name in COLUMNS))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_inventory(path)


def _one(tmp_path: Path, **cells: str) -> Place:
    inventory = _read(tmp_path, cells)
    assert inventory.refused == ()
    return inventory.places[0]


def test_the_bundled_file_is_read_whole_but_for_three_rows() -> None:
    inventory = read_inventory(BUNDLED)
    assert inventory.rows == 1512
    assert len(inventory.places) == 1509
    assert [(one.line, one.id, one.reason) for one in inventory.refused] == [
        (849, "848", "unconfirmed"),  # Tournai in Belgium, placed by hand in Cannes
        (1462, "1461", "unconfirmed"),
        (1510, "1509", "duplicate_place"),
    ]
    by_id = {one.source_id: one for one in inventory.places}
    assert by_id["1291"].department == "974"  # the file says 2A: the nearest that its author's map had
    assert by_id["1291"].time_zone == "Indian/Reunion"
    assert by_id["1211"].region == "Guadeloupe"
    assert by_id["32"].postcode == "01000"  # the file says 0, the geocoder's address knows it
    assert sum(one.region == "Nouvelle-Aquitaine" for one in inventory.places) == 225
    assert {one.region for one in inventory.places} >= {"Bretagne", "Corse", "Île-de-France"}


def test_a_good_row_is_a_place(tmp_path: Path) -> None:
    place = _one(tmp_path)
    assert (place.name, place.department, place.region) == ("La Ruche", "33", "Nouvelle-Aquitaine")
    assert (place.website, place.typology, place.population) == ("http://www.laruche.fr", "coworking", 246586)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"ID": " "}, "bad_id"),
        ({"NOM_TL": "  \u00a0 "}, "no_name"),
        ({"NOM_TL": "\u200b\u200b"}, "no_name"),
        ({"NOM_TL": "???"}, "no_name"),
        ({"NOM_TL": "x" * 201}, "name_too_long"),
        ({"LAT": ""}, "bad_coordinates"),
        ({"LAT": "nan", "LONG": "nan"}, "bad_coordinates"),
        ({"LAT": "inf"}, "bad_coordinates"),
        ({"LAT": "448.4"}, "bad_coordinates"),
        ({"LAT": "Bordeaux"}, "bad_coordinates"),
        ({"LAT": "0", "LONG": "0"}, "not_in_france"),
        ({"LAT": "40.4", "LONG": "-3.7"}, "not_in_france"),
        ({"LAT": "-20.9", "LONG": "55.5"}, "contradiction"),
        ({"CP": "0", "INSEECOM": "0", "NOMCOM": "Tournai"}, "unconfirmed"),
        ({"CP": "abc", "INSEECOM": "99999", "INSEEDEP": "99", "GEOCOD": ""}, "no_department"),
    ],
)
def test_a_row_that_cannot_be_used_is_refused_with_its_line(tmp_path: Path, cells: dict[str, str], reason: str) -> None:
    inventory = _read(tmp_path, {"ID": "7", "NOM_TL": "Avant"}, cells)
    assert [(one.line, one.reason) for one in inventory.refused] == [(3, reason)]
    assert len(inventory.places) == 1


@pytest.mark.parametrize(
    ("cells", "field", "value"),
    [
        ({"NOM_TL": " Le\u00a0 Lab \t"}, "name", "Le Lab"),
        ({"NOM_TL": "Lâ€™AtelierÂ\u00a0: CafÃ© \x07Crème"}, "name", "L’Atelier : Café Crème"),
        ({"LAT": "44,84", "LONG": "-0,57"}, "latitude", 44.84),
        ({"LAT": "-0.57", "LONG": "44.84"}, "latitude", 44.84),
        ({"CP": "0"}, "postcode", "33000"),
        ({"CP": "0", "GEOCOD": "PLACE A LA MAIN"}, "postcode", None),
        ({"CP": "13001"}, "postcode", "33000"),
        ({"CP": "1000", "INSEECOM": "01053", "INSEEDEP": "01", "GEOCOD": ""}, "postcode", "01000"),
        ({"CP": "20200", "INSEECOM": "0", "INSEEDEP": "2B", "LAT": "42.7", "LONG": "9.45"}, "department", "2B"),
        ({"CP": "20090", "INSEECOM": "0", "INSEEDEP": "", "LAT": "41.9", "LONG": "8.7"}, "department", "2A"),
        ({"CP": "97418", "INSEECOM": "0", "INSEEDEP": "2A", "LAT": "-21.2", "LONG": "55.5"}, "department", "974"),
        ({"INSEECOM": "14327", "CP": "0", "NOMCOM": "X"}, "department", "33"),
        ({"INSEECOM": "0"}, "commune_code", "33063"),
        ({"WEB": "Madame Untel"}, "website", None),
        ({"WEB": "javascript:alert(1)"}, "website", None),
        ({"WEB": "https://x.fr/a?b=c"}, "website", "https://x.fr/a?b=c"),
        ({"POPCOM": "#N/D"}, "population", None),
        ({"POPCOM": "2142,31263326"}, "population", 2142),
        ({"TYPO": "Tiers lieux à dominante fablab"}, "typology", "fab_lab"),
    ],
)
def test_what_is_beyond_doubt_is_mended(tmp_path: Path, cells: dict[str, str], field: str, value: object) -> None:
    assert getattr(_one(tmp_path, **cells), field) == value


def test_mending_is_told(tmp_path: Path) -> None:
    inventory = _read(tmp_path, {"LAT": "-0.57", "LONG": "44.84", "CP": "0"})
    assert [(one.line, one.outcome, one.reason) for one in inventory.remarks] == [
        (2, "mended", "coordinates_swapped"),
        (2, "mended", "postcode"),
    ]


def test_twins_are_refused_and_namesakes_kept(tmp_path: Path) -> None:
    inventory = _read(
        tmp_path,
        {},
        {"NOM_TL": "Autre"},
        {"ID": "3", "NOM_TL": "LA RUCHE"},
        {"ID": "4", "LAT": "44.85"},
        {"ID": "5", "NOM_TL": "Autre"},
    )
    assert [(one.line, one.reason) for one in inventory.refused] == [(3, "duplicate_id"), (4, "duplicate_place")]
    assert [one.source_id for one in inventory.places] == ["1", "4", "5"]


def test_shifted_cells_are_refused_and_the_rest_goes_in(tmp_path: Path) -> None:
    inventory = _read(tmp_path, "1,La Ruche,33000", {"ID": "2"}, ",".join(["3"] * (len(COLUMNS) + 1)), "")
    assert [(one.line, one.reason, one.id) for one in inventory.refused] == [
        (2, "shifted_columns", "1"),
        (4, "shifted_columns", "3"),
    ]
    assert inventory.refused[0].text == "3 columns where 16 belong: cells are shifted"
    assert len(inventory.places) == 1


def test_an_unclosed_quote_is_told_with_all_its_lines(tmp_path: Path) -> None:
    inventory = _read(tmp_path, {"ID": "1"}, '2,"La Ruche,33000', {"ID": "3"}, {"ID": "4", "NOM_TL": "B"})
    assert [one.source_id for one in inventory.places] == ["1", "4"]
    assert inventory.refused[0].text == "lines 3 to 4 read as one row of 17 columns (16 belong): an unclosed quote?"


def test_semicolons_and_a_byte_order_mark_are_no_matter(tmp_path: Path) -> None:
    assert len(_read(tmp_path, {}, {"ID": "2", "NOM_TL": "B"}, delimiter=";").places) == 2
    path = tmp_path / "places.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(read_inventory(path).places) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "its first line lacks ID, NOM_TL, CP, COMINIT, INSEECOM, NOMCOM, LAT, LONG .it has nothing."),
        (b"name,lat,lon\n", "its first line lacks ID.*it has NAME, LAT, LON"),
        (",".join(REQUIRED).encode() + b"\n", "has a header and no row"),
        (",".join((*REQUIRED, "LAT")).encode() + b"\n", "the column LAT comes twice"),
        (",".join(REQUIRED).encode() + b"\n1,Caf\xe9,,,,,,\n", r"isn't UTF-8: line 2, byte 6 .*'1,Café"),
        ("ID,NOM_TL".encode("utf-16"), "is UTF-16: save it as UTF-8"),
        (",".join(REQUIRED).encode() + b'\n1,"' + b"x" * 140_000 + b'",,,,,,\n', "line 2 isn't CSV: field larger"),
    ],
)
def test_an_unusable_file_is_told_in_one_sentence(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "places.csv"
    path.write_bytes(content)
    with pytest.raises(InventoryError, match=message):
        read_inventory(path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match=r"cannot read .*none\.csv: No such file"):
        read_inventory(tmp_path / "none.csv")
    with pytest.raises(InventoryError, match="Is a directory"):
        read_inventory(tmp_path)
