"""Alert rules in Grafana, and whom they tell: contact points, and before Grafana 11 a route in the policies.

By the provisioning API (docs/sources/developers/http_api/alerting_provisioning.md in Grafana's repository). Rules and
contact points are provisioned by it: Grafana's pages show them locked. The policies are one tree for everything, so
only our route in it is touched, and it stays open to changes by hand. From 11 on a rule names its contact point itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from dashboards.panels import DATA_SOURCE, DATA_SOURCE_UID, Json
from dashboards.provisioning.comparison import covers, differences
from dashboards.provisioning.connection import Grafana
from dashboards.provisioning.plan import Outcome, Step
from dashboards.provisioning.rules import RULES, Rule
from dashboards.settings import DashboardsSettings
from dashboards.versions import Version, adapt
from dashboards.words import Language

FIRST: Final = Version(9, 2)
"""Older ones get no alert rules."""
ROUTED_BY_RULE: Final = Version(11, 0)
GROUP: Final = "maillage"
CONTACT: Final = "Maillage"
LABEL: Final = "maillage"
_RULES: Final = "/v1/provisioning/alert-rules"
_CONTACTS: Final = "/v1/provisioning/contact-points"
_POLICIES: Final = "/v1/provisioning/policies"
_ROUTE: Final = {"receiver": CONTACT, "object_matchers": [[LABEL, "=~", ".+"]], "group_by": ["alertname", "place"]}


def plan_alerting(
    grafana: Grafana, settings: DashboardsSettings, *, folder: str, language: Language, network: bool
) -> Iterator[Step]:
    """Plan contact points, the route and the rules. ``network``: also those on how the centre is."""
    contacts = contact_points(settings)
    there = {one["uid"]: one for one in grafana.get(_CONTACTS) or []}
    for wanted in contacts:
        yield _plan_contact(grafana, there, wanted)
    routed = grafana.version >= ROUTED_BY_RULE
    if not routed:
        yield from _plan_route(grafana, wanted=bool(contacts))
    found = {one["uid"]: one for one in grafana.get(_RULES) or []}
    wanted_rules = [one for one in RULES if network or one.scope == "place"]
    for rule in wanted_rules:
        model = rule_json(rule, folder, language, grafana.version, contact=routed and bool(contacts))
        yield _plan_rule(grafana, found.get(rule.uid), model)
    gone = {one.uid for one in RULES} - {one.uid for one in wanted_rules}
    yield from (_delete_rule(grafana, found[uid]) for uid in sorted(gone & set(found)))
    stale = [one for uid, one in there.items() if uid in _UIDS and uid not in {one["uid"] for one in contacts}]
    yield from (_delete_contact(grafana, one) for one in stale)


def plan_removal(grafana: Grafana) -> Iterator[Step]:
    """Plan to remove the rules, the route and the contact points that are ours."""
    if grafana.version < FIRST:
        return
    ours = {one.uid for one in RULES}
    yield from (_delete_rule(grafana, one) for one in grafana.get(_RULES) or [] if one["uid"] in ours)
    yield from _plan_route(grafana, wanted=False)
    yield from (_delete_contact(grafana, one) for one in grafana.get(_CONTACTS) or [] if one["uid"] in _UIDS)


def others_rules(grafana: Grafana, folder: str) -> list[str]:
    """Return the titles of alert rules in a folder that aren't ours."""
    if grafana.version < FIRST:
        return []
    ours = {one.uid for one in RULES}
    return [one["title"] for one in grafana.get(_RULES) or [] if one["folderUID"] == folder and one["uid"] not in ours]


def rule_json(rule: Rule, folder: str, language: Language, grafana: Version, *, contact: bool) -> Json:
    """Return the rule as Grafana of that version takes it: query A, and C where A is above the limit."""
    query = {
        "refId": "A", "datasource": DATA_SOURCE, "editorMode": "code", "format": "table", "rawQuery": True,
        "rawSql": rule.query.strip(),
    }  # fmt: skip
    source = {"type": "__expr__", "uid": "__expr__"}
    above = {"refId": "C", "type": "math", "expression": f"$A > {rule.above:g}", "datasource": source}
    span = {"from": 600, "to": 0}
    result: dict[str, Any] = {
        "uid": rule.uid,
        "title": rule.title.of(language),
        "folderUID": folder,
        "ruleGroup": GROUP,
        "condition": "C",
        "data": [
            {
                "refId": "A",
                "datasourceUid": DATA_SOURCE_UID,
                "relativeTimeRange": {"from": 600, "to": 0},
                "model": query,
            },
            {"refId": "C", "datasourceUid": "__expr__", "relativeTimeRange": span, "model": above},
        ],
        "for": rule.lasting,
        "noDataState": "NoData",
        "execErrState": "Error",
        "isPaused": False,
        "labels": {LABEL: rule.name, "severity": rule.severity},
        "annotations": {"summary": rule.summary.of(language)},
    }
    if contact:
        result["notification_settings"] = {"receiver": CONTACT, "group_by": ["grafana_folder", "alertname", "place"]}
    adapted: Json = adapt(result, grafana)
    return adapted


