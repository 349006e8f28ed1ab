"""A monthly report: its figures equal a recount from the events of a simulated month with a clock change in it."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import psycopg
import pytest
from typer.testing import CliRunner

from api.keys.owner import create_key
from database.pool import connect
from gateway.contract.stored_events import KINDS, REASONS
from jobs.catalogue import JOBS
from jobs.mail.writing import text_of
from jobs.maintain import maintain
from maillage.cli import app
from tests.api_server import api_process, shared_database
from tests.integration.test_worth import Desks

PARIS = ZoneInfo("Europe/Paris")
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
FIRST, AFTER = date(2026, 3, 1), date(2026, 4, 1)
BEGINS, ENDS = (datetime(2026, month, 1, tzinfo=PARIS).astimezone(UTC) for month in (3, 4))
DARK = (datetime(2026, 3, 10, tzinfo=PARIS).astimezone(UTC), datetime(2026, 3, 12, tzinfo=PARIS).astimezone(UTC))
"""Two days on which nothing is known."""
MEMBERS = [f"m-{n:04}" for n in range(14)]
STUDENTS, SEEKERS = MEMBERS[:6], MEMBERS[6:8]
_SEQ = count(1_000_000)


class March(Desks):
    """A place with a reader inside and outside its door, whose members come at random in March 2026."""

    told: Recount
    lines: list[str]
    server: str

    def live(self) -> None:
        with self.connection.transaction():
            self._live()

    def _live(self) -> None:
        self.unwritten: list[dict[str, Any]] = []
        self.reader = {side: self._reader(side) for side in ("in", "out")}
        sql = self.connection.execute
        sql("UPDATE place SET opening_hours = %s WHERE id = %s", (_HOURS, self.place))
        sql("INSERT INTO member (ref) SELECT unnest(%s::text[])", (MEMBERS,))
        for code, members in (("a-students", STUDENTS), ("b-seekers", SEEKERS)):
            sql("INSERT INTO category (code, name, needs_proof) VALUES (%s, %s, false)", (code, code[2:].title()))
            sql(
                "INSERT INTO member_category (member, category, first)"
                " SELECT m, c.id, '2026-01-01' FROM unnest(%s::text[]) AS m, category c WHERE c.code = %s",
                (members, code),
            )
        dice = random.Random(14)
        steps: dict[datetime, tuple[str, int]] = {}
        """At most one in a minute."""

        def move(at: datetime, member: str, step: int) -> None:
            while at in steps:
                at += MINUTE
            steps[at] = member, step

        for n in range(31):
            day = datetime(2026, 3, 1 + n, tzinfo=PARIS).astimezone(UTC)
            if DARK[0] <= day < DARK[1]:
                continue
            for member in MEMBERS:
                if dice.random() < 0.35:
                    came = day + timedelta(hours=6, minutes=dice.randrange(480))
                    move(came, member, 1)
                    move(came + timedelta(minutes=dice.randrange(30, 500)), member, -1)
        self._passes([(at, *steps[at]) for at in sorted(steps)])
        for at, reason in (
            (DARK[1] + DAY, "unknown_card"),
            (DARK[1] + DAY, "unknown_card"),
            (ENDS - DAY, "space_full"),
        ):
            self._access(at, "in", None, reason)
        self._access(ENDS + MINUTE, "in", None, "lockdown")  # in April
        self._store(BEGINS - 2 * DAY, "device", self.reader["out"], None, value=0.0, detail='{"what": "link"}')
        self._store(BEGINS + 3 * DAY, "device", self.reader["out"], None, value=1.0, detail='{"what": "link"}')
        self.write()
        self._bookings()
        self.heard(ENDS + 3 * DAY)

    def _passes(self, steps: list[tuple[datetime, str, int]]) -> None:
        present, dark = 0, False
        changes = []
        self.shown(BEGINS, 0)
        for at, member, step in steps:
            if not dark and at >= DARK[0]:
                self.shown(DARK[0], None)
                self.shown(DARK[1], present)
                dark = True
            present += step
            self._access(at, "in" if step > 0 else "out", member, "granted")
            changes.append((at, self.place, self.space, present, present, present, at))
        with self.connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO occupancy_change (at, place, space, present, low, high, capacity, quality, stored_at)"
                " VALUES (%s, %s, %s, %s, %s, %s, 10, 'live', %s)",
                changes,
            )

    def _reader(self, side: str) -> int:
        row = self.connection.execute(
            "WITH d AS"
            " (INSERT INTO door (place, code, name, to_space) VALUES (%(p)s, %(side)s, 'D', %(s)s) RETURNING id)"
            " INSERT INTO device (place, gateway, code, kind, driver, address, door, side)"
            " SELECT %(p)s, %(g)s, %(side)s, 'reader', 'maillage', %(side)s, d.id, %(side)s FROM d RETURNING id",
            {"p": self.place, "s": self.space, "g": self.gateway, "side": side},
        ).fetchone()
        assert row is not None
        return int(row[0])

    def _access(self, at: datetime, side: str, member: str | None, reason: str) -> None:
        self._store(at, "access", self.reader[side], int(reason == "granted"), member=member, reason=REASONS[reason])

    def _store(self, at: datetime, kind: str, device: int, state: int | None, **more: Any) -> None:
        values = {"member": None, "reason": None, "value": None, "detail": None, **more}
        values |= {"at": at, "stream": self.stream, "seq": next(_SEQ), "place": self.place, "kind": KINDS[kind]}
        self.unwritten.append({**values, "device": device, "state": state})

    def write(self) -> None:
        """Store these events as one batch."""
        first, last = self.unwritten[0]["seq"], self.unwritten[-1]["seq"]
        times = [one["at"] for one in self.unwritten]
        with self.connection.transaction(), self.connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO event (at, received_at, tx, stream, seq, place, kind, device, state, member, reason,"
                " value, detail) VALUES (%(at)s, %(at)s, 1, %(stream)s, %(seq)s, %(place)s, %(kind)s, %(device)s,"
                " %(state)s, %(member)s, %(reason)s, %(value)s, %(detail)s)",
                self.unwritten,
            )
            cursor.execute(
                "SELECT append_feed"
                "(1, ARRAY[%s], ARRAY[%s], ARRAY[%s::bigint], ARRAY[%s::bigint], ARRAY[%s], ARRAY[%s])",
                (self.stream, self.place, first, last, min(times), max(times)),
            )
        self.unwritten = []

    def _bookings(self) -> None:
        with self.connection.transaction():
            self.connection.execute("ALTER TABLE booking DISABLE TRIGGER USER")
            for day, status in ((3, "ended"), (4, "ended"), (5, "no_show"), (6, "cancelled")):
                at = datetime(2026, 3, day, 9, tzinfo=UTC)
                gone = at if status in ("no_show", "cancelled") else None
                self.connection.execute(
                    "INSERT INTO booking (place, space, member, status, starts_at, ends_at, cancelled_at)"
                    " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                    (self.place, self.space, MEMBERS[0], status, at, at + timedelta(minutes=90), gone),
                )
            self.connection.execute("ALTER TABLE booking ENABLE TRIGGER USER")

    def recount(self) -> Recount:
        """Count the month from the events alone, minute by minute."""
        rows = self.connection.execute(
            "SELECT e.at, v.side, e.state, r.name, e.member FROM event e JOIN device v ON v.id = e.device"
            " JOIN reason r ON r.id = e.reason WHERE e.kind = %s AND e.at >= %s AND e.at < %s ORDER BY e.at",
            (KINDS["access"], BEGINS, ENDS),
        ).fetchall()
        moves = [(at, 1 if side == "in" else -1) for at, side, state, *_ in rows if state]
        found = Recount()
        present, next_move, at = 0, 0, BEGINS
        slots: dict[tuple[int, int], list[int]] = {}
        while at < ENDS:
            while next_move < len(moves) and moves[next_move][0] <= at:
                present += moves[next_move][1]
                next_move += 1
            local = at.astimezone(PARIS)
            if not DARK[0] <= at < DARK[1]:
                found.by_day[local.date()] += present
                slots.setdefault((local.isoweekday(), local.hour), []).append(present)
                if local.isoweekday() <= 5 and 9 <= local.hour < 18:
                    found.opened += 1
                    found.taken += present
            at += MINUTE
        found.by_hour = {slot: sum(counts) / len(counts) for slot, counts in slots.items()}
        found.refusals = Counter(reason for _, _, state, reason, _ in rows if not state)
        found.let_in = sum(bool(state) and side == "in" for _, side, state, *_ in rows)
        came = {(member, at.astimezone(PARIS).date()) for at, side, _, _, member in rows if member and side == "in"}
        found.visits = Counter(member for member, _ in came)
        return found


class Recount:
    """What the events say, in person-minutes."""

    def __init__(self) -> None:
        self.by_day: Counter[date] = Counter()
        self.by_hour: dict[tuple[int, int], float] = {}
        self.opened = self.taken = self.let_in = 0
        self.refusals: Counter[str] = Counter()
        self.visits: Counter[str] = Counter()


_HOURS = json.dumps({day: [["09:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")})


def run(maintainer: str, now: datetime, *names: str) -> list[str]:
    """Run these jobs as their own login, and return what they said."""
    lines: list[str] = []
    assert maintain(maintainer, log=lines.append, now=now, jobs=[job for job in JOBS if job.name in names])
    return lines


@pytest.fixture(scope="module")
def march(postgres_url: str, _template: str) -> Iterator[March]:
    """Yield the month with its reports; ``told`` is the recount of what they were made of."""
    with (
        shared_database(postgres_url, _template) as database,
        connect(database.url, application_name="maillage test", autocommit=True) as connection,
    ):
        one = March(connection, database.url)
        one.maintainer, one.server = database.as_login("maintain_1"), database.as_login("api_1")
        connection.execute("UPDATE place SET department = '87' WHERE id = %s", (one.place,))
        connection.execute(
            "WITH o AS (INSERT INTO operator (ref, name, email, report_mail) VALUES"
            " ('u-0001', 'A', 'a@example.org', true), ('u-0002', 'B', 'b@example.org', false),"
            " ('u-0003', 'C', 'c@example.org', true) RETURNING ref)"
            " INSERT INTO operator_role (operator, role, place)"
            " SELECT ref, 'place_manager', CASE WHEN ref < 'u-0003' THEN %s::integer END FROM o",
            (one.place,),
        )
        one.live()
        one.told = one.recount()
        # what was published is made of the last three days only, since that takes long
        connection.execute("INSERT INTO maintenance (task, done_until) VALUES ('published', %s)", (ENDS - 3 * DAY,))
        one.lines = run(one.maintainer, ENDS + timedelta(hours=2), "rollup", "published", "worth", "reports")
        yield one


def _stored(connection: psycopg.Connection[Any], scope: str) -> list[Any]:
    return connection.execute(
        "SELECT version, figures, shown, changed FROM monthly_report WHERE scope = %s ORDER BY version", (scope,)
    ).fetchall()


def test_the_report_of_a_month_equals_a_recount_from_its_events(march: March) -> None:
    assert "reports: 2026-03, 3 reports stored" in march.lines  # the place, its department, the network
    told = march.told
    version, report, shown, changed = _stored(march.connection, "place")[0]
    assert (version, changed, report["complete"], len(report["by_day"])) == (1, [], True, 31)
    days = {date.fromisoformat(one["day"]): one for one in report["by_day"]}
    assert days[date(2026, 3, 10)]["person_hours"] is None  # unknown, not zero
    for day, minutes in told.by_day.items():
        assert days[day]["person_hours"] == pytest.approx(minutes / 60, abs=0.02), day
    assert sum(told.by_day.values()) > 1000
    hours = {(one["weekday"], one["hour"]): one["people"] for one in report["by_hour"]}
    assert hours == {slot: pytest.approx(mean, abs=0.02) for slot, mean in told.by_hour.items()}
    use = report["use"]
    assert use["open_hours"] == 22 * 9  # 22 weekdays; two of them are unknown
    assert (use["known_hours"], use["known"]) == (20 * 9, pytest.approx(20 / 22, abs=1e-4))
    assert told.opened == 20 * 9 * 60 and use["person_hours"] == pytest.approx(told.taken / 60, abs=0.02)
    assert use["utilisation"] == pytest.approx(told.taken / (told.opened * 10), abs=1e-3)
    assert (
        {one["reason"]: one["count"] for one in report["refusals"]}
        == told.refusals
        == {
            "unknown_card": 2,
            "space_full": 1,
        }
    )
    assert report["let_in"] == told.let_in
    # two job seekers are too few to be shown, and so is their difference to the sum
    small = sum(told.visits[member] for member in STUDENTS + SEEKERS)
    rest = sum(told.visits[member] for member in MEMBERS[8:])
    shown_groups = [(one["name"], one["members"], one["days"]) for one in report["categories"]["groups"]]
    others = report["categories"]["others"]
    assert sorted([*(days for *_, days in shown_groups), others["days"]]) == sorted([small, rest])
    assert all(members >= 5 for _, members, _ in shown_groups) and "Seekers" not in str(report["categories"])
    assert report["bookings"] == {"held": 2, "hours": 3.0, "no_shows": 1, "cancelled": 1}
    assert (report["devices"]["total"], report["devices"]["silent"]) == (2, 1)
    assert report["devices"]["worst"][0] | {"silent_now": False, "battery": None} == {
        "code": "out",
        "kind": "reader",
        "silent_hours": 72.0,
        "silent_now": False,
        "battery": None,
    }
    assert report["certainty"]["unknown_hours"] == 48 and report["certainty"]["error"] is None
    assert report["before"] is None and report["year_before"] is None
    _, network, _, _ = _stored(march.connection, "network")[0]
    assert network["use"]["person_hours"] == use["person_hours"] and network["rows"][0]["code"] == "p"
    assert [one["person_hours"] for one in network["by_day"]] == [one["person_hours"] for one in report["by_day"]]
    # what everybody may know is made of bands: 10 seats, so up to 9 people are one number
    means = {one["people"] for one in shown["by_hour"] if one["people"] is not None}
    assert "refusals" not in shown and "categories" not in shown and 0 < len(means) < 4


def test_a_stored_report_never_changes_and_a_recount_is_a_new_version(march: March) -> None:
    def reported(at: datetime) -> list[Any]:
        assert maintain(
            march.maintainer, log=lambda _: None, now=at, jobs=[job for job in JOBS if job.name == "reports"]
        )
        return _stored(march.connection, "place")

    assert len(reported(ENDS + 2 * DAY)) == 1
    with pytest.raises(psycopg.errors.RestrictViolation, match="never changes"):
        march.connection.execute("UPDATE monthly_report SET version = 9")
    march._access(ENDS - 2 * DAY, "in", None, "unknown_card")  # reported late
    march.write()
    assert len(reported(ENDS + 9 * DAY)) == 1
    reported(ENDS + 10 * DAY)
    (_, before, _, _), (version, after, _, changed) = reported(ENDS + 11 * DAY)
    assert version == 2 and changed == [{"figure": "refusals.unknown_card.count", "before": 2, "after": 3}]
    assert before["refusals"][0]["count"] + 1 == after["refusals"][0]["count"]


def test_operators_who_asked_for_it_get_a_mail_and_it_is_erased_with_them(march: March) -> None:
    sql = march.connection.execute
    query = "SELECT to_address, \"values\" FROM mail WHERE kind = 'report_ready' ORDER BY to_address"
    (manager, place), (everywhere, network) = sql(query).fetchall()
    assert (manager, place["about"], place["month"]) == ("a@example.org", "P", "mars 2026")
    assert (everywhere, network["about"]) == ("c@example.org", "le réseau")
    subject, body = text_of("report_ready", "fr", place)
    assert subject == "Rapport mensuel, mars 2026 : P" and "/manage/p/history/reports/2026-03" in body
    sql("SELECT erase_operator('u-0001')")
    assert [address for address, _ in sql(query).fetchall()] == ["c@example.org"]


def test_a_manager_reads_the_whole_report_and_everybody_the_public_part(march: March) -> None:
    with psycopg.connect(march.url) as owner:
        keys = {
            "manager": create_key(owner, "manager", role="place_manager", places=["p"]),
            "auditor": create_key(owner, "auditor", role="auditor"),
            "front": create_key(owner, "front", role="front_desk", places=["p"]),
            "scope": create_key(owner, "scope", scopes=["events:read"]),
        }
    with api_process(march.server) as client:

        def asked(path: str, who: str | None = None, status: int = 200, **query: str) -> httpx.Response:
            headers = {} if who is None else {"X-Api-Key": keys[who]}
            answer = client.get(f"/v1/reports{path}", params=query, headers=headers)
            assert answer.status_code == status, answer.text
            return answer

        whole = asked("/places/p", "manager", month="2026-03", version="1").json()
        _, figures, shown, _ = _stored(march.connection, "place")[0]
        assert (whole["public"], whole["report"], whole["version"]) == (False, figures, 1)
        assert asked("/network", "auditor", month="2026-03").json()["report"]["places"] == 1
        for who in (None, "front", "scope"):
            public = asked("/places/p", who, month="2026-03").json()
            assert (public["public"], public["report"], public["shown"]) == (True, None, shown)
        assert asked("/network", "manager", month="2026-03").json()["public"]  # their key is of one place
        assert {(one["scope"], one["month"]) for one in asked("").json()["reports"]} == {
            *(("place", "2026-03"), ("department", "2026-03"), ("network", "2026-03"))
        }
        days = asked("/places/p", "manager", month="2026-03", version="1", format="csv", table="days").text
        assert days.splitlines()[10] == "2026-03-10,,,0.0"  # unknown is empty
        assert len(days.splitlines()) == 32
        parquet = asked("/places/p", month="2026-03", format="parquet", table="hours")
        assert parquet.content[:4] == parquet.content[-4:] == b"PAR1"
        page = asked("/places/p", "manager", month="2026-03", version="1", format="html", language="fr")
        assert "style-src 'unsafe-inline'" in page.headers["content-security-policy"]
        assert (
            "mars 2026" in page.text
            and asked("/places/p", "manager", month="2026-03", format="pdf").content[:5] == b"%PDF-"
        )
        # this month still runs: counted now, without a number
        now = asked("/places/p", "manager", month=f"{datetime.now(PARIS):%Y-%m}").json()
        assert (now["number"], now["report"]["complete"]) == (None, False)
        asked("/places/p", month="2026-01", status=404)
        asked("/places/p", "manager", month="2199-01", status=422)
        asked("/places/p", month="2026-03", format="csv", status=422)  # the summary needs a key
        asked("/places/nowhere", status=404)
        assert len(asked("/columns").json()["columns"]) > 30


def test_the_command_writes_what_is_stored_or_as_it_is_known_now(
    march: March, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILLAGE_DATABASE_URL", march.url)

    def written(*words: str) -> tuple[int, str, bytes]:
        file = tmp_path / "out"
        found = CliRunner().invoke(app, ["report", *words, "--out", str(file)])
        return found.exit_code, f"{found.stderr}{found.exception}", file.read_bytes() if file.exists() else b""

    code, said, made = written("p", "--month", "2026-03", "--format", "json")
    assert code == 0 and "version" in said
    _, figures, *_ = _stored(march.connection, "place")[-1]
    assert json.loads(made)["report"] == figures
    code, said, made = written("department:87", "--month", "2026-03", "--format", "pdf", "--now")
    assert code == 0 and "provisional" in said and made[:5] == b"%PDF-"
    code, said, made = written("network", "--month", "2026-03", "--format", "csv", "--table", "places")
    assert made.decode().splitlines()[1].startswith("p,P,87,198.0,")
    for words in (["nowhere", "--month", "2026-03"], ["p", "--month", "2026-13"], ["p", "--month", "2199-01"]):
        code, said, _ = written(*words)
        assert code == 1 and ("There is no place" in said or "is no month" in said or "has not begun" in said), said
