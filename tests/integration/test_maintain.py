"""Quarter-hour sums and the end of personal traces, on a real database."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import count
from typing import Any

import psycopg
import pytest
from prometheus_client import generate_latest
from psycopg import sql

from database.leases import Keeper
from database.pool import Connection, connect
from jobs import maintain as maintain_module
from jobs import run as run_module
from jobs.catalogue import JOBS
from jobs.job import Job, Round
from jobs.maintain import LEASE, JobsFailed, maintain, outcomes
from jobs.metrics import Metrics
from jobs.run import Runner
from tests.conftest import Database
from tests.waiting import until

EIGHT = datetime(2026, 3, 3, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DESK, GATEWAY = 5, 9


class World:
    """One place with one space, and what its gateway told."""

    def __init__(self, connection: Connection, url: str) -> None:
        self.connection = connection
        self.url = url
        self._seq = count(1)
        row = connection.execute(
            "WITH p AS (INSERT INTO place (code, name, shard, latitude, longitude, source, source_id)"
            "   VALUES ('p', 'P', 1, 45, 1, 'test', '1') RETURNING id),"
            " s AS (INSERT INTO space (place, code, name, kind, capacity)"
            "   SELECT id, 'place', 'P', 'place', 10 FROM p RETURNING id),"
            " g AS (INSERT INTO gateway (place, code) SELECT id, 'p-g1' FROM p RETURNING id),"
            " t AS (INSERT INTO stream (gateway, epoch) SELECT id, '0123456789abcdef' FROM g RETURNING id)"
            " SELECT p.id, s.id, g.id, t.id FROM p, s, g, t"
        ).fetchone()
        assert row is not None
        self.place, self.space, self.gateway, self.stream = row
        connection.execute(
            "INSERT INTO space_state (space, place, revision, quality, at, ttl_s, changed_at, fold)"
            " VALUES (%s, %s, 1, 'unknown', now(), 120, now(), '{}')",
            (self.space, self.place),
        )

    def event(self, at: datetime, *, start: bool = False) -> None:
        """Store one event of the place, as the ingest does."""
        self.connection.execute(
            "WITH e AS (INSERT INTO event (at, received_at, tx, stream, seq, place, kind, member, detail)"
            " VALUES (%s, now(), nextval('event_batch'), %s, %s, %s, %s, 'm-0001', %s)"
            " RETURNING tx, stream, place, seq, at)"
            " SELECT append_feed(tx, ARRAY[stream], ARRAY[place], ARRAY[seq], ARRAY[seq], ARRAY[at], ARRAY[at]) FROM e",
            (
                *(at, self.stream, next(self._seq), self.place),
                *((GATEWAY, '{"what": "start"}') if start else (DESK, None)),
            ),
        )

    def change(self, at: datetime, present: int | None) -> None:
        """Store an event and the change that it makes."""
        with self.connection.transaction():
            self.event(at)
            self.connection.execute(
                "INSERT INTO occupancy_change (at, place, space, present, low, high, capacity, quality)"
                " VALUES (%s, %s, %s, %s, %s, %s, 10, %s)",
                (at, self.place, self.space, present, present, present, "unknown" if present is None else "live"),
            )

    def heard(self, at: datetime, *, online: bool = True, spool_depth: int = 0) -> None:
        """Set what the gateway last said of itself."""
        self.connection.execute(
            "INSERT INTO gateway_state (gateway, place, online, heard_at, changed_at, spool_depth)"
            " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (gateway) DO UPDATE"
            " SET online = excluded.online, heard_at = excluded.heard_at, spool_depth = excluded.spool_depth",
            (self.gateway, self.place, online, at, at, spool_depth),
        )

    def maintain(self, now: datetime) -> list[str]:
        """Run once at ``now`` and return what it said."""
        lines: list[str] = []
        assert maintain(self.url, log=lines.append, now=now)
        return lines

    def quarters(self) -> dict[str, tuple[float | None, int | None, float]]:
        """Return mean, peak and known share by the quarter's start, ``HH:MM``."""
        rows = self.connection.execute("SELECT at, mean, peak, known FROM occupancy_15m ORDER BY at").fetchall()
        return {
            f"{at:%H:%M}": (None if mean is None else round(mean, 3), peak, round(known, 3))
            for at, mean, peak, known in rows
        }


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    """Yield a place in a fresh database; every statement is its own transaction."""
    with connect(database_url, application_name="maillage test", autocommit=True) as connection:
        yield World(connection, database_url)


