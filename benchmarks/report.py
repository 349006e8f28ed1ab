"""The shape every benchmark ends with: one line of JSON that a script can read."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_DIGITS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One figure and what it stands beside."""

    name: str
    value: float
    unit: str
    reference: str | None = None
    """The limit or the peer measured in the same run; None where there is none."""
    reference_value: float | None = None

    @property
    def ratio(self) -> float | None:
        """``value`` over ``reference_value``; None without a reference."""
        return self.value / self.reference_value if self.reference_value else None

    def as_dict(self) -> dict[str, str | float | None]:
        """The result with the six keys of the contract, numbers at four significant digits."""
        return {
            "name": self.name,
            "value": _rounded(self.value),
            "unit": self.unit,
            "reference": self.reference,
            "reference_value": _rounded(self.reference_value),
            "ratio": _rounded(self.ratio),
        }


def finish(name: str, results: Iterable[Result]) -> None:
    """Print the benchmark's last line: ``{"benchmark": name, "results": […]}``."""
    sys.stderr.flush()
    print(json.dumps({"benchmark": name, "results": [one.as_dict() for one in results]}), flush=True)


def progress(text: str) -> None:
    """Say on the error stream what is being measured, so that the last line of the output stays alone."""
    print(text, file=sys.stderr, flush=True)


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{_DIGITS}g}")
