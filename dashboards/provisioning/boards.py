"""Dashboards in Grafana: ours as the code has them, with what people added inside them kept.

A hidden constant variable, the mark, says which panels a push made: without it, an older release's panel and a person's
could not be told apart. Grafana keeps variables in every version and in every storage format.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from dashboards.panels import Json
from dashboards.provisioning.comparison import covers, differences
from dashboards.provisioning.connection import Grafana
from dashboards.provisioning.plan import Step

MARK: Final = "maillage_pushed"
TAG: Final = "maillage"
MESSAGE: Final = "maillage dashboards push"
"""What Grafana's version history of a dashboard says of a push."""
NO_QUERY: Final = "-"

_UNMARKED: Final = (
    "Personnes présentes|Occupation|Fourchette|Places libres|Qualité|Vrai|Passerelle|La journée|Espaces|Postes|Portes|"
    "Les postes dans la journée|Passages par heure|Refus par motif|Passerelles du lieu|Appareils à regarder|"
    "Sept jours, par quart d'heure|Les nombres face aux comptages|Lieux connus|Sans nouvelles|Alarmes ouvertes|Carte|"
    "Lieux, du plus au moins rempli|Personnes présentes dans le réseau|Lieux sans nouvelles|Passerelles à regarder|"
    "Alarmes"
)
"""The titles of panels that releases before the mark pushed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """A dashboard of ours with what people added to it."""

    body: Json
    kept: tuple[str, ...]
    """What people added, in words."""
    doubtful: tuple[str, ...]
    """What may be a person's or an older release's: found in a dashboard without a mark."""


def plan_board(grafana: Grafana, wanted: Json, folder: str, *, overwrite: bool) -> Step:
    """Plan to create or update one dashboard. ``overwrite``: also remove what people added inside it."""
    uid, title = wanted["uid"], wanted["title"]
    found = grafana.get(f"/dashboards/uid/{uid}")
    if found is None:
        return _step(grafana, marked(wanted), folder, outcome="create")
    there = found["dashboard"]
    if TAG not in there.get("tags", ()):
        reason = f"a dashboard of this uid without the tag {TAG!r} is there, which isn't ours: rename its uid"
        return Step(what="dashboard", uid=uid, title=title, outcome="refuse", details=(reason,))
    merged = merge(there, wanted)
    if overwrite:
        gone = tuple(f"removes {one}, which isn't ours" for one in (*merged.kept, *merged.doubtful))
        body = marked(wanted)
    elif merged.doubtful:
        reason = (
            f"{' and '.join(merged.doubtful)} may be a person's or an older release's; --overwrite removes it "
            "(Grafana's version history keeps it)"
        )
        return Step(what="dashboard", uid=uid, title=title, outcome="refuse", details=(reason,))
    else:
        gone = tuple(f"keeps {one}, which isn't ours" for one in merged.kept)
        body = merged.body
    if found["meta"].get("folderUid") == folder and covers(there, body):
        return Step(what="dashboard", uid=uid, title=title, outcome="unchanged", details=gone)
    moved = () if found["meta"].get("folderUid") == folder else (f"moves it back into the folder {folder}",)
    return _step(
        grafana, body, folder, outcome="update", details=(*gone, *moved, *differences(there, body)),
        version=there.get("version"),
    )  # fmt: skip


def _step(
    grafana: Grafana,
    body: Json,
    folder: str,
    *,
    outcome: Any,
    details: tuple[str, ...] = (),
    version: int | None = None,
) -> Step:
    def act() -> None:
        """Save it; 412 where a person saved it since it was read (`version-mismatch`).

        Never with ``overwrite``: that would also take over another dashboard of the same title in the folder.
        """
        model = {**body, "id": None, **({} if version is None else {"version": version})}
        grafana.send(
            "POST", "/dashboards/db", {"dashboard": model, "folderUid": folder, "overwrite": False, "message": MESSAGE}
        )

    return Step(what="dashboard", uid=body["uid"], title=body["title"], outcome=outcome, details=details, act=act)


def marked(wanted: Json) -> Json:
    """Return the dashboard with the mark of a push: each panel's id with a print of its title and of its query."""
    prints = " ".join(f"{one['id']}:{_print(one.get('title'))}:{_print(_query(one))}" for one in _all(wanted["panels"]))
    mark = {
        "type": "constant", "name": MARK, "label": "", "hide": 2, "query": prints, "skipUrlSync": True,
        "current": {"text": prints, "value": prints, "selected": False},
    }  # fmt: skip
    variables = [*wanted["templating"]["list"], mark]
    return {**wanted, "templating": {**wanted["templating"], "list": variables}}