def test_the_mean_is_weighted_by_time_and_only_finished_quarters_are_summed_up(world: World) -> None:
    world.change(EIGHT + 5 * MINUTE, 2)
    world.change(EIGHT + 10 * MINUTE, 8)
    world.change(EIGHT + 20 * MINUTE, 0)
    world.heard(EIGHT + 44 * MINUTE)
    world.maintain(EIGHT + 44 * MINUTE)
    assert world.quarters() == {
        "08:00": (5.0, 8, 0.667),  # 2 for 5 min, 8 for 5 min, nothing known before
        "08:15": (2.667, 8, 1.0),  # 8 for 5 min, 0 for 10
    }
    world.heard(EIGHT + 46 * MINUTE)
    world.maintain(EIGHT + 46 * MINUTE)
    assert world.quarters()["08:30"] == (0.0, 0, 1.0)


def test_a_second_run_writes_nothing(world: World) -> None:
    world.change(EIGHT, 3)
    world.heard(EIGHT + 60 * MINUTE)
    assert world.maintain(EIGHT + 60 * MINUTE)[0].startswith("rollup: 4 quarter hours written for 1 places")
    before = world.quarters()
    assert world.maintain(EIGHT + 60 * MINUTE)[0].startswith("rollup: 0 quarter hours written for 1 places")
    assert world.quarters() == before == dict.fromkeys(("08:00", "08:15", "08:30", "08:45"), (3.0, 3, 1.0))


def test_unknown_is_not_zero(world: World) -> None:
    world.change(EIGHT, 4)
    world.change(EIGHT + 5 * MINUTE, None)
    world.change(EIGHT + 10 * MINUTE, 6)
    world.change(EIGHT + 15 * MINUTE, None)
    world.heard(EIGHT + 30 * MINUTE)
    world.maintain(EIGHT + 30 * MINUTE)
    assert world.quarters() == {"08:00": (5.0, 6, 0.667), "08:15": (None, None, 0.0)}


def test_a_gateway_that_falls_silent_makes_the_rest_unknown(world: World) -> None:
    world.change(EIGHT, 4)
    world.event(EIGHT + 16 * MINUTE)
    world.heard(EIGHT + 16 * MINUTE, online=False)
    world.maintain(EIGHT + 60 * MINUTE)
    assert world.quarters() == {
        "08:00": (4.0, 4, 1.0),
        "08:15": (4.0, 4, 0.2),  # a minute, and two more for which it may be believed
        "08:30": (None, None, 0.0),
        "08:45": (None, None, 0.0),
    }


@pytest.mark.parametrize("spool_depth", [0, 7])
def test_an_online_gateway_vouches_for_silence_unless_it_has_more_to_tell(world: World, spool_depth: int) -> None:
    world.change(EIGHT, 4)
    world.heard(EIGHT + 30 * MINUTE, spool_depth=spool_depth)
    world.maintain(EIGHT + 30 * MINUTE)
    assert world.quarters()["08:15"] == ((None, None, 0.0) if spool_depth else (4.0, 4, 1.0))


def test_a_gateway_that_is_silent_for_longer_than_events_are_kept_stays_unknown(world: World) -> None:
    world.connection.execute("UPDATE gateway SET enrolled_at = %s", (EIGHT - timedelta(days=1),))
    world.change(EIGHT, 4)
    world.heard(EIGHT, online=False)
    world.maintain(EIGHT + 60 * MINUTE)
    for hours in (0, 2, 4):
        world.maintain(EIGHT + timedelta(days=100, hours=hours))
    assert world.connection.execute("SELECT count(*) FROM event").fetchone() == (0,)
    rows = world.connection.execute(
        "SELECT count(*) > 0, max(mean), max(known) FROM occupancy_15m WHERE at >= %s", (EIGHT + 15 * MINUTE,)
    ).fetchone()
    assert rows == (True, None, 0.0)


