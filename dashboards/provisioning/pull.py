"""Fetch a dashboard from Grafana, and say where it differs from this code."""

from __future__ import annotations

from dataclasses import dataclass

from dashboards.catalogue import DASHBOARDS
from dashboards.errors import GrafanaError
from dashboards.panels import Json
from dashboards.provisioning.boards import merge, unmarked
from dashboards.provisioning.comparison import differences
from dashboards.provisioning.connection import Grafana, connect
from dashboards.settings import DashboardsSettings
from dashboards.words import LANGUAGES


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """A dashboard as Grafana holds it."""

    board: Json
    ours: bool
    differences: tuple[str, ...]
    """Where it isn't as the code has it: what the code has → what is there."""

    def lines(self) -> list[str]:
        """Return the report for a terminal."""
        if not self.ours:
            return ["this dashboard isn't one of this release: fetched as it is"]
        return list(self.differences) or ["as in this release"]


def pull(url: str, uid: str, *, settings: DashboardsSettings) -> Pulled:
    """Return the dashboard ``uid`` of the Grafana at ``url``.

    Raises:
        GrafanaError: there is none; and see `dashboards.errors`.
    """
    with connect(url, settings) as grafana:
        found = grafana.get(f"/dashboards/uid/{uid}")
        if found is None:
            raise GrafanaError(f"there is no dashboard {uid!r} in the organisation {grafana.organisation_name!r}")
        code = _of_code(grafana, settings, uid)
    board = unmarked(found["dashboard"])
    if code is None:
        return Pulled(board=board, ours=False, differences=())
    merged = merge(found["dashboard"], code)
    added = [f"added: {one}" for one in (*merged.kept, *merged.doubtful)]
    there = {one.get("id"): one for one in board.get("panels", [])}
    changed = [
        line
        for one in code["panels"]
        for line in (
            [f"panel {one['id']} {one['title']!r}: removed"]
            if one["id"] not in there
            else [
                f"panel {one['id']} {one['title']!r}: {line}" for line in differences(one, _like(there[one["id"]], one))
            ]
        )
    ]
    rest = {key: value for key, value in code.items() if key not in {"panels", "templating", "links", "annotations"}}
    return Pulled(
        board=board, ours=True,
        differences=(*added, *changed, *differences(rest, {key: board[key] for key in rest if key in board})),
    )  # fmt: skip


def _of_code(grafana: Grafana, settings: DashboardsSettings, uid: str) -> Json | None:
    for one in DASHBOARDS:
        for language in LANGUAGES:
            if one.uid.of(language) == uid:
                return one.build(language, grafana.version, tiles_url=settings.grafana_tiles_url)
    return None


def _like(found: Json, wanted: Json) -> Json:
    """Return of ``found`` what ``wanted`` has too: the rest are Grafana's own defaults."""
    return {key: found[key] for key in wanted if key in found}
