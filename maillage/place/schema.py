"""The JSON Schema of a place's file, for editors that know YAML. Pure."""

from __future__ import annotations

import json
from typing import Any

from maillage.place.sections import DEVICES_CSV, LISTS, PLACE, Section


def json_schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12): of the fields, not of how they fit together."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A place of Maillage",
        "type": "object",
        "properties": {
            PLACE.name: _record(PLACE),
            **{one.name: {"type": "array", "description": one.says, "items": _record(one)} for one in LISTS},
            DEVICES_CSV: {"type": "string", "description": "A CSV file of more devices, beside this file."},
        },
        "required": [PLACE.name],
        "additionalProperties": False,
    }


def schema_text() -> str:
    """Return the schema as text."""
    return json.dumps(json_schema(), ensure_ascii=False, indent=1) + "\n"


def _record(section: Section) -> dict[str, Any]:
    return {
        "type": "object",
        "description": section.says,
        "properties": {one.name: {**one.form.schema, "description": one.says} for one in section.fields},
        "required": [one.name for one in section.fields if one.required],
        "additionalProperties": False,
    }