@pytest.mark.parametrize("enrolled", [-60, 20])
@pytest.mark.parametrize("retired", [None, 10])
def test_what_a_gateway_would_say_that_was_enrolled_and_never_heard_is_unknown(
    world: World, enrolled: int, retired: int | None
) -> None:
    if retired is not None and retired < enrolled:
        enrolled = retired - 5
    world.connection.execute(
        "INSERT INTO gateway (place, code, enrolled_at, retired_at) VALUES (%s, 'p-g2', %s, %s)",
        (
            world.place,
            EIGHT + enrolled * MINUTE,
            None if retired is None else EIGHT + retired * MINUTE,
        ),
    )
    world.change(EIGHT, 4)
    world.heard(EIGHT + 45 * MINUTE)
    world.maintain(EIGHT + 45 * MINUTE)
    known = [share for _mean, _peak, share in world.quarters().values()]
    if retired is not None:
        # dark from two minutes after the enrolment until the gateway is retired
        assert known == [round(1 - (10 - max(0, enrolled + 2)) / 15, 3), 1.0, 1.0]
    else:
        assert known == ([0.0, 0.0, 0.0] if enrolled < 0 else [1.0, round(7 / 15, 3), 0.0])


def test_an_empty_spool_proves_nothing_where_events_are_missing(world: World) -> None:
    """After a restore the centre may lack events that the gateway no longer holds."""
    world.change(EIGHT, 4)
    world.heard(EIGHT + 3 * MINUTE)
    world.connection.execute(
        "UPDATE gateway_state SET heard_at = %s, epoch = 'e-1', newest_seq = 1000000", (EIGHT + 30 * MINUTE,)
    )
    world.maintain(EIGHT + 30 * MINUTE)
    assert world.quarters()["08:00"] == (4.0, 4, 0.333)  # three minutes, and two more for which it is believed
    assert world.quarters()["08:15"] == (None, None, 0.0)


def test_what_arrives_late_is_summed_up_again(world: World) -> None:
    world.change(EIGHT, 4)
    world.heard(EIGHT + 10 * MINUTE, online=False)
    world.maintain(EIGHT + 120 * MINUTE)
    assert world.quarters()["09:00"] == (None, None, 0.0)
    # Its spool arrives: it had lived on, and somebody came at 8:30.
    world.change(EIGHT + 30 * MINUTE, 5)
    world.event(EIGHT + 110 * MINUTE)
    world.heard(EIGHT + 125 * MINUTE)
    world.maintain(EIGHT + 126 * MINUTE)
    quarters = world.quarters()
    assert quarters["08:15"] == (4.0, 4, 1.0)
    assert quarters["08:30"] == quarters["09:45"] == (5.0, 5, 1.0)


def test_a_restart_leaves_the_time_before_it_unknown(world: World) -> None:
    world.change(EIGHT, 4)
    world.event(EIGHT + 46 * MINUTE, start=True)
    world.heard(EIGHT + 60 * MINUTE)
    world.maintain(EIGHT + 60 * MINUTE)
    assert world.quarters() == {
        "08:00": (4.0, 4, 0.133),
        "08:15": (None, None, 0.0),
        "08:30": (None, None, 0.0),
        "08:45": (4.0, 4, 0.933),
    }


def test_the_hour_that_comes_twice_and_the_one_that_never_does_are_ordinary(world: World) -> None:
    for change_of_clocks in (datetime(2026, 10, 25, 0, 0, tzinfo=UTC), datetime(2026, 3, 29, 0, 0, tzinfo=UTC)):
        world.connection.execute("TRUNCATE occupancy_15m, maintenance")
        world.connection.execute("DELETE FROM event; DELETE FROM occupancy_change")
        world.change(change_of_clocks, 3)
        world.heard(change_of_clocks + timedelta(hours=3))
        world.maintain(change_of_clocks + timedelta(hours=3))
        assert len(world.quarters()) == 12
        assert set(world.quarters().values()) == {(3.0, 3, 1.0)}


