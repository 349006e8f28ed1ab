"""Whether what Grafana holds is what this code wants, and where it differs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

SHOWN: Final = 60
"""Characters of a value in a difference."""


def covers(found: Any, wanted: Any) -> bool:
    """Whether ``found`` holds all that is ``wanted``: Grafana adds defaults of its own to what it is given."""
    return next(_walk(found, wanted, ""), None) is None


def differences(found: Any, wanted: Any) -> list[str]:
    """Return where ``found`` lacks what is ``wanted``, a line each: the path, what is there, what is wanted."""
    return [f"{path}: {_short(there)} → {_short(here)}" for path, there, here in _walk(found, wanted, "")]


def _walk(found: Any, wanted: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key, value in wanted.items():
            below = f"{path}.{key}" if path else str(key)
            if key in found:
                yield from _walk(found[key], value, below)
            else:
                yield below, None, value
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for number, (one, other) in enumerate(zip(found, wanted, strict=True)):
            yield from _walk(one, other, f"{path}[{number}]")
    elif found != wanted or isinstance(found, bool) is not isinstance(wanted, bool):  # to Python, 1 is True
        yield path or "all", found, wanted


def _short(value: Any) -> str:
    if isinstance(value, list):
        return f"[{len(value)} of them]"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
