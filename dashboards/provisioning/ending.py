"""The end of a scope: its organisation goes if all in it is ours; else what is ours goes, and the rest stays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Final

from dashboards.catalogue import DASHBOARDS
from dashboards.panels import DATA_SOURCE_UID, Json
from dashboards.provisioning.connection import Grafana
from dashboards.provisioning.delete import plan_delete
from dashboards.provisioning.plan import Step
from dashboards.provisioning.push import folder_uid
from dashboards.provisioning.rules import RULES
from dashboards.words import LANGUAGES

ACCOUNT: Final = "maillage"
"""The service account of each organisation of a scope."""


def plan_end(grafana: Grafana, organisation: Json, inside: Grafana | None, source: Json) -> Iterator[Step]:
    """Plan the end of one organisation.

    ``inside``: a connection to it, None where the administrator isn't in it; ``source``: a data source of our database.
    """
    title, uid = organisation["name"], str(organisation["id"])
    if inside is None:
        reason = f"nobody manages its places any more; add {grafana.login!r} to it, so that it can be looked into"
        yield Step(what="organisation", uid=uid, title=title, outcome="leave", details=(reason,))
        return
    if _of_another_database(inside, source):
        reason = "its data source is of another database: another network's scopes are in this Grafana too"
        yield Step(what="organisation", uid=uid, title=title, outcome="leave", details=(reason,))
        return
    removal = list(plan_delete(inside, overwrite=False))
    theirs = [*(one.title for one in removal if one.outcome == "leave"), *_others(inside)]
    if not theirs:
        act = partial(grafana.send, "DELETE", f"/orgs/{uid}")
        reason = "nobody manages its places any more, and all in it is ours"
        yield Step(what="organisation", uid=uid, title=title, outcome="delete", details=(reason,), act=act)
        return
    reason = f"nobody manages its places any more, but people keep things in it: {', '.join(dict.fromkeys(theirs))}"
    yield Step(what="organisation", uid=uid, title=title, outcome="leave", details=(reason,))
    yield from (replace(one, title=f"{one.title} · {title}") for one in removal)


def _of_another_database(inside: Grafana, source: Json) -> bool:
    found = inside.get(f"/datasources/uid/{DATA_SOURCE_UID}")
    if found is None:
        return False
    name = (found.get("jsonData") or {}).get("database") or found.get("database")
    return (found.get("url"), name) != (source["url"], source["jsonData"]["database"])


def _others(inside: Grafana) -> Iterator[str]:
    """What is in the organisation and isn't ours."""
    folders = {folder_uid(one.folder).of(language) for one in DASHBOARDS for language in LANGUAGES}
    boards = {one.uid.of(language) for one in DASHBOARDS for language in LANGUAGES}
    rules = {one.uid for one in RULES}
    yield from (one["title"] for one in inside.get("/search?limit=5000") or [] if one["uid"] not in folders | boards)
    yield from (one["name"] for one in inside.get("/datasources") or [] if one["uid"] != DATA_SOURCE_UID)
    yield from (one["title"] for one in inside.get("/v1/provisioning/alert-rules") or [] if one["uid"] not in rules)
    accounts = (inside.get("/serviceaccounts/search") or {}).get("serviceAccounts", [])
    yield from (f"service account {one['name']}" for one in accounts if one["name"] != ACCOUNT)