def test_long_backlogs_go_in_slices_that_join(world: World) -> None:
    world.change(EIGHT, 7)
    world.event(EIGHT + timedelta(hours=20), start=True)
    world.heard(EIGHT + timedelta(hours=26))
    lines = world.maintain(EIGHT + timedelta(hours=26))
    assert sum(line.startswith("rollup: up to") for line in lines) == 4
    rows = world.connection.execute(
        "SELECT count(*), round(sum(known * 900)) FROM occupancy_15m WHERE known > 0"
    ).fetchone()
    assert rows == (1 + 6 * 4, 120 + 6 * 3600)


@pytest.mark.parametrize("seed", range(6))
def test_in_whatever_pieces_it_arrives_the_sum_is_that_of_a_fresh_run_and_of_counting_seconds(
    world: World, seed: int
) -> None:
    dice = random.Random(seed)
    end = EIGHT + timedelta(hours=6)
    moments = sorted(dice.sample(range(6 * 3600 - 1), 40))
    story = [(EIGHT + timedelta(seconds=second), dice.choice((None, 0, 1, 5, "event", "start"))) for second in moments]
    now = EIGHT
    while story:
        cut = dice.randint(1, len(story))
        arrived, story = story[:cut], story[cut:]
        for at, what in arrived:
            if isinstance(what, str):
                world.event(at, start=what == "start")
            else:
                world.change(at, what)
        now = min(end, max(now, arrived[-1][0]) + timedelta(minutes=dice.choice((0, 20, 90))))
        world.heard(arrived[-1][0], online=False)
        world.maintain(now)
    world.event(end - timedelta(seconds=1))  # the line is back, and the next heartbeat tells it
    world.heard(end)
    world.maintain(end)
    piecemeal = world.quarters()
    world.connection.execute("TRUNCATE occupancy_15m, maintenance")
    world.maintain(end)
    assert world.quarters() == piecemeal
    assert piecemeal == _by_counting_seconds(world, end)


