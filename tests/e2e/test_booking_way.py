"""A desk is booked by the API, its holder badges in and out, and it is free again: every process and server real."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from maillage.embedded.bundle import Bundle
from maillage.embedded.process import free_port
from maillage.embedded.secrets import LOGINS
from maillage.logins import make_login
from maillage.stack.children import Child
from tests.e2e.way import Way, start_way
from tests.waiting import until

_PASSWORD = "of-the-tests"


@pytest.fixture
def way(tmp_path_factory: pytest.TempPathFactory, bundle: Bundle) -> Iterator[Way]:
    """Yield a network with its jobs."""
    folder = tmp_path_factory.mktemp("way")
    with start_way(folder, bundle) as made:
        url, port = made.chain.url, free_port()
        make_login(url, "maintain_1", password=_PASSWORD, group=LOGINS["maintain_1"])
        jobs = Child(
            name="jobs",
            arguments=["jobs"],
            environment={
                "MAILLAGE_DATABASE_URL": made.chain.postgres.url(user="maintain_1", password=_PASSWORD),
                "MAILLAGE_METRICS_PORT": str(port),
            },
            log=folder / "jobs.log",
            health=f"http://127.0.0.1:{port}/healthz",
        )
        jobs.start()
        try:
            yield made
        finally:
            jobs.stop()


def test_a_booked_desk_is_checked_in_by_its_holders_badge_and_free_when_they_have_left(way: Way) -> None:
    ((desk,),) = way.chain.rows(
        "SELECT d.code::text FROM desk d JOIN place p ON p.id = d.place WHERE p.code = %s ORDER BY d.id LIMIT 1",
        way.place,
    )
    path = f"/v1/places/{way.place}"
    way.call(
        "POST", f"{path}/resources", {"code": "e2e", "name": "Bureau", "kind": "desk", "desks": [desk]}, status=201
    )
    way.call("PUT", f"{path}/booking-rules/desk", {"leave_minutes": 0, "without_pass": True})
    member, begin = way.people[2], datetime.now(UTC) + timedelta(seconds=5)
    window = {"from": begin.isoformat(), "until": (begin + timedelta(hours=2)).isoformat()}
    booking = way.call(
        "POST", "/v1/bookings", {"member": member.ref, "place": way.place, "resource": "e2e", **window}, status=201
    )
    way.known()
    until(lambda: datetime.now(UTC) > begin, what="it has begun")
    assert way.show(member.card) == "granted"

    def now(status: str) -> dict[str, str]:
        def told() -> dict[str, str]:
            one: dict[str, str] = way.call("GET", f"/v1/bookings/{booking['ref']}")
            return one if one["status"] == status else {}

        return until(told, what=f"it is {status}")

    assert now("checked_in")["checked_in_at"]
    assert way.show(member.card, "reader-entry-out") == "granted"
    left = now("ended")
    assert left["until"] == left["released_at"] < window["until"]

    def steps() -> list[str]:
        answer = way.call("GET", f"/v1/booking-steps?booking={booking['ref']}")
        assert [one["n"] for one in answer["steps"]] == sorted({one["n"] for one in answer["steps"]})
        names: list[str] = [one["step"] for one in answer["steps"]]
        return names if "ended" in names else []

    assert until(steps, what="all steps are numbered") == ["booked", "arrived", "checked_in", "left", "ended"]
    # Somebody else has the desk for the rest of the time.
    rest = {"from": (datetime.now(UTC) + timedelta(seconds=5)).isoformat(), "until": window["until"]}
    other = {"member": way.people[3].ref, "place": way.place, "resource": "e2e", **rest}
    assert way.call("POST", "/v1/bookings", other, status=201)["unit"] == booking["unit"]
