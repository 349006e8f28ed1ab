"""Writes a place as a file: always the same text for the same place, one line a record. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from maillage.place.model import Fitting, ordered
from maillage.place.sections import DESKS, DEVICES, DOORS, GATEWAYS, PLACE, SPACES, Field, Section

HEAD: Final = "# A place of Maillage. The format: docs/places.md. Check it with `maillage place check FILE`."


def write_place(fitting: Fitting) -> str:
    """Return the file of a place; read again, it is the same place, and written again the same text."""
    place = ordered(fitting)
    lines = [HEAD, "", f"{PLACE.name}:"]
    for field, value in _filled(PLACE, place.place):
        rows = field.form.by_line(value) if field.form.by_line is not None else []
        lines += [f"  {field.name}:", *(f"    {row}" for row in rows)] if rows else [_pair(field, value, "  ")]
    for section, parts in (
        (SPACES, place.spaces),
        (DESKS, place.desks),
        (DOORS, place.doors),
        (GATEWAYS, place.gateways),
        (DEVICES, place.devices),
    ):
        if parts:
            lines += ["", f"{section.name}:"]
            lines += [f"  - {{{', '.join(_pair(*pair) for pair in _filled(section, one))}}}" for one in parts]
    return "\n".join(lines) + "\n"


def _pair(field: Field, value: Any, indent: str = "") -> str:
    return f"{indent}{field.name}: {field.form.write(value)}"


def _filled(section: Section, part: Any) -> Iterator[tuple[Field, Any]]:
    """Yield the fields that say something: not those that are empty or as they would be without them."""
    for field in section.fields:
        value = getattr(part, field.attribute)
        if value is not None and (field.required or not _is_default(part, field, value)):
            yield field, value


def _is_default(part: Any, field: Field, value: Any) -> bool:
    default = type(part).__dataclass_fields__[field.attribute].default
    return field.attribute not in ("status", "time_zone") and bool(value == default)
