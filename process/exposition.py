"""Prometheus' text format, as far as a gateway needs it: a gateway installs without the client library."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final, Literal

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
Kind = Literal["counter", "gauge", "summary"]
Sample = tuple[str, Mapping[str, str], float]
"""Suffix of the metric's name (mostly none), labels, value."""


def metric(name: str, kind: Kind, about: str, samples: Iterable[Sample]) -> str:
    """Return one metric with its samples."""
    lines = [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
    for suffix, labels, value in samples:
        inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        lines.append(f"{name}{suffix}{'{' + inside + '}' if inside else ''} {_number(value)}")
    return "\n".join(lines) + "\n"


def single(name: str, kind: Kind, about: str, value: float) -> str:
    """Return a metric without labels."""
    return metric(name, kind, about, [("", {}, value)])


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return repr(value) if isinstance(value, float) and not value.is_integer() else str(int(value))
