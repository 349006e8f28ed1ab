"""Reads a CSV file into lines, whatever its encoding, separator and quotes. Pure."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from typing import Final

from api.http.errors import BadField
from api.transfer.encodings import Decoded, NotDecided, NotReadable, decode

MAX_LINES: Final = 50_000
MAX_BYTES: Final = 16 * 1024 * 1024
_DELIMITERS: Final = ",;\t"
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_NO_LINE: Final = (
    "There is no member in this file: it has one line, which names the columns. Where it had more, its line ends are "
    "missing; with curl use --data-binary, not -d."
)


class FileRefused(BadField):
    """The file isn't a valid table; the text says where and what to do."""

    def __init__(self, text: str) -> None:
        super().__init__("body", text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A parsed CSV file: every line has as many cells as the header, without blanks around them."""

    encoding: str
    guessed: bool
    """The encoding was chosen by its letters."""
    delimiter: str
    header: tuple[str, ...]
    lines: tuple[tuple[int, tuple[str, ...]], ...]
    """Each with the number of its last line in the file, from 1."""
    ragged: tuple[tuple[int, int], ...] = ()
    """Lines with another number of cells than the header: the line's number and its cells."""


def read_table(data: bytes, encoding: str = "") -> Table:
    """Parse ``data`` (``encoding``: its encoding, if known), separated by ``,`` ``;`` or tabs.

    Raises:
        FileRefused: its encoding is unclear or mixed; it has no header, no line or an open quote; it is too long.
    """
    if len(data) > MAX_BYTES:
        raise FileRefused(f"The file is larger than {MAX_BYTES // 1024 // 1024} MB. Import it in parts.")
    decoded = _read(data, encoding)
    text = decoded.text
    if control := _CONTROL.search(text):
        line = text.count("\n", 0, control.start()) + 1
        raise FileRefused(f"Line {line} holds a control character: this isn't a text file. Export it as CSV (UTF-8).")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    first, _, rest = text.partition("\n")
    skipped = 0
    if re.fullmatch(f"sep=[{_DELIMITERS}]", first.strip(" "), re.IGNORECASE):  # Excel's hint of the separator
        text, skipped = rest, 1
    delimiter = _delimiter(text)
    header, lines, ragged = _rows(text, delimiter, skipped)
    if not lines:
        raise FileRefused(_NO_LINE)
    return Table(
        encoding=decoded.encoding,
        guessed=decoded.guessed,
        delimiter=delimiter,
        header=header,
        lines=lines,
        ragged=ragged,
    )


def _read(data: bytes, named: str) -> Decoded:
    try:
        return decode(data, named)
    except NotReadable as error:
        where = (
            f"Line {error.line} can't be read: the file is {error.so_far.upper()} up to there and something else after."
        )
        raise FileRefused(
            f"{where} Two files of different encodings may have been joined, or it was saved with broken letters; save "
            "it anew as CSV UTF-8."
        ) from None
    except NotDecided as error:
        shown = ", ".join(f"encoding={name} ({word})" for name, word in error.examples.items())
        raise FileRefused(
            f"The file's encoding is unclear: its letters make sense in several. "
            f"Choose one: {shown}; or save it anew as CSV UTF-8."
        ) from None


def _delimiter(text: str) -> str:
    header = re.sub('"[^"]*"', "", text.partition("\n")[0])
    return max(_DELIMITERS, key=header.count)


def _rows(
    text: str, delimiter: str, skipped: int
) -> tuple[tuple[str, ...], tuple[tuple[int, tuple[str, ...]], ...], tuple[tuple[int, int], ...]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: tuple[str, ...] = ()
    lines: list[tuple[int, tuple[str, ...]]] = []
    ragged: list[tuple[int, int]] = []
    try:
        for cells in reader:
            found = tuple(cell.strip().strip("\u00a0\ufeff") for cell in cells)
            if not any(found):
                continue
            number = reader.line_num + skipped
            if not header:
                header = found
                continue
            full = found[: len(header)] + ("",) * (len(header) - len(found))
            if len(found) < len(header) or any(found[len(header) :]):
                ragged.append((number, len(found)))
            lines.append((number, full))
            if len(lines) > MAX_LINES:
                raise FileRefused(f"The file has more than {MAX_LINES} lines. Import it in parts.")
    except csv.Error as error:
        number = reader.line_num + skipped
        raise FileRefused(f"Line {number} can't be read ({error}). Is a quote open or doubled wrongly?") from error
    if not header:
        raise FileRefused("The file is empty. Its first line names the columns, for example: name,email,card,places.")
    return header, tuple(lines), tuple(ragged)
