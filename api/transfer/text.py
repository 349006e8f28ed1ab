"""From the bytes of a CSV file to its lines, whatever program wrote it: encoding, separator, quotes. Pure."""

from __future__ import annotations

import codecs
import csv
import io
import re
from dataclasses import dataclass
from typing import Final

from api.errors import BadField

MAX_LINES: Final = 50_000
MAX_BYTES: Final = 16 * 1024 * 1024
_DELIMITERS: Final = ",;\t"
_TWICE: Final = re.compile("[\u00c3\u00c2][\u0080-\u00bf\u2018-\u203a\u0152-\u017e\u0192\u02c6\u02dc\u20ac\u2122]")
"""What UTF-8's two-byte letters look like to who takes them for Windows-1252: \u00c3\u00a9."""
_MARKS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class FileRefused(BadField):
    """A file that can't be read as a table; its text says where and what to do."""

    def __init__(self, text: str) -> None:
        super().__init__("body", text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A CSV file as read: every line has as many cells as the header, blanks around them gone."""

    encoding: str
    delimiter: str
    header: tuple[str, ...]
    lines: tuple[tuple[int, tuple[str, ...]], ...]
    """Each with the number of the line in the file at which it ends, from 1."""
    ragged: tuple[tuple[int, int], ...] = ()
    """Lines with another number of cells than the header: their number and how many."""


def read_table(data: bytes) -> Table:
    """Read ``data``: UTF-8 (also with a mark), UTF-16 or Windows-1252; separated by ``,`` ``;`` or tabs.

    Raises:
        FileRefused: it is none of these, mixes them, has no header or an open quote, or is too long.
    """
    if len(data) > MAX_BYTES:
        raise FileRefused(f"The file is larger than {MAX_BYTES // 1024 // 1024} MB. Import it in parts.")
    encoding, text = decode(data)
    if control := _CONTROL.search(text):
        line = text.count("\n", 0, control.start()) + 1
        raise FileRefused(f"Line {line} holds a control character: this isn't a text file. Export it as CSV (UTF-8).")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    first, _, rest = text.partition("\n")
    skipped = 0
    if re.fullmatch(f"sep=[{_DELIMITERS}]", first.strip(" "), re.IGNORECASE):  # Excel's own hint
        text, skipped = rest, 1
    delimiter = _delimiter(text)
    header, lines, ragged = _rows(text, delimiter, skipped)
    return Table(encoding=encoding, delimiter=delimiter, header=header, lines=lines, ragged=ragged)


def decode(data: bytes) -> tuple[str, str]:
    """Return the name of the encoding that ``data`` is in, and its text.

    Raises:
        FileRefused: it begins as one encoding and goes on as another, or is none.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            try:
                return name.removesuffix("-sig"), data.decode(name)
            except UnicodeDecodeError as error:
                raise FileRefused(_broken(data, error.start, name.removesuffix("-sig"))) from error
    head = data[:400]
    for odd, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        if len(head) >= 8 and head[odd::2].count(0) > len(head) // 4:
            try:
                return "utf-16", data.decode(name)
            except UnicodeDecodeError as error:
                raise FileRefused(_broken(data, error.start, "utf-16")) from error
    try:
        return "utf-8", data.decode("utf-8")
    except UnicodeDecodeError as error:
        failed = error
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError as error:
        raise FileRefused(_broken(data, failed.start, "utf-8")) from error
    if _TWICE.search(text):
        raise FileRefused(_broken(data, failed.start, "utf-8"))
    return "windows-1252", text


def _broken(data: bytes, at: int, encoding: str) -> str:
    line = data.count(b"\n", 0, at) + 1
    return (
        f"Line {line} can't be read: the file is {encoding.upper()} up to there and something else after. "
        "Two files of different encodings may have been joined; save it anew as CSV UTF-8."
    )


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
