"""Detects the encoding of a file of French names: UTF-8 and UTF-16 by their structure, others by their letters.

Windows-1252 (Windows), code page 850 (DOS, and "CSV (MS-DOS)" of Excel) and Mac Roman (old Macs, and "CSV (Macintosh)")
map every byte to a different letter, and almost any file decodes in all of them without an error. Each decoding is
scored by its letters that aren't ASCII: French letters where French has them are good, symbols and capitals within a
word are bad. Pure.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

ENCODINGS: Final[Mapping[str, str]] = {
    "utf-8": "utf-8-sig",
    "utf-16": "utf-16",
    "windows-1252": "cp1252",
    "cp850": "cp850",
    "mac-roman": "mac_roman",
}
"""The values of ``encoding=``, and Python's names."""
_EIGHT_BIT: Final = ("windows-1252", "cp850", "mac-roman")
_MARKS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_TWICE: Final = re.compile("[\u00c3\u00c2][\u0080-\u00bf\u2018-\u203a\u0152-\u017e\u0192\u02c6\u02dc\u20ac\u2122]")
"""What UTF-8's two-byte letters look like as Windows-1252: \u00c3\u00a9."""
_FOREIGN: Final = re.compile("[^\x00-\x7f]")
_COMMON: Final = frozenset("éèêàçâîôûëïùÉÈÊÀÇÂÎÔÛËÏÙ")
_KNOWN: Final = frozenset("œæÿäöüñŒÆŸÄÖÜÑ")
_OTHER: Final = frozenset("åøáíóúãõìòßšžýÅØÁÍÓÚÃÕÌÒŠŽÝ")
_ANYWHERE: Final = frozenset("°€²³ºª’'«»–—…·™®©\u00a0\u202f")
_VOWELS: Final = frozenset("aeiouyéèêAEIOUYÉÈÊ")
_NEVER_LAST: Final = frozenset("êîûô")
_GOOD, _FAIR, _POOR, _BAD = 3.0, 2.0, 1.0, -2.0
_USUAL: Final = 0.5
"""The advantage of Windows-1252, since most files are in it."""
_MARGIN: Final = 1.5
"""By how much per letter the best decoding must be better than the next."""
_MOST_BAD: Final = 0.05
"""The share of bad letters from which a file counts as mixed."""
_SAMPLE: Final = 20_000
"""How many letters are examined: enough to decide quickly."""


class NotReadable(Exception):
    """No encoding fits. ``so_far``: the encoding up to ``line`` (None: the whole file doesn't fit)."""

    def __init__(self, so_far: str, line: int | None) -> None:
        super().__init__(so_far)
        self.so_far = so_far
        self.line = line


class NotDecided(Exception):
    """Two encodings fit equally well; ``examples``: a word in each."""

    def __init__(self, examples: Mapping[str, str]) -> None:
        super().__init__(", ".join(examples))
        self.examples = examples


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """A text with its encoding."""

    encoding: str
    text: str
    guessed: bool = False
    """The encoding was chosen by the letters, not by the file's structure or the caller."""


def decode(data: bytes, named: str = "") -> Decoded:
    """Decode ``data`` with the encoding ``named`` (one of ``ENCODINGS``) or the detected one.

    Raises:
        NotReadable: it isn't text of that encoding or of any, or mixes two.
        NotDecided: two encodings give plausible letters; the caller must choose.
    """
    marked = next((name for mark, name in _MARKS if data.startswith(mark)), "")
    if named or marked:
        name = named or marked
        return Decoded(encoding=name, text=_strictly(data, name, ENCODINGS[name]))
    head = data[:400]
    for odd, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        if len(head) >= 8 and head[odd::2].count(0) > len(head) // 4:
            return Decoded(encoding="utf-16", text=_strictly(data, "utf-16", name))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return _by_letters(data, error.start)
    if twice := _TWICE.search(text):
        raise NotReadable("utf-8", text.count("\n", 0, twice.start()) + 1)
    return Decoded(encoding="utf-8", text=text)


def _strictly(data: bytes, name: str, codec: str) -> str:
    try:
        return data.decode(codec)
    except UnicodeDecodeError as error:
        raise NotReadable(name, _line(data, error.start)) from error


