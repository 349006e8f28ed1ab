"""Members who invite more guests than they may, or open doors that they may not."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.test_api_manage import make_lists, wrong
from tests.managed import Managed, managed
from tests.operated import door

DAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=2)


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        yield one


class Host:
    """A member with passes, and a key of their own."""

    def __init__(self, network: Managed, *, passes: int = 1) -> None:
        self.network = network
        ((self.ref,),) = network.sql("INSERT INTO member (name) VALUES ('Host') RETURNING ref")
        for _ in range(passes):
            network.sql("INSERT INTO pass (member, everywhere) VALUES (%s, true) RETURNING ref", self.ref)
        self.headers = {"Authorization": f"Bearer {network.key(self.ref, role='member', member=self.ref)}"}

    def asks(self, method: str, path: str, body: Any = None) -> Any:
        return self.network.api.request(method, path, json=body, headers=self.headers)

    def invites(self, day: int = 0, **more: Any) -> Any:
        times = {"from": DAY + timedelta(days=day, hours=8), "until": DAY + timedelta(days=day, hours=10)}
        body = {"place": "limoges", "name": "Nora", **{name: at.isoformat() for name, at in times.items()}, **more}
        return self.asks("POST", "/v1/guests", body)


def test_each_of_two_passes_lets_in_no_more_guests(network: Managed) -> None:
    """The pass by which a guest comes depends on the hours: two at once lock different passes."""
    host = Host(network, passes=0)
    for first, last in ((0, 9), (9, 24)):
        network.sql(
            "INSERT INTO pass (member, everywhere, valid_from, valid_until) VALUES (%s, true, %s, %s) RETURNING ref",
            host.ref, DAY + timedelta(hours=first), DAY + timedelta(hours=last),
        )  # fmt: skip

    def invite(number: int) -> int:
        hour = (7, 12)[number % 2]
        times = {"from": DAY + timedelta(hours=hour), "until": DAY + timedelta(hours=hour + 1)}
        given: dict[str, Any] = {name: at.isoformat() for name, at in times.items()}
        return int(host.invites(**given).status_code)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(invite, range(24)))
    assert answers.count(201) == 5, answers


def test_who_invites_and_calls_off_without_end_is_stopped(network: Managed) -> None:
    host = Host(network)
    made = 0
    while (answer := host.invites(email="a-stranger@example.org")).status_code == 201 and made < 40:
        made += 1
        assert host.asks("DELETE", f"/v1/guests/{answer.json()['ref']}").status_code == 200
    assert wrong(answer) == (409, "from")
    assert made == 10, "twice what the place allows for a day, called off"
    assert wrong(host.invites(day=20)) == (409, "from"), "another day is no way around it"


def test_guests_of_a_booking_are_not_called_off_without_end_either(network: Managed) -> None:
    host = Host(network)
    times = {"from": DAY + timedelta(hours=9), "until": DAY + timedelta(hours=11)}
    held = {"place": "limoges", "space": "room-1", **{name: at.isoformat() for name, at in times.items()}}
    booking = host.asks("POST", "/v1/bookings", held)
    assert booking.status_code == 201, booking.text
    path = f"/v1/bookings/{booking.json()['ref']}/guests"
    made, nora = 0, {"name": "Nora", "email": "a-stranger@example.org"}
    while (answer := host.asks("POST", path, nora)).status_code == 201 and made < 40:
        made += 1
        assert host.asks("DELETE", f"{path}/{answer.json()['ref']}").status_code == 200
    assert answer.status_code == 409, answer.text
    assert made == 10
    assert network.post("desk", path, {"name": "Nora"}).status_code == 201, "the front desk still adds one"


def test_a_guest_who_has_left_is_one_of_the_day(network: Managed) -> None:
    host = Host(network)
    for _ in range(5):
        visit = host.invites().json()["ref"]
        network.sql("UPDATE pass SET visitor = 'left' WHERE ref = %s RETURNING ref", visit)
    assert wrong(host.invites()) == (409, "from")


def test_who_is_suspended_opens_no_door_by_a_list_that_does_not_know_it_yet(network: Managed) -> None:
    door(network)
    network.centre.gateway("limoges")
    host = Host(network)
    network.card(host.ref, "0A0B0C0E")
    network.change("manager", "PUT", "/v1/places/limoges/policy", {"members_open": True})
    make_lists(network)
    order = {"place": "limoges", "door": "entry"}
    assert host.asks("POST", "/v1/me/unlock", order).status_code == 202
    network.sql("UPDATE member SET status = 'suspended' WHERE ref = %s RETURNING ref", host.ref)
    refused = host.asks("POST", "/v1/me/unlock", order)  # the rights process hasn't made another list
    assert refused.status_code in (403, 404, 409), refused.text