def unmarked(board: Json) -> Json:
    """Return a dashboard without the mark, and without what Grafana numbers by itself: fit for a file."""
    body = {key: value for key, value in board.items() if key not in {"id", "version", "iteration"}}
    body["templating"] = {"list": [one for one in _variables(board) if one.get("name") != MARK]}
    return body


def merge(there: Json, wanted: Json) -> Merged:
    """Return ours with what people added to it: panels (below ours), variables, links and annotations."""
    ours = marked(wanted)
    mark = next((str(one.get("query", "")) for one in _variables(there) if one.get("name") == MARK), None)
    added = list(_added(there.get("panels", []), wanted["panels"], mark))
    kept, doubtful = ((), tuple(_named(added))) if mark is None else (tuple(_named(added)), ())
    panels = [*ours["panels"], *_below(added, ours["panels"])]
    body = {**ours, "panels": panels}
    for path, word in (("templating", "variable"), ("annotations", "annotation")):
        extra = _extra(there.get(path, {}).get("list", []), ours[path]["list"], "name")
        body[path] = {**ours[path], "list": [*ours[path]["list"], *extra]}
        kept = (*kept, *(f"the {word} {one.get('name')!r}" for one in extra if not one.get("builtIn")))
    extra = _extra(there.get("links", []), ours["links"], "title")
    body["links"] = [*ours["links"], *extra]
    return Merged(body=body, kept=(*kept, *(f"the link {one.get('title')!r}" for one in extra)), doubtful=doubtful)


def _added(panels: Iterable[Json], wanted: list[Json], mark: str | None) -> Iterator[Json]:
    """The panels that no push made. A person's folded row comes without those of ours that were put into it."""
    for one in panels:
        ours = _is_wanted(one, wanted) if mark is None else _was_pushed(one, mark)
        inner = list(_added(one.get("panels") or (), wanted, mark))
        if ours:
            yield from inner
        elif one.get("panels"):
            yield {**one, "panels": inner}
        else:
            yield one


def _was_pushed(panel: Json, mark: str) -> bool:
    known = dict(word.split(":", 1) for word in mark.split() if ":" in word)
    title, _, query = known.get(str(panel.get("id")), "").partition(":")
    return bool(title) and (title == _print(panel.get("title")) or query == _print(_query(panel)) != NO_QUERY)


def _is_wanted(panel: Json, wanted: list[Json]) -> bool:
    query = _query(panel)
    return panel.get("title") in _UNMARKED.split("|") or any(
        panel.get("title") == one["title"] or (query is not None and query == _query(one)) for one in _all(wanted)
    )


def _below(added: list[Json], ours: list[Json]) -> Iterator[Json]:
    """The added panels under ours, as they stand to each other, each with an id of its own."""
    bottom = max((one["gridPos"]["y"] + one["gridPos"]["h"] for one in ours), default=0)
    top = min((one.get("gridPos", {}).get("y", 0) for one in added), default=bottom)
    taken = {one["id"] for one in ours}
    for one in added:
        box = one.get("gridPos", {"x": 0, "y": 0, "w": 12, "h": 8})
        number = one.get("id")
        if number is None or number in taken:
            number = max(taken | {other.get("id", 0) for other in added}) + 1
        taken.add(number)
        yield {**one, "id": number, "gridPos": {**box, "y": box["y"] + max(0, bottom - top)}}


def _extra(there: list[Json], ours: list[Json], key: str) -> list[Json]:
    names = {one.get(key) for one in ours}
    return [one for one in there if one.get(key) not in names]


def _named(panels: Iterable[Json]) -> Iterator[str]:
    for one in panels:
        yield f"the panel {one.get('title') or 'without a title'!r}"


def _variables(board: Json) -> list[Json]:
    found: list[Json] = board.get("templating", {}).get("list", [])
    return found


def _query(panel: Json) -> str | None:
    return next((one.get("rawSql") for one in panel.get("targets") or ()), None)


def _print(text: str | None) -> str:
    return NO_QUERY if text is None else hashlib.sha256(text.encode()).hexdigest()[:6]


def _all(panels: Iterable[Json]) -> Iterator[Json]:
    for one in panels:
        yield one
        yield from one.get("panels") or ()  # those of a folded row
