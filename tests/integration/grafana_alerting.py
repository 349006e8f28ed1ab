"""What a stand-in for Grafana holds, and its alerting: rules, contact points and policies, by the provisioning API.

As Grafana's handlers answer (pkg/services/ngalert/api/api_provisioning.go and its tooling/definitions, 9.2 to 12): 201
for a new rule, 202 for contact points and policies, 400 for a rule whose title is taken, 409 where what a file
provisions is changed. What is sent without `X-Disable-Provenance` is the API's, and closed to changes by hand.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, field
from typing import Any

from dashboards.versions import Version

Json = dict[str, Any]
Answer = tuple[int, Any]


@dataclass(slots=True, kw_only=True)
class Organisation:
    """What one organisation holds."""

    id: int
    name: str
    folders: dict[str, Json] = field(default_factory=dict)
    sources: dict[str, Json] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    dashboards: dict[str, Json] = field(default_factory=dict)
    rules: dict[str, Json] = field(default_factory=dict)
    contacts: dict[str, Json] = field(default_factory=dict)
    policies: Json = field(default_factory=lambda: {"receiver": "grafana-default-email", "routes": []})
    accounts: dict[int, Json] = field(default_factory=dict)
    users: dict[str, str] = field(default_factory=dict)
    """Role by login."""


def provisioning(held: Organisation, known: Version, method: str, rest: list[str], body: Json, *, ours: bool) -> Answer:
    match rest:
        case ["alert-rules", *which]:
            return _rule(held, known, method, which, body, ours=ours)
        case ["contact-points", *which]:
            return _contact(held, method, which, body, ours=ours)
        case ["policies"]:
            if method == "GET":
                return 200, held.policies
            if held.policies.get("provenance", "") not in {"", "api" if ours else ""}:
                return 409, {"message": "cannot change provenance from 'file' to ''"}
            if not {one["receiver"] for one in body.get("routes", [])} <= {
                *(one["name"] for one in held.contacts.values()),
                "grafana-default-email",
            }:
                return 400, {"message": "invalid object specification: receiver does not exist"}
            held.policies = {**body, **({"provenance": "api"} if ours else {})}
            return 202, {"message": "policies updated"}
    return 404, {"message": "Not found"}


def _rule(held: Organisation, known: Version, method: str, which: list[str], body: Json, *, ours: bool) -> Answer:
    if method == "GET" and not which:
        return 200, list(held.rules.values())
    if method == "POST":
        uid = body["uid"]
        if uid in held.rules:
            return 400, {"message": "alert rule with this UID already exists"}  # ErrAlertRuleUniqueConstraintViolation
    else:
        uid = which[0]
        if uid not in held.rules:
            return 404, {"message": "alert rule not found"}
        if method == "GET":
            return 200, held.rules[uid]
        if held.rules[uid].get("provenance", "") not in {"", "api" if ours else ""}:
            return 409, {"message": "cannot change provenance of a rule that a file provisions"}
        if method == "DELETE":
            del held.rules[uid]
            return 204, ""
    refusal = _refusal(held, uid, body)
    if refusal is not None:
        return refusal
    stored = {**copy.deepcopy(body), "uid": uid, "id": 1, "orgID": held.id, "isPaused": body.get("isPaused", False)}
    if known < (10, 4):
        stored.pop("notification_settings", None)
    for query in stored["data"]:
        query.setdefault("queryType", "")
        query["model"] = {"intervalMs": 1000, "maxDataPoints": 43200, **query["model"]}
    if ours:
        stored["provenance"] = "api"
    held.rules[uid] = stored
    return (201 if method == "POST" else 200), stored


def _refusal(held: Organisation, uid: str, body: Json) -> Answer | None:
    if body["folderUID"] not in held.folders:
        return 403, {"message": "folder does not exist"}
    if not re.fullmatch(r"\d+[smh]", body["for"]) or len(body["title"]) > 190 or len(uid) > 40:
        return 400, {"message": "invalid alert rule"}
    if any(one["title"] == body["title"] and one["uid"] != uid for one in held.rules.values()):
        return 400, {"message": "a conflicting alert rule is found: rule title under the same folder should be unique"}
    receiver = body.get("notification_settings", {}).get("receiver")
    if receiver is not None and receiver not in {one["name"] for one in held.contacts.values()}:
        return 400, {"message": f"invalid notification settings: receiver {receiver} does not exist"}
    return None


def _contact(held: Organisation, method: str, which: list[str], body: Json, *, ours: bool) -> Answer:
    if method == "GET":
        return 200, list(held.contacts.values())
    if method == "DELETE":
        name = held.contacts.get(which[0], {}).get("name")
        used = {one["receiver"] for one in held.policies.get("routes", [])}
        used |= {one.get("notification_settings", {}).get("receiver") for one in held.rules.values()}
        if name in used:
            return 409, {"message": "contact point is currently used by a notification policy"}
        held.contacts.pop(which[0], None)
        return 202, {"message": "contactpoint deleted"}
    uid = body["uid"] if method == "POST" else which[0]
    if method == "PUT" and uid not in held.contacts:
        return 404, {"message": "contact point not found"}
    if body["type"] == "email" and not body["settings"].get("addresses"):
        return 400, {"message": "invalid object specification: could not find addresses in settings"}
    held.contacts[uid] = {**body, "uid": uid, **({"provenance": "api"} if ours else {})}
    return 202, held.contacts[uid] if method == "POST" else {"message": "contactpoint updated"}
