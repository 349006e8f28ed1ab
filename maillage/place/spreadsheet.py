"""Reads a CSV file of devices as spreadsheets write it: comma, semicolon or tab, whatever its encoding. Pure."""

from __future__ import annotations

import csv
import io
from collections import Counter
from typing import Final

from api.http.csv_cells import unquoted
from api.transfer.encodings import NotDecided, NotReadable, decode
from maillage.network.territory import fold
from maillage.place.faults import Fault, nearest
from maillage.place.nodes import Record, Text
from maillage.place.sections import DEVICES

MOST: Final = 5_000
"""Lines."""
_WIDEST: Final = 100
"""Columns."""
_NAMES: Final = {one.name for one in DEVICES.fields}
_FRENCH: Final = {
    "code": "code", "passerelle": "gateway", "type": "kind", "genre": "kind", "pilote": "driver", "modele": "model",
    "adresse": "address", "porte": "door", "sens": "side", "poste": "desk", "bureau": "desk", "espace": "space",
    "salle": "space", "inverse": "inverted", "uid inverse": "uid_reversed", "bits": "bits",
    "frequence": "expect_every", "toutes les": "expect_every",
}  # fmt: skip
"""Columns' names in French, folded."""


def read_spreadsheet(data: bytes, file: str, faults: list[Fault]) -> list[Record]:
    """Return a record for each line, as the section ``devices`` has them; adds what is wrong to ``faults``."""
    try:
        text = decode(data).text
    except NotReadable as error:
        faults.append(Fault(file=file, line=error.line or 1, text="this is no text: save it as CSV UTF-8"))
        return []
    except NotDecided:
        faults.append(Fault(file=file, line=1, text="its letters fit two encodings: save it as CSV UTF-8"))
        return []
    first = text.partition("\n")[0]
    delimiter = max(";,\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    found: list[Record] = []
    try:
        header = [_column(cell) for cell in next(reader, [])[: _WIDEST + 1]]
        if not _known(header, file, faults):
            return []
        start = reader.line_num + 1
        rows = 0
        for row in reader:
            line, start = start, reader.line_num + 1
            cells = [unquoted(cell.strip()) for cell in row]
            if not any(cells):
                continue
            rows += 1
            if rows > MOST:
                faults.append(Fault(file=file, line=line, text=f"more than {MOST} devices: is this the right file?"))
                return []
            while len(cells) > len(header) and not cells[-1]:
                cells.pop()
            if len(cells) != len(header):
                what = f"{len(cells)} cells where the first line has {len(header)} columns"
                faults.append(Fault(file=file, line=line, text=what))
                continue
            filled = {name: cell for name, cell in zip(header, cells, strict=True) if cell}
            found.append(
                Record(
                    line=line,
                    values={name: Text(line=line, text=cell) for name, cell in filled.items()},
                    lines=dict.fromkeys(filled, line),
                )
            )
    except csv.Error as error:
        faults.append(Fault(file=file, line=max(1, reader.line_num), text=f"this is no CSV: {error}"))
    return found


def _column(cell: str) -> str:
    name = cell.strip().lower()
    return name if name in _NAMES else _FRENCH.get(fold(name), name)


def _known(header: list[str], file: str, faults: list[Fault]) -> bool:
    if len(header) > _WIDEST:
        what = f"more than {_WIDEST} columns: is this the right file?"
        faults.append(Fault(file=file, line=1, text=what))
        return False
    before = len(faults)
    if not any(header):
        faults.append(Fault(file=file, line=1, text="the file is empty: its first line names the columns"))
    for name in header:
        if name not in _NAMES:
            what = f"there is no column {name[:40]!r}{nearest(name, _NAMES)} (there are {', '.join(sorted(_NAMES))})"
            faults.append(Fault(file=file, line=1, text=what))
    faults += [
        Fault(file=file, line=1, text=f"the column {name} comes twice")
        for name, times in sorted(Counter(header).items())
        if times > 1
    ]
    return len(faults) == before
