"""Remove from a Grafana what a push made, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dashboards.catalogue import DASHBOARDS
from dashboards.panels import DATA_SOURCE_UID
from dashboards.provisioning.alerting import others_rules, plan_removal
from dashboards.provisioning.boards import TAG, merge
from dashboards.provisioning.connection import Grafana, connect
from dashboards.provisioning.plan import Plan, Say, Step
from dashboards.provisioning.push import folder_uid
from dashboards.settings import DashboardsSettings
from dashboards.words import LANGUAGES


def delete(
    url: str, *, settings: DashboardsSettings, say: Say, agree: Callable[[], bool], overwrite: bool = False
) -> bool:
    """Remove what pushes made from the credential's organisation, once ``agree`` says so; return whether it was done.

    Raises:
        GrafanaError: see `dashboards.errors`.
    """
    with connect(url, settings) as grafana:
        plan = Plan(head=grafana.head, steps=tuple(plan_delete(grafana, overwrite=overwrite)), notes=grafana.notes)
        for line in plan.lines():
            say(line)
        if plan.writes and not agree():
            return False
        plan.carry_out(say)
    return True


def plan_delete(grafana: Grafana, *, overwrite: bool) -> Iterator[Step]:
    """Plan the removal: alert rules, dashboards, folders that are empty then, the data source if nothing uses it."""
    yield from plan_removal(grafana)
    leaving: set[str] = set()
    for one in DASHBOARDS:
        for language in LANGUAGES:
            step = _board(grafana, one.uid.of(language), one.build(language, grafana.version), overwrite=overwrite)
            if step is None:
                continue
            yield step
            if step.outcome == "delete":
                leaving.add(step.uid)
    stays = False
    for folder in dict.fromkeys(one.folder for one in DASHBOARDS):
        for language in LANGUAGES:
            uid = folder_uid(folder).of(language)
            found = grafana.get(f"/folders/{uid}")
            if found is None:
                continue
            others = _others(grafana, uid, leaving)
            if others:
                stays = True
                reason = f"holds what isn't ours: {', '.join(others)}"
                yield Step(what="folder", uid=uid, title=found["title"], outcome="leave", details=(reason,))
            else:
                yield _delete("folder", uid, found["title"], grafana, f"/folders/{uid}")
    found = grafana.get(f"/datasources/uid/{DATA_SOURCE_UID}")
    if found is not None and stays:
        reason = "what stays in our folders may read through it"
        yield Step(what="data source", uid=DATA_SOURCE_UID, title=found["name"], outcome="leave", details=(reason,))
    elif found is not None:
        yield _delete("data source", DATA_SOURCE_UID, found["name"], grafana, f"/datasources/uid/{DATA_SOURCE_UID}")


def _board(grafana: Grafana, uid: str, wanted: dict[str, object], *, overwrite: bool) -> Step | None:
    found = grafana.get(f"/dashboards/uid/{uid}")
    if found is None:
        return None
    there = found["dashboard"]
    if TAG not in there.get("tags", ()):
        reason = f"it hasn't the tag {TAG!r}: it isn't ours"
        return Step(what="dashboard", uid=uid, title=there["title"], outcome="leave", details=(reason,))
    merged = merge(there, wanted)
    if (merged.kept or merged.doubtful) and not overwrite:
        reason = f"holds {' and '.join((*merged.kept, *merged.doubtful))}, which isn't ours; --overwrite deletes it too"
        return Step(what="dashboard", uid=uid, title=there["title"], outcome="leave", details=(reason,))
    return _delete("dashboard", uid, there["title"], grafana, f"/dashboards/uid/{uid}")


def _others(grafana: Grafana, uid: str, leaving: set[str]) -> list[str]:
    """The dashboards, folders and alert rules in a folder that stay.

    Which parameter of the search filters by folder depends on the version: none is given.
    """
    found = grafana.get("/search?limit=5000") or []
    boards = [one["title"] for one in found if one.get("folderUid") == uid and one["uid"] not in leaving]
    return [repr(one) for one in (*boards, *others_rules(grafana, uid))]


def _delete(what: str, uid: str, title: str, grafana: Grafana, path: str) -> Step:
    return Step(what=what, uid=uid, title=title, outcome="delete", act=lambda: grafana.send("DELETE", path))
