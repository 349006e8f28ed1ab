"""JSON as answers carry it. Pure."""

from __future__ import annotations

import json


def compact(value: object) -> bytes:
    """JSON without blanks, in UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
