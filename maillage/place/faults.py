"""What is wrong in a place's file, by line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Fault:
    """One fault: a sentence that says what is wrong and what to write instead."""

    file: str
    line: int
    """From 1."""
    text: str

    def __str__(self) -> str:
        return f"{self.file}: line {self.line}: {self.text}"


class Refused(Exception):
    """A value that cannot be read; the text says what is expected."""


class FileRefused(Exception):
    """The file is not applied: all its faults, in the order of their lines."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(set(faults)))
        count = "a fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
        super().__init__("\n".join((f"{count} in the file:", *(str(one) for one in self.faults))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a record stands in its file."""

    file: str = ""
    line: int = 0
    lines: dict[str, int] = field(default_factory=dict)
    """By field that is written."""
    bad: frozenset[str] = frozenset()
    """Fields with a fault already: checks that need them say nothing more."""

    def fault(self, text: str, name: str = "") -> Fault:
        """Return a fault of the record, or of its field ``name``."""
        return Fault(file=self.file, line=self.lines.get(name, self.line), text=text)


NOWHERE = Origin()
"""Of a record that comes from no file."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean …?`` with the nearest of ``known``, or nothing where none is near."""
    folded = {one.lower(): one for one in known}
    near = get_close_matches(word.lower(), folded, n=1, cutoff=0.6)
    return f"; did you mean {folded[near[0]]}?" if near else ""
