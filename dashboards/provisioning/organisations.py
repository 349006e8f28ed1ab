"""One Grafana organisation for each scope: kept in step with the places and the people who manage them.

Organisations are made by a server administrator with user:password only (docs/sources/developers/http_api/org.md in
Grafana's repository); ``X-Grafana-Org-Id`` chooses the one that a request is about.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

from dashboards.errors import Forbidden, GrafanaError
from dashboards.panels import DATA_SOURCE_UID, Json
from dashboards.provisioning.connection import Grafana, connect
from dashboards.provisioning.ending import ACCOUNT, plan_end
from dashboards.provisioning.plan import Plan, Say, Step
from dashboards.provisioning.push import Wanted, plan_push
from dashboards.provisioning.scopes import (
    Connection,
    Held,
    Scope,
    key_of,
    make_reader,
    read_addresses,
    read_readers,
    read_scopes,
)
from dashboards.roles import Reach, drop_reader
from dashboards.settings import DashboardsSettings
from dashboards.source import data_source
from dashboards.words import Language

ROLE: Final = "Editor"
"""A manager's: they may make dashboards of their own, on the data of their places."""
PAGE: Final = 500
"""Organisations that are asked for at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How scopes are provisioned."""

    languages: Sequence[Language] = ("fr",)
    prefix: str = "grafana_"
    """Of the readers' names."""
    security: bool = False
    """Readers also see decisions at doors, by pseudonym."""
    mail_managers: bool = False
    """Alerts of each scope go to its managers' addresses."""


