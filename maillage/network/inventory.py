"""Read the inventory of third places: each row becomes a place, or a refusal with its reason.

The file is CSV (comma or semicolon) in UTF-8 with a header, as the CGET published it (``maillage/data/places``). What
can be mended beyond doubt is mended and noted; a row that can't be used is refused; the rest goes in.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from maillage.network.errors import InventoryError
from maillage.network.rows import Place, RowError, read_row
from maillage.network.territory import fold

SOURCE: Final = "cget-2019"
BUNDLED: Final = Path(__file__).parents[1] / "data" / "places" / "cget-2019.csv"
"""The copy that comes with the project."""
REQUIRED: Final = ("ID", "NOM_TL", "CP", "COMINIT", "INSEECOM", "NOMCOM", "LAT", "LONG")
"""Columns without which the file is another one; all others may be missing."""
_LONGEST_CELL: Final = 10_000

Outcome = Literal["refused", "mended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """What happened to one row of the file."""

    line: int
    """The row's last line in the file; the header is line 1."""
    id: str
    name: str
    outcome: Outcome
    reason: str
    """A short closed word, for example ``bad_coordinates``."""
    text: str
    """A sentence for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """A whole file: the places that can be used, and the remarks on its rows in their order."""

    rows: int
    places: tuple[Place, ...]
    remarks: tuple[Remark, ...]

    @property
    def refused(self) -> tuple[Remark, ...]:
        """Remarks on rows that are not among the places."""
        return tuple(one for one in self.remarks if one.outcome == "refused")


def read_inventory(path: Path) -> Inventory:
    """Read the file at ``path``.

    Raises:
        InventoryError: it isn't there, isn't UTF-8, isn't CSV or lacks columns; the text names the cause.
    """
    places: list[Place] = []
    remarks: list[Remark] = []
    ids: dict[str, int] = {}
    spots: dict[tuple[str, float, float], int] = {}
    rows = 0
    for line, row in _records(path):
        rows += 1
        source_id, name = row.get("ID", "").strip(), " ".join(row.get("NOM_TL", "").split())
        try:
            place, notes = read_row(row)
            _refuse_twin(place, ids, spots)
        except RowError as error:
            remarks.append(
                Remark(line=line, id=source_id, name=name, outcome="refused", reason=error.reason, text=str(error))
            )
            continue
        ids[place.source_id] = spots[_spot(place)] = line
        places.append(place)
        remarks.extend(
            Remark(line=line, id=source_id, name=place.name, outcome="mended", reason=reason, text=text)
            for reason, text in notes
        )
    if not rows:
        raise InventoryError(f"{path} has a header and no row")
    return Inventory(rows=rows, places=tuple(places), remarks=tuple(remarks))


def _spot(place: Place) -> tuple[str, float, float]:
    return fold(place.name), round(place.latitude, 4), round(place.longitude, 4)


def _refuse_twin(place: Place, ids: dict[str, int], spots: dict[tuple[str, float, float], int]) -> None:
    """Raise RowError where a row before has the same ID, or the same name within about ten metres."""
    if place.source_id in ids:
        raise RowError("duplicate_id", f"the ID {place.source_id} is already on line {ids[place.source_id]}")
    if (spot := _spot(place)) in spots:
        raise RowError("duplicate_place", f"the same name at the same position is already on line {spots[spot]}")


def _records(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each row with its line; a row of another length comes with the single key ``columns``."""
    line = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header_line = file.readline()
            delimiter = ";" if header_line.count(";") > header_line.count(",") else ","
            file.seek(0)
            reader = csv.reader(file, delimiter=delimiter)
            header = [name.strip().upper() for name in next(reader, [])]
            _check_header(path, header)
            for cells in reader:
                first, line = line + 1, reader.line_num
                if not cells:
                    continue
                if len(cells) != len(header) or max(map(len, cells)) > _LONGEST_CELL:
                    yield line, _misshapen(cells, len(header), first, line)
                else:
                    yield line, dict(zip(header, cells, strict=True))
    except UnicodeDecodeError:
        raise InventoryError(_encoding(path)) from None
    except csv.Error as error:
        raise InventoryError(f"{path}: line {line + 1} isn't CSV: {error}") from error
    except OSError as error:
        raise InventoryError(f"cannot read {path}: {error.strerror}") from error


def _misshapen(cells: list[str], wanted: int, first: int, last: int) -> dict[str, str]:
    """Describe a row whose cells can't be assigned to columns."""
    text = f"{len(cells)} columns where {wanted} belong: cells are shifted"
    if last > first:
        text = f"lines {first} to {last} read as one row of {len(cells)} columns ({wanted} belong): an unclosed quote?"
    elif len(cells) == wanted:
        text = f"a cell of more than {_LONGEST_CELL} characters"
    return {"ID": cells[0][:64], "NOM_TL": cells[1][:200] if len(cells) > 1 else "", "columns": text}


def _check_header(path: Path, header: list[str]) -> None:
    missing = [name for name in REQUIRED if name not in header]
    if missing:
        found = ", ".join(header[:12])[:200] or "nothing"
        raise InventoryError(
            f"{path} isn't the inventory: its first line lacks {', '.join(missing)} (it has {found}). "
            f"Expected at least {', '.join(REQUIRED)}."
        )
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise InventoryError(f"{path}: the column {', '.join(twice)} comes twice")


def _encoding(path: Path) -> str:
    """Say where a file that isn't UTF-8 stops being so."""
    data = path.read_bytes()
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return f"{path} is UTF-16: save it as UTF-8"
    for number, row in enumerate(data.split(b"\n"), start=1):
        try:
            row.decode()
        except UnicodeDecodeError as error:
            around = row[max(0, error.start - 15) : error.start + 15].decode("latin-1").strip()
            return (
                f"{path} isn't UTF-8: line {number}, byte {error.start + 1} (read as Latin-1: {around!r}). "
                "Save it as UTF-8."
            )
    return f"{path} isn't UTF-8: save it as UTF-8"
