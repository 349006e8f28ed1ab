"""Cells of tables: nothing that a person wrote runs in a spreadsheet, and an import reads what was written."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.csv_cells import as_csv, safe, unquoted

CELLS = st.text(alphabet="ab =+-@;,'\"\t\r\n1", max_size=20)


@given(CELLS)
def test_no_cell_begins_with_a_formula_whatever_separates_cells(cell: str) -> None:
    for piece in re.split("[;\t\r\n]", safe(cell)):
        assert not piece.lstrip(" ").startswith(("=", "+", "-", "@"))


@given(CELLS)
def test_an_import_reads_what_was_written(cell: str) -> None:
    assert unquoted(safe(cell)) == cell


@pytest.mark.parametrize("cell", ["Jean Petit", "l'Isle", "a; b", "3 - 4", "", "2026-11-27T08:00:00+01:00"])
def test_what_is_no_formula_stays_as_it_is(cell: str) -> None:
    assert safe(cell) == cell


def test_a_french_spreadsheet_splits_a_table_at_semicolons() -> None:
    table = as_csv(("ref", "name"), [{"ref": "m-1", "name": "Jean;=2+3"}]).decode()
    cells = [cell for line in csv.reader(io.StringIO(table), delimiter=";") for cell in line]
    assert not any(cell.startswith("=") for cell in cells)
