"""What differs between two versions of a report. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from reports.model import Changed, Report

_NAMES: Final = ("day", "code", "reason", "name")
_MOST: Final = 500


def changes(before: Report, after: Report) -> tuple[Changed, ...]:
    """Return the figures that differ, at most 500, each by its path, for example ``use.person_hours``."""
    old, new = dict(_leaves("", before.model_dump(mode="json"))), dict(_leaves("", after.model_dump(mode="json")))
    differ = [
        Changed(figure=name, before=old.get(name), after=new.get(name))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
    return tuple(differ[:_MOST])


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _leaves(f"{path}.{name}" if path else name, part)
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _leaves(f"{path}.{_name_of(part, number)}", part)
    else:
        yield path, value


def _name_of(part: Any, number: int) -> str:
    if not isinstance(part, Mapping):
        return str(number)
    if "weekday" in part:
        return f"{part['weekday']}-{part['hour']:02}h"
    return str(next((part[name] for name in _NAMES if part.get(name) is not None), number))
