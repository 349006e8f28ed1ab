"""The JSON of every dashboard, by uid."""

from __future__ import annotations

from dashboards.catalogue import DASHBOARDS
from dashboards.panels import Json
from dashboards.versions import NEWEST, Version
from dashboards.words import Language


def dashboards(
    language: Language = "fr", grafana: Version = NEWEST, *, tiles_url: str | None = None
) -> dict[str, Json]:
    """Return each dashboard's JSON by its uid. ``tiles_url``: see `dashboards.catalogue.Dashboard.build`."""
    return {one.uid.of(language): one.build(language, grafana, tiles_url=tiles_url) for one in DASHBOARDS}
