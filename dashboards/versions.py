"""What a Grafana's version changes in a dashboard; the builders write for the newest.

- Before 10.2.3 the PostgreSQL plugin is called ``postgres``.
- Before 9.5 a table's cell is painted by ``custom.displayMode``, from then on by ``custom.cellOptions``.
- Before 10.0 (tried in 9.2) a state timeline paints text mappings only where its colour mode isn't ``thresholds``.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from dashboards.words import Query

_WRITTEN: Final = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


class Version(NamedTuple):
    """A Grafana's version."""

    major: int
    minor: int
    patch: int = 0

    def __str__(self) -> str:
        """As Grafana writes it."""
        return ".".join(map(str, self))


NEWEST: Final = Version(13, 0)
OLDEST: Final = Version(9, 2)
"""What dashboards are made for; see docs/dashboards.md for what was seen."""
PLUGIN: Final = "grafana-postgresql-datasource"
OLD_PLUGIN: Final = "postgres"
_RENAMED_IN: Final = Version(10, 2, 3)
_CELL_OPTIONS_IN: Final = Version(9, 5)
_MODES: Final = {"color-background": "color-background-solid", "color-text": "color-text", "gauge": "basic"}
"""How Grafana before 9.5 calls ways to paint a cell."""


def parse(text: str) -> Version | None:
    """Return the version that ``text`` starts with; None: it has none."""
    found = _WRITTEN.match(text)
    return None if found is None else Version(*(int(part or 0) for part in found.groups()))


def plugin(version: Version) -> str:
    """Return the name of the PostgreSQL plugin in a Grafana of that ``version``."""
    return OLD_PLUGIN if version < _RENAMED_IN else PLUGIN


def adapt(value: Any, version: Version) -> Any:
    """Return a dashboard, or a part of it, as a Grafana of that ``version`` reads it."""
    if isinstance(value, list):
        return [adapt(one, version) for one in value]
    if not isinstance(value, dict) or isinstance(value, Query):
        return value
    if value.get("id") == "custom.cellOptions" and version < _CELL_OPTIONS_IN:
        return {"id": "custom.displayMode", "value": _MODES[value["value"]["type"]]}
    result = {key: adapt(one, version) for key, one in value.items()}
    if result.get("type") == PLUGIN:
        result["type"] = plugin(version)
    return result