def keep_in_step(
    url: str,
    connection: Connection,
    *,
    settings: DashboardsSettings,
    options: Options,
    say: Say,
    agree: Callable[[], bool],
) -> bool:
    """Bring the organisations and readers into step, once ``agree`` says so; return whether it was done.

    ``connection``: to the database as its owner, in autocommit mode.

    Raises:
        GrafanaError, ReaderError: see `dashboards.errors`; what was done before the error stays done.
    """
    if settings.grafana_database_url is None:
        raise GrafanaError("set MAILLAGE_GRAFANA_DATABASE_URL to the database as Grafana reaches it, as any reader")
    with connect(url, settings) as grafana, ExitStack() as stack:
        if grafana.login is None:
            raise Forbidden("organisations need user:password of a server administrator in MAILLAGE_GRAFANA_TOKEN")
        keeper = _Keeper(
            grafana=grafana, settings=settings, options=options, connection=connection, stack=stack, say=say
        )
        plan = Plan(head=grafana.head, steps=tuple(keeper.steps()), notes=grafana.notes)
        for line in plan.lines(quiet=True):
            say(line)
        if plan.writes and not agree():
            return False
        plan.carry_out(say)
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Keeper:
    grafana: Grafana
    settings: DashboardsSettings
    options: Options
    connection: Connection
    stack: ExitStack
    """Holds the connections to organisations open until the plan is carried out."""
    say: Say

    def steps(self) -> Iterator[Step]:
        """Plan every scope, then the end of those that nobody manages any more."""
        scopes, readers = read_scopes(self.connection), read_readers(self.connection)
        there = {key: one for one in self._organisations() if (key := key_of(one["name"])) is not None}
        for number, scope in enumerate(scopes, start=1):
            self.say(f"looking at {scope.organisation!r} ({number} of {len(scopes)})")
            yield from self._scope(scope, there.get(scope.key), readers.get(scope.reader(self.options.prefix)))
        for key in there.keys() - {one.key for one in scopes}:
            users = self._users(there[key]["id"])
            inside = self._inside(there[key]["id"]) if self.grafana.login in users else None
            source = data_source(self._source("reader", "x"), self.grafana.version)
            yield from plan_end(self.grafana, there[key], inside, source)
        for name in sorted(readers.keys() - {one.reader(self.options.prefix) for one in scopes}):
            act = partial(drop_reader, self.connection, name)
            yield Step(what="database reader", uid=name, title=name, outcome="delete", act=act)

    def _scope(self, scope: Scope, found: Json | None, held: Held | None) -> Iterator[Step]:
        users = {} if found is None else self._users(found["id"])
        if found is None or self.grafana.login not in users:
            details = (f"with a database reader, dashboards and alert rules; {len(scope.managers)} manager(s)",)
            act = partial(self._fill, scope, found, held)
            yield Step(
                what="organisation", uid=scope.key, title=scope.organisation, details=details, act=act,
                outcome="create" if found is None else "update",
            )  # fmt: skip
            return
        if found["name"] != scope.organisation:
            details = (f"named {found['name']!r} so far",)
            act = partial(self.grafana.send, "PUT", f"/orgs/{found['id']}", {"name": scope.organisation})
            yield Step(
                what="organisation", uid=scope.key, title=scope.organisation, outcome="update", details=details, act=act
            )
        inside = self._inside(found["id"])
        for one in self._content(scope, inside, held):
            yield replace(one, title=f"{one.title} · {scope.title}")
        yield from self._members(scope, found["id"], users)

    def _content(self, scope: Scope, inside: Grafana, held: Held | None) -> Iterator[Step]:
        """What is in an organisation: the reader first, whose password nobody but Grafana is given."""
        name, password = scope.reader(self.options.prefix), secrets.token_urlsafe(24)
        wanted = Wanted(
            source=self._source(name, password),
            reach=Reach(network=scope.places is None, security=self.options.security),
            languages=self.options.languages,
        )
        settings = self.settings
        if self.options.mail_managers:
            mails = ",".join(one.mail for one in scope.managers if one.mail)
            settings = settings.model_copy(update={"grafana_alert_mail": mails or None})
        steps = plan_push(inside, settings, wanted).steps
        right = held is not None and held.serves(scope, security=self.options.security)
        if not right or any(one.what == "data source" and one.act is not None for one in steps):
            act = partial(make_reader, self.connection, name, password, scope, security=self.options.security)
            yield Step(
                what="database reader", uid=name, title=name, outcome="create" if held is None else "update", act=act
            )
        for one in steps:
            if one.what == "data source" and one.act is None and not right:
                model = data_source(wanted.source, inside.version)
                act = partial(inside.send, "PUT", f"/datasources/uid/{DATA_SOURCE_UID}", model)
                yield replace(one, outcome="update", details=("gets the reader's new password",), act=act)
            else:
                yield one
        yield from _account(inside)

    def _fill(self, scope: Scope, found: Json | None, held: Held | None) -> None:
        """Make an organisation and all that is in it; one that is there lets the administrator in first."""
        if found is None:
            number = int(self.grafana.send("POST", "/orgs", {"name": scope.organisation})["orgId"])
        else:
            number = int(found["id"])
            member = {"loginOrEmail": self.grafana.login, "role": "Admin"}
            self.grafana.send("POST", f"/orgs/{number}/users", member)
        inside = self._inside(number)
        steps = (*self._content(scope, inside, held), *self._members(scope, number, self._users(number)))
        Plan(head=inside.head, steps=steps).carry_out(lambda line: self.say(f"  {line} · {scope.title}"))

    def _members(self, scope: Scope, number: int, users: dict[str, Json]) -> Iterator[Step]:
        """Plan who is in: the scope's managers; operators who manage it no more go, anybody else stays."""
        inside = {str(one.get("email", "")).lower(): one for one in users.values()}
        for one in scope.managers:
            step = partial(Step, what="member", uid=one.ref, title=f"{one.ref} · {scope.title}")
            if one.mail is None:
                yield step(outcome="leave", details=("this operator has no mail address",))
            elif one.mail in inside:
                yield step(outcome="unchanged")
            elif not self.grafana.get(f"/users/lookup?loginOrEmail={quote(one.mail)}"):
                reason = (
                    "Grafana has no user of this operator's address yet: sign in to Grafana once, then run this again"
                )
                yield step(outcome="leave", details=(reason,))
            else:
                body = {"loginOrEmail": one.mail, "role": ROLE}
                yield step(outcome="create", act=partial(self.grafana.send, "POST", f"/orgs/{number}/users", body))
        gone = (read_addresses(self.connection) & inside.keys()) - {one.mail for one in scope.managers}
        for mail in sorted(gone):
            user = inside[mail]
            if user["login"] != self.grafana.login:
                act = partial(self.grafana.send, "DELETE", f"/orgs/{number}/users/{user['userId']}")
                title = f"{user['login']} · {scope.title}"
                yield Step(what="member", uid=str(user["userId"]), title=title, outcome="delete", act=act)

    def _source(self, name: str, password: str) -> str:
        assert self.settings.grafana_database_url is not None
        parts = urlsplit(self.settings.grafana_database_url.get_secret_value())
        where = parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=f"{name}:{quote(password, safe='')}@{where}"))

    def _organisations(self) -> Iterator[Json]:
        page = 1
        while found := self.grafana.get(f"/orgs?perpage={PAGE}&page={page}"):
            yield from found
            if len(found) < PAGE:
                return
            page += 1

    def _users(self, number: int) -> dict[str, Json]:
        return {one["login"]: one for one in self.grafana.get(f"/orgs/{number}/users") or []}

    def _inside(self, number: int) -> Grafana:
        return self.stack.enter_context(connect(self.grafana.url, self.settings, organisation=number))


def _account(inside: Grafana) -> Iterator[Step]:
    """Plan the organisation's service account, whose tokens can push to it in place of an administrator's password."""
    found = inside.get(f"/serviceaccounts/search?query={ACCOUNT}") or {}
    ours = [one for one in found.get("serviceAccounts", []) if one["name"] == ACCOUNT]
    step = partial(Step, what="service account", uid=ACCOUNT, title=ACCOUNT)
    if not ours:
        body = {"name": ACCOUNT, "role": "Admin", "isDisabled": False}
        yield step(outcome="create", act=partial(inside.send, "POST", "/serviceaccounts", body))
    elif ours[0].get("role") != "Admin":
        path = f"/serviceaccounts/{ours[0]['id']}"
        yield step(outcome="update", act=partial(inside.send, "PATCH", path, {"role": "Admin"}))
    else:
        yield step(outcome="unchanged")
