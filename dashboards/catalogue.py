"""Every dashboard there is: `DASHBOARDS`, each built for a language and a version of Grafana."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from dashboards import doors, network, over_time, place, system
from dashboards.panels import Json
from dashboards.versions import NEWEST, Version, adapt
from dashboards.words import Language, Words, speak

Audience = Literal["viewer", "security"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """One dashboard."""

    uid: Words
    """Never changes, since links and bookmarks hold it."""
    title: Words
    folder: Literal["maillage", "maillage-securite"] = "maillage"
    """The uid of its folder: what not everybody may see has one of its own."""
    audience: Audience = "viewer"
    """``security``: only for a reader with that right; every other one gets empty panels."""
    content: Callable[[str | None], Json]
    """Make it with its texts in both languages, from the URL of the operator's map tiles or None."""

    def build(self, language: Language = "fr", grafana: Version = NEWEST, *, tiles_url: str | None = None) -> Json:
        """Return its JSON. ``tiles_url``: an XYZ template of map tiles; None: the outlines that come with it."""
        made: dict[str, Any] = adapt(speak(self.content(tiles_url), language), grafana)
        return {"uid": self.uid.of(language), "title": self.title.of(language), **made}


DASHBOARDS: Final = (
    Dashboard(uid=place.UID, title=place.TITLE, content=lambda _tiles: place.place_dashboard()),
    Dashboard(uid=over_time.UID, title=over_time.TITLE, content=lambda _tiles: over_time.over_time_dashboard()),
    Dashboard(uid=network.UID, title=network.TITLE, content=network.network_dashboard),
    Dashboard(uid=system.UID, title=system.TITLE, content=lambda _tiles: system.system_dashboard()),
    Dashboard(
        uid=doors.UID,
        title=doors.TITLE,
        folder="maillage-securite",
        audience="security",
        content=lambda _tiles: doors.doors_dashboard(),
    ),
)
