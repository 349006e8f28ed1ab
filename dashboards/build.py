"""The dashboards as code: `dashboards` gives what `dashboards.push` puts into Grafana."""

from __future__ import annotations

from dashboards import network, place
from dashboards.panels import Json


def dashboards(*, tiles_url: str | None = None) -> dict[str, Json]:
    """Return each dashboard's JSON by its uid; uids never change, since links and bookmarks hold them.

    ``tiles_url``: an XYZ template of the operator's own map tiles; None: the outlines that Grafana ships.
    """
    return {place.UID: place.place_dashboard(), network.UID: network.network_dashboard(tiles_url)}
