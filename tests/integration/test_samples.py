"""Samples of processes and counts of searches in the database: who may store them, and when they are deleted."""

from __future__ import annotations

import threading
from typing import get_args

import psycopg
import pytest

from api.present.demand import Demand
from dashboards.system import JOBS as JOB_WORDS
from dashboards.system import PROCESSES
from database.samples import Process, Sample, watch
from ingest.metrics import Metrics
from jobs import samples
from jobs.catalogue import JOBS
from jobs.maintain import maintain
from tests.conftest import Database
from tests.waiting import until

LOGINS: dict[Process, str] = {"ingest": "ingest_1", "api": "api_1", "rights": "rights_1", "jobs": "maintain_1"}
SINCE_1970_US = 1_000_000


def test_each_process_stores_its_samples_as_its_own_user(database: Database) -> None:
    stop, looked = threading.Event(), 0

    def look(connection: psycopg.Connection[object]) -> Sample:
        nonlocal looked
        looked += 1
        return Sample(done=looked, failed=0, p50_s=0.01, p99_s=0.5)

    threads = [
        threading.Thread(target=watch, args=(database.as_login(login), process, look, stop), kwargs={"every_s": 0.05})
        for process, login in LOGINS.items()
    ]
    for thread in threads:
        thread.start()
    query = "SELECT count(DISTINCT process), min(seconds) > 0, count(DISTINCT instance) FROM process_sample"
    with psycopg.connect(database.url, autocommit=True) as owner:
        until(lambda: owner.execute(query).fetchone() == (4, True, 1), what="a sample of each process")
    stop.set()
    for thread in threads:
        thread.join()


def test_samples_are_kept_for_a_month(database: Database) -> None:
    with psycopg.connect(database.url, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO process_sample (at, process, instance, seconds, done, failed) "
            "SELECT now() - d * interval '1 day', 'api', 'a:1', 60, 1, 0 FROM unnest(ARRAY[1, 29, 31, 400]) d"
        )
        (job,) = [one for one in JOBS if one.work is samples.drop]
        assert maintain(database.as_login("maintain_1"), jobs=[job], log=lambda _line: None)
        assert owner.execute("SELECT count(*) FROM process_sample").fetchone() == (2,)


def test_searches_add_up_by_hour_and_department(database: Database) -> None:
    demand = Demand()
    hour = 3600 * SINCE_1970_US
    for department, at, met in (("87", 5, True), ("87", hour - 1, False), ("87", hour, False), (None, 7, False)):
        demand.note(department, at, met=met)
    query = "SELECT department, extract(epoch FROM hour)::integer, searches, unmet FROM demand_hour ORDER BY 1, 2"
    expected = [("87", 0, 2, 1), ("87", 3600, 1, 1), ("?", 0, 1, 1)]
    with psycopg.connect(database.as_login("api_1"), autocommit=True) as api:
        api.execute("SET default_transaction_read_only = on")
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            demand.store(api)
        demand.note("87", 6, met=True)  # what could not be stored is kept
        api.execute("SET default_transaction_read_only = off")
        demand.store(api)
        demand.store(api)  # nothing twice
        assert api.execute(query).fetchall() == [("87", 0, 3, 1), *expected[1:]]
        demand.note("87", 8, met=False)
        demand.store(api)
        assert api.execute(query).fetchall()[0] == ("87", 0, 4, 2)


def test_the_ingest_samples_the_lags_of_the_minute() -> None:
    lag = Metrics().lag
    assert lag.take() == (None, None)
    lag.extend(n / 100 for n in range(100))
    assert lag.take() == (0.5, 0.99)
    assert lag.take() == (None, None), "a lag is told once; /metrics keeps the newest"
    assert len(lag.recent) == 100


def test_every_process_and_job_has_words() -> None:
    assert set(PROCESSES) == set(get_args(Process))
    assert set(JOB_WORDS) == {job.name for job in JOBS}