def _by_counting_seconds(world: World, end: datetime) -> dict[str, tuple[float | None, int | None, float]]:
    """Reckon the quarters in the plainest way: second by second."""
    events = world.connection.execute("SELECT at, kind = 9 FROM event ORDER BY at").fetchall()
    changes = world.connection.execute("SELECT at, present FROM occupancy_change ORDER BY at").fetchall()
    quarters: dict[datetime, list[int | None]] = {}
    second = changes[0][0] if changes else end
    while second < end:
        quarter = second.replace(minute=second.minute // 15 * 15, second=0)
        present = [people for at, people in changes if at <= second][-1]
        before, after = [at for at, _ in events if at <= second], [start for at, start in events if at > second]
        dark = bool(after) and after[0] and second >= before[-1] + 2 * MINUTE
        quarters.setdefault(quarter, []).append(None if dark else present)
        second += timedelta(seconds=1)
    sums: dict[str, tuple[float | None, int | None, float]] = {}
    for quarter, values in quarters.items():
        known = [value for value in values if value is not None]
        mean = round(sum(known) / len(known), 3) if known else None
        sums[f"{quarter:%H:%M}"] = (mean, max(known, default=None), round(len(known) / 900, 3))
    return sums


def test_personal_traces_go_after_three_months_and_sums_stay(world: World) -> None:
    now = EIGHT + timedelta(days=100)
    world.change(EIGHT, 1)
    world.change(now - timedelta(days=91), 2)
    world.change(now - timedelta(days=88), 3)
    for digest, days in (("old", 91), ("new", 88)):
        world.connection.execute(
            "INSERT INTO dead_letter (origin, reason, error, topic, payload, length, digest, last_at)"
            " VALUES ('ingest', 'x', 'x', 't', '', 0, %s, %s)",
            (digest.encode(), now - timedelta(days=days)),
        )
    world.heard(now)
    lines = world.maintain(now)
    assert any(line.startswith("retention: 2 days of events and 1 dead letters dropped") for line in lines)
    assert world.connection.execute("SELECT min(at) FROM event").fetchone() == (now - timedelta(days=88),)
    assert world.connection.execute("SELECT count(*) FROM occupancy_change").fetchone() == (3,)
    assert world.connection.execute("SELECT digest FROM dead_letter").fetchall() == [(b"new",)]
    sums = world.connection.execute("SELECT count(*) FROM occupancy_15m").fetchone()
    world.maintain(now)
    assert world.connection.execute("SELECT count(*) FROM occupancy_15m").fetchone() == sums


def test_the_last_month_of_events_cannot_be_dropped_by_anybody(world: World) -> None:
    world.event(datetime.now(UTC) - timedelta(days=2))
    with pytest.raises(psycopg.errors.CheckViolation, match="younger than a month"):
        world.connection.execute("SELECT drop_events_before(now())")


def test_the_maintainers_own_role_is_enough_and_others_may_not(
    world: World, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    world.change(EIGHT, 4)
    world.heard(EIGHT + 30 * MINUTE)
    # as on a centre with a Grafana reader (dashboards/roles.py)
    name = sql.Identifier(world.connection.info.dbname)
    world.connection.execute(sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(name))
    lines: list[str] = []
    assert maintain(database.as_login("maintain_1"), log=lines.append, now=EIGHT + 30 * MINUTE)
    assert [record for record in caplog.records if record.getMessage() == "job_failed"] == []
    assert world.quarters()["08:15"] == (4.0, 4, 1.0)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        maintain(database.as_login("api_1"), log=lines.append, now=EIGHT + 30 * MINUTE)


def test_two_at_once_do_it_once(world: World) -> None:
    world.change(EIGHT, 4)
    lines: list[str] = []
    with Keeper(world.url, [LEASE], application_name="maillage test") as other:
        assert other.asked.wait(30)
        assert not maintain(world.url, log=lines.append, now=EIGHT + 30 * MINUTE)
    assert lines == ["jobs: another process runs them; nothing done"]
    assert world.quarters() == {}


def test_jobs_run_again_when_they_are_due_until_they_are_to_stop(world: World) -> None:
    stop, runs, metrics = threading.Event(), [0], Metrics()

    def work(_round: Round) -> None:
        runs[0] += 1

    runner = Runner(world.url, metrics, [Job(name="often", work=work, every=timedelta(0))], look_s=0.02)
    thread = threading.Thread(target=runner.run, args=(stop,))
    thread.start()
    until(lambda: runs[0] >= 3, what="three runs")
    until(lambda: runner.trouble is None, what="the process is ready")
    stop.set()
    thread.join(30)
    assert not thread.is_alive()
    said = generate_latest(metrics.registry).decode()
    stored = world.connection.execute(
        "SELECT extract(epoch FROM succeeded_at) FROM job WHERE name = 'often'"
    ).fetchone()
    assert stored is not None
    assert world.connection.execute("SELECT every FROM job").fetchall() == [(timedelta(0),)]
    line = next(line for line in said.splitlines() if line.startswith("maillage_jobs_last_success_timestamp_seconds{"))
    assert abs(float(line.split()[-1]) - float(stored[0])) < 60
    assert 'maillage_jobs_failures_in_a_row{job="often"} 0.0' in said


def test_a_job_that_fails_stops_no_other_and_is_loud_where_the_law_requires_it(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.connection.execute("ALTER TABLE command RENAME TO command_of_another_release")
    world.change(EIGHT, 4)
    lines: list[str] = []
    for _ in range(2):
        with pytest.raises(JobsFailed, match=r"traces: .*command"):
            maintain(world.url, log=lines.append, now=EIGHT + 30 * MINUTE)
    assert world.quarters()["08:15"] is not None, "the summary is made"
    assert any(line.startswith(("audit: head", "retention:")) for line in lines)
    assert "job_failed" in caplog.text
    alarms = world.connection.execute("SELECT kind, detail ->> 'job' FROM alarm").fetchall()
    assert alarms == [("retention_failed", "traces")], "once, until somebody has acknowledged it"
    known = outcomes(world.connection)
    assert (known["traces"].failures, known["traces"].succeeded_at) == (2, None)
    assert known["rollup"].failed_at is None

    runner = Runner(world.url, Metrics(), JOBS, look_s=0.02)
    stop = threading.Event()
    thread = threading.Thread(target=runner.run, args=(stop,))
    thread.start()
    until(lambda: "traces" in (runner.trouble or ""), what="the process says that a deletion is overdue")
    stop.set()
    thread.join(30)

    world.connection.execute("ALTER TABLE command_of_another_release RENAME TO command")
    assert maintain(world.url, log=lines.append, now=EIGHT + 30 * MINUTE)
    assert outcomes(world.connection)["traces"].failed_at is None


def test_one_kind_of_traces_that_cannot_be_deleted_keeps_no_other(world: World) -> None:
    world.connection.execute("ALTER TABLE list_entry RENAME TO list_entry_of_another_release")  # the first of all steps
    world.connection.execute(
        "INSERT INTO command (place, gateway, do_what, ordered_by, ordered_at, expires_at)"
        " SELECT place, id, 'lockdown', 'test', now() - interval '100 d', now() - interval '99.999 d' FROM gateway"
    )
    with pytest.raises(JobsFailed, match="list entries"):
        maintain(world.url, log=lambda _line: None)
    assert world.connection.execute("SELECT count(*) FROM command").fetchone() == (0,)


class _Ahead(datetime):
    """The clock of a machine that is a year ahead."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + timedelta(days=365)


def test_a_wrong_clock_of_the_process_neither_deletes_too_early_nor_runs_jobs_without_pause(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (maintain_module, run_module):
        monkeypatch.setattr(module, "datetime", _Ahead, raising=False)
    stop, rounds = threading.Event(), list[Round]()
    looks = [0]

    def counted(url: str, **others: Any) -> Connection:
        looks[0] += 1
        return connect(url, **others)

    monkeypatch.setattr(run_module, "connect", counted)
    runner = Runner(world.url, Metrics(), [Job(name="hourly", work=rounds.append)], look_s=0.02)
    thread = threading.Thread(target=runner.run, args=(stop,))
    thread.start()
    until(lambda: looks[0] >= 20, what="twenty looks")
    stop.set()
    thread.join(30)
    assert len(rounds) == 1
    row = world.connection.execute("SELECT abs(extract(epoch FROM now() - %s)) < 600", (rounds[0].now,)).fetchone()
    assert row == (True,), "what is old is judged by the database's clock"


def test_a_job_whose_connection_is_lost_each_time_has_failed_and_stops_no_other(world: World) -> None:
    done = list[str]()

    def fatal(round_: Round) -> None:
        round_.connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    jobs = [
        Job(name="fatal", work=fatal, required_by_law=True),
        Job(name="next", work=lambda round_: done.append(str(round_.connection.execute("SELECT 1").fetchone()))),
    ]
    alarms = "SELECT detail ->> 'job' FROM alarm WHERE kind = 'retention_failed'"
    for attempt in (1, 2, 3):
        with pytest.raises(JobsFailed, match="fatal"):
            maintain(world.url, jobs=jobs, log=lambda _line: None)
        assert len(done) == attempt
        assert outcomes(world.connection)["fatal"].failures == attempt
        expected = [("fatal",)] if attempt > 1 else []  # the server may have been restarted once
        assert world.connection.execute(alarms).fetchall() == expected


def test_what_another_process_took_over_while_a_job_ran_is_no_outcome_of_this_one(world: World) -> None:
    ran = list[str]()

    def overtaken(_round: Round) -> None:
        world.connection.execute("UPDATE lease SET fence = fence + 1 WHERE name = %s", (LEASE,))

    lines: list[str] = []
    jobs = [
        Job(name="overtaken", work=overtaken),
        Job(name="next", work=lambda _round: ran.append("next")),
    ]
    assert not maintain(world.url, jobs=jobs, log=lines.append)
    assert lines == ["jobs: another process has taken over; what was under way is undone"]
    assert ran == []
    assert outcomes(world.connection) == {}


def test_neither_the_log_nor_the_alarm_of_a_failed_job_quotes_a_row(
    world: World, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    world.connection.execute(
        "CREATE TABLE guest (name text, until date NOT NULL); INSERT INTO guest VALUES ('Marie Curie', '2026-03-01');"
        " GRANT SELECT, UPDATE ON guest TO maillage_maintain"
    )

    def work(round_: Round) -> None:
        round_.connection.execute("UPDATE guest SET until = NULL")

    job = Job(name="guests", work=work, required_by_law=True)
    with pytest.raises(JobsFailed) as failed:
        maintain(database.as_login("maintain_1"), jobs=[job], log=lambda _line: None)
    stored = world.connection.execute("SELECT j.error, a.detail::text FROM job j, alarm a").fetchall()
    assert len(stored) == 1
    said = f"{failed.value} {stored} {caplog.text} {[vars(record) for record in caplog.records]}"
    assert "null value in column" in said
    assert "Curie" not in said


def test_a_database_of_an_older_release_is_called_that(world: World) -> None:
    world.connection.execute("DROP TABLE job CASCADE")
    stop = threading.Event()
    runner = Runner(world.url, Metrics(), JOBS, look_s=0.02)
    thread = threading.Thread(target=runner.run, args=(stop,))
    thread.start()
    until(lambda: "maillage migrate" in (runner.trouble or ""), what="the process says what to do")
    stop.set()
    thread.join(30)
    assert not thread.is_alive()


def test_a_process_that_is_to_stop_leaves_no_statement_behind(world: World, database: Database) -> None:
    stop, metrics = threading.Event(), Metrics()
    waits = "SELECT pid FROM pg_stat_activity WHERE application_name = 'maillage jobs' AND datname = current_database()"
    runner = Runner(database.as_login("maintain_1"), metrics, JOBS)
    with connect(database.url, application_name="maillage test") as other:
        other.execute("LOCK TABLE command, list_entry, booking IN ACCESS EXCLUSIVE MODE")
        thread = threading.Thread(target=runner.run, args=(stop,))
        thread.start()
        until(
            lambda: world.connection.execute(f"{waits} AND wait_event_type = 'Lock'").fetchall(),
            what="a job waits for the tables",
        )
        stop.set()
        thread.join(60)
        assert not thread.is_alive(), "it ends while the tables are still locked"
        until(lambda: not world.connection.execute(waits).fetchall(), what="the server has ended its statements")
    assert "traces" not in outcomes(world.connection), "to be stopped is no failure"
    assert world.connection.execute("SELECT count(*) FROM alarm").fetchone() == (0,)


def test_a_counter_that_counts_nobody_while_people_are_let_in_is_an_alarm(world: World) -> None:
    row = world.connection.execute(
        "WITH o AS (INSERT INTO door (place, code, name, to_space) VALUES (%(place)s, 'entry', 'Entry', %(space)s)"
        "   RETURNING id),"
        " r AS (INSERT INTO device (gateway, place, code, kind, driver, address, door)"
        "   SELECT %(gateway)s, %(place)s, 'reader', 'reader', 'esp_rfid', 'a#b', id FROM o RETURNING id),"
        " c AS (INSERT INTO device (gateway, place, code, kind, driver, address, space)"
        "   VALUES (%(gateway)s, %(place)s, 'counter', 'counter', 'chirpstack', 'a/b', %(space)s) RETURNING id)"
        " SELECT r.id, c.id FROM r, c",
        {"place": world.place, "space": world.space, "gateway": world.gateway},
    ).fetchone()
    assert row is not None
    reader, counter = row

    def happened(device: int, kind: int, *, state: int | None = None, entered: int | None = None) -> None:
        world.connection.execute(
            "INSERT INTO event (at, received_at, tx, stream, seq, place, device, kind, state, a)"
            " VALUES (%s, now(), 1, %s, %s, %s, %s, %s, %s, %s)",
            (EIGHT, world.stream, next(world._seq), world.place, device, kind, state, entered),
        )

    def alarms() -> list[Any]:
        return world.connection.execute("SELECT text, until_at IS NULL FROM alarm").fetchall()

    for _ in range(19):
        happened(reader, 1, state=1)
    happened(reader, 1, state=0)  # was refused
    happened(counter, 6, entered=0)
    world.maintain(EIGHT + MINUTE)
    assert alarms() == [], "a quiet day"
    happened(reader, 1, state=1)
    assert "counters: counter counts nobody" in world.maintain(EIGHT + MINUTE)
    text = "counter counter has counted nobody for 3 days, while 20 people were let in beside it"
    world.maintain(EIGHT + MINUTE)
    assert alarms() == [(text, True)]
    happened(counter, 6, entered=2)
    assert "counters: counter counts again" in world.maintain(EIGHT + MINUTE)
    assert alarms() == [(text, False)]
    world.maintain(EIGHT + 4 * 1440 * MINUTE)
    assert alarms() == [(text, False)], "nobody came"