def _by_letters(data: bytes, failed: int) -> Decoded:
    readings: dict[str, str] = {}
    for name in _EIGHT_BIT:
        try:
            readings[name] = data.decode(ENCODINGS[name])
        except UnicodeDecodeError:
            continue
    if "windows-1252" in readings and _TWICE.search(readings["windows-1252"]):
        raise NotReadable("utf-8", _line(data, failed))
    scores = {name: _score(text) for name, text in readings.items()}
    if "windows-1252" in scores:
        scores["windows-1252"] = (scores["windows-1252"][0] + _USUAL, scores["windows-1252"][1])
    best, *others = sorted(scores, key=lambda name: scores[name][0], reverse=True)
    mean, bad = scores[best]
    if mean < _POOR or bad > _MOST_BAD:
        raise NotReadable("utf-8", _line(data, failed))
    near = [name for name in others if mean - scores[name][0] < _MARGIN]
    if near:
        raise NotDecided(_examples({name: readings[name] for name in (best, *near)}))
    return Decoded(encoding=best, text=readings[best], guessed=True)


def _score(text: str) -> tuple[float, float]:
    """Return the mean score of the letters that aren't ASCII, and the share of bad ones."""
    total, bad, count = 0.0, 0, 0
    for found in _FOREIGN.finditer(text):
        worth = _worth(found[0], text[max(found.start() - 2, 0) : found.start()], text[found.end() : found.end() + 1])
        total, bad, count = total + worth, bad + (worth < 0), count + 1
        if count == _SAMPLE:
            break
    return total / count, bad / count


def _worth(letter: str, head: str, after: str) -> float:
    """Score ``letter`` after ``head`` (at most two letters) and before ``after`` (one or none)."""
    before = head[-1:]
    if letter in _ANYWHERE:
        return _sign(letter, before, after)
    if not before.isalpha() and not after.isalpha():
        return _GOOD if letter == "à" else 0.0
    if letter not in _COMMON and letter not in _KNOWN and letter not in _OTHER:
        return _BAD
    small_before_capital = letter.islower() and (
        after.isupper() or (head.isupper() and head.isalpha() and len(head) == 2)
    )
    capital_within = letter.isupper() and before.isalpha() and (before.islower() or after.islower())
    if small_before_capital or capital_within:
        return _BAD
    if letter in _COMMON:
        return _common(letter.lower(), before, after)
    return _FAIR if letter in _KNOWN else _POOR


def _sign(letter: str, before: str, after: str) -> float:
    inside = before.isalpha() and after.isalpha()
    if letter == "’":
        return _GOOD if inside else _BAD if before.isalpha() or after.isalpha() else 0.0
    if letter in "…«»–—·™®©" and inside:
        return _BAD
    return _FAIR if not after.isalpha() or letter in "«–—\u00a0\u202f" else 0.0


def _common(letter: str, before: str, after: str) -> float:
    if letter == "ç" and after.isalpha() and after.lower() not in "aouâôûà":
        return _BAD
    if letter in _NEVER_LAST and before.isalpha() and not after.isalpha():
        return _POOR
    if letter in "ëï" and before not in _VOWELS and after not in _VOWELS:
        return _POOR
    if letter == "ù" and before.lower() != "o":
        return _POOR
    return _GOOD


def _examples(readings: Mapping[str, str]) -> dict[str, str]:
    """Return the first word that differs, in each encoding."""
    places = [found.start() for text in readings.values() if (found := _FOREIGN.search(text))]
    at = min(places)
    return {name: _word(text, at) for name, text in readings.items()}


def _word(text: str, at: int) -> str:
    start, end = at, at
    while start > 0 and at - start < 20 and text[start - 1] not in " ;,\t\r\n\"'":
        start -= 1
    while end < len(text) and end - at < 20 and text[end] not in " ;,\t\r\n\"'":
        end += 1
    return text[start:end]


def _line(data: bytes, at: int) -> int:
    """Return the line of the byte at ``at``; old Macs end lines with CR alone."""
    return data.count(b"\n" if b"\n" in data else b"\r", 0, at) + 1