def contact_points(settings: DashboardsSettings) -> list[Json]:
    """Return whom alerts tell, by the settings: mail addresses, a web hook, both or none."""
    points: list[Json] = []
    if settings.grafana_alert_mail is not None:
        addresses = ";".join(one.strip() for one in settings.grafana_alert_mail.split(",") if one.strip())
        points.append(_contact("mail", "email", {"addresses": addresses, "singleEmail": True}))
    if settings.grafana_alert_webhook is not None:
        address = settings.grafana_alert_webhook.get_secret_value()
        points.append(_contact("webhook", "webhook", {"url": address, "httpMethod": "POST"}))
    return points


def _contact(name: str, kind: str, settings: Json) -> Json:
    return {
        "uid": f"maillage-{name}", "name": CONTACT, "type": kind, "settings": settings, "disableResolveMessage": False,
    }  # fmt: skip


_UIDS: Final = frozenset({"maillage-mail", "maillage-webhook"})


def _plan_contact(grafana: Grafana, there: dict[str, Json], wanted: Json) -> Step:
    uid, title = wanted["uid"], f"{wanted['name']} ({wanted['type']})"
    found = there.get(uid)
    if found is None:
        if any(one["name"] == CONTACT and one["uid"] not in _UIDS for one in there.values()):
            reason = f"a contact point named {CONTACT!r} is there, which isn't ours: rename it"
            return Step(what="contact point", uid=uid, title=title, outcome="refuse", details=(reason,))
        return Step(
            what="contact point", uid=uid, title=title, outcome="create",
            act=lambda: grafana.send("POST", _CONTACTS, wanted),
        )  # fmt: skip
    # what a version keeps as a secret is never shown: it is taken for the same
    settings = {key: value for key, value in wanted["settings"].items() if found["settings"].get(key) != "[REDACTED]"}
    if covers(found, {**wanted, "settings": settings}):
        return Step(what="contact point", uid=uid, title=title, outcome="unchanged")
    return Step(
        what="contact point", uid=uid, title=title, outcome="update", details=("its addresses or its way differ",),
        act=lambda: grafana.send("PUT", f"{_CONTACTS}/{uid}", wanted),
    )  # fmt: skip


def _plan_route(grafana: Grafana, *, wanted: bool) -> Iterator[Step]:
    """Plan our route in the policies, first of all: others of the tree stay as they are."""
    tree = grafana.get(_POLICIES) or {}
    routes = tree.get("routes") or []
    others = [one for one in routes if one.get("receiver") != CONTACT]
    ours = [one for one in routes if one.get("receiver") == CONTACT]

    def step(outcome: Outcome, *details: str, act: Callable[[], Any] | None = None) -> Step:
        return Step(what="notification policy", uid=LABEL, title=CONTACT, outcome=outcome, details=details, act=act)

    if (bool(ours) and covers(ours[0], _ROUTE)) if wanted else not ours:
        if wanted:
            yield step("unchanged")
        return
    if tree.get("provenance"):
        reason = (
            f"the policies are provisioned by a {tree['provenance']}: add there a route {LABEL} =~ .+ to {CONTACT!r}"
        )
        yield step("leave", reason)
        return
    body = {
        **{key: value for key, value in tree.items() if key != "provenance"},
        "routes": [*([_ROUTE] if wanted else []), *others],
    }
    outcome: Outcome = "delete" if not wanted else "update" if ours else "create"
    yield step(outcome, act=lambda: grafana.send("PUT", _POLICIES, body, ours=False))


def _plan_rule(grafana: Grafana, found: Json | None, wanted: Json) -> Step:
    uid, title = wanted["uid"], wanted["title"]
    if found is None:
        return Step(
            what="alert rule", uid=uid, title=title, outcome="create",
            act=lambda: grafana.send("POST", _RULES, wanted),
        )  # fmt: skip
    # a rule that people paused stays paused
    wanted = {**wanted, "isPaused": found.get("isPaused", False)}
    details = tuple(differences(found, wanted))
    if found.get("notification_settings") and "notification_settings" not in wanted:
        details = (*details, "names a contact point that isn't set any more")
    if not details:
        return Step(what="alert rule", uid=uid, title=title, outcome="unchanged")
    return Step(
        what="alert rule", uid=uid, title=title, outcome="update", details=details,
        act=lambda: grafana.send("PUT", f"{_RULES}/{uid}", wanted),
    )  # fmt: skip


def _delete_rule(grafana: Grafana, found: Json) -> Step:
    uid = found["uid"]
    return Step(
        what="alert rule", uid=uid, title=found["title"], outcome="delete",
        act=lambda: grafana.send("DELETE", f"{_RULES}/{uid}"),
    )  # fmt: skip


def _delete_contact(grafana: Grafana, found: Json) -> Step:
    uid = found["uid"]
    return Step(
        what="contact point", uid=uid, title=f"{found['name']} ({found['type']})", outcome="delete",
        act=lambda: grafana.send("DELETE", f"{_CONTACTS}/{uid}"),
    )  # fmt: skip
