"""Tables as CSV that spreadsheets open: no cell may run as a formula. Pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

# Where a cell begins: also after what separates cells for a spreadsheet that doesn't take the comma, as in France.
_FORMULA: Final = re.compile(r"((?:^|[;\t\r\n]) *'*)(?=[=+\-@\t\r])")
_MADE_SAFE: Final = re.compile(r"((?:^|[;\t\r\n]) *'*)'(?=[=+\-@\t\r])")


def safe(cell: str) -> str:
    """``cell`` with a ``'`` wherever a spreadsheet would begin to run it as a formula."""
    return _FORMULA.sub(r"\1'", cell)


def unquoted(cell: str) -> str:
    """``cell`` without the ``'`` that ``safe`` put into it."""
    return _MADE_SAFE.sub(r"\1", cell)


def as_csv(names: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return a table with a line of names; a value that a row lacks is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(names)
    for row in rows:
        cells = (row.get(name) for name in names)
        writer.writerow([safe(cell) if isinstance(cell, str) else cell for cell in cells])
    return text.getvalue().encode()
