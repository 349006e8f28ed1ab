"""Values made from a JSON schema, as an OpenAPI document has it: what a client may send."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

from hypothesis import strategies as st

_TEXT: Final = st.characters(codec="utf-8")
_DAYS: Final = st.dates(date(2000, 1, 1), date(2199, 12, 31))
_TIMES: Final = st.integers(946_771_200, 7_258_000_000).map(lambda second: datetime.fromtimestamp(second, UTC))


def fitting(schema: Mapping[str, Any], components: Mapping[str, Any], depth: int = 0) -> st.SearchStrategy[Any]:
    """Values that ``schema`` takes; ``components``: the document's schemas, by name. Examples come often."""
    if "$ref" in schema:
        return fitting(components[schema["$ref"].rpartition("/")[2]], components, depth)
    made = _of_type(schema, components, depth)
    return st.sampled_from(schema["examples"]) | made if schema.get("examples") else made


def _of_type(schema: Mapping[str, Any], components: Mapping[str, Any], depth: int) -> st.SearchStrategy[Any]:
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return st.one_of([fitting(one, components, depth) for one in schema[word]])
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "string":
            return _text(schema)
        case "integer":
            return st.integers(schema.get("minimum", -(2**40)), schema.get("maximum", 2**40))
        case "number":
            low, open_low = schema.get("minimum"), schema.get("exclusiveMinimum")
            return st.floats(low if open_low is None else open_low, schema.get("maximum"), allow_nan=False).filter(
                lambda value: abs(value) != float("inf") and value != open_low
            )
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case "array":
            most = min(schema.get("maxItems", 3), 3)
            items = fitting(schema.get("items", {}), components, depth + 1)
            return st.lists(items, min_size=schema.get("minItems", 0), max_size=most)
        case "object":
            return _object(schema, components, depth)
        case _:
            return st.none() | st.integers() | st.text(_TEXT, max_size=10)


def _text(schema: Mapping[str, Any]) -> st.SearchStrategy[str]:
    match schema.get("format"):
        case "date":
            return _DAYS.map(date.isoformat)
        case "date-time":
            return _TIMES.map(datetime.isoformat)
    if "pattern" in schema:
        return st.from_regex(re.compile(schema["pattern"], re.ASCII), fullmatch=True)
    return st.text(_TEXT, min_size=schema.get("minLength", 0), max_size=min(schema.get("maxLength", 20), 20))


def _object(schema: Mapping[str, Any], components: Mapping[str, Any], depth: int) -> st.SearchStrategy[dict[str, Any]]:
    if depth > 4 or "properties" not in schema:
        return st.just({})
    fields = {name: fitting(one, components, depth + 1) for name, one in schema["properties"].items()}
    needed = schema.get("required", ())
    return st.fixed_dictionaries(
        {name: one for name, one in fields.items() if name in needed},
        optional={name: one for name, one in fields.items() if name not in needed},
    )
