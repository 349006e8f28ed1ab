"""From a click in the API to a door that obeys, and from a door to what the API tells: every process and server real.

One network for all tests here: its gateways, ingest, rights process and API; cards and digits at virtual readers.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
import psycopg
import pytest

from api.keys.owner import create_key
from gateway.config import write_gateways
from gateway.door.presence import SLACK_US
from gateway.drivers.esp_rfid import READ_AGAIN_S
from maillage.embedded.bundle import Bundle
from maillage.embedded.secrets import LOGINS
from maillage.logins import make_login
from simulator.people import Member, members
from simulator.reports import FrontDesk
from simulator.standing import pin_of
from tests.api_server import api_process
from tests.e2e.chain import CARD_KEY, Chain, start_chain
from tests.e2e.hands import Hands
from tests.waiting import until

HELD_S: Final = 1.5
"""A door open for longer is held: here sooner than usual."""
_PASSWORD: Final = "of-the-tests"
_ALWAYS: Final = (
    # Whatever the hour, and whatever was made up: everybody has a plain pass, and no door asks for anything…
    "UPDATE place SET opening_hours = NULL",
    "DELETE FROM closure",
    "UPDATE member SET status = 'active', pin = NULL",
    """UPDATE pass SET schedule = NULL, unit = NULL, allowance = NULL, each_month = false, valid_from = NULL,
      valid_until = NULL WHERE visitor IS NULL""",
    "UPDATE space SET person_limit = NULL",
    # …but the workshop for a PIN.
    "DELETE FROM door_rule WHERE NOT pin",
)


@dataclass(slots=True, kw_only=True)
class Way:
    """A place with a workshop, its people, its doors, and the API."""

    chain: Chain
    api: httpx.Client
    hands: Hands
    place: str
    gateway: str
    people: tuple[Member, ...]
    key: str
    shown: dict[tuple[str, str], float] = field(default_factory=dict)
    """When a card was last held to a reader."""

    def call(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        """Ask the API as the network's administrator; a change is sent in a hurry (``If-Match: *``)."""
        headers = {"Authorization": f"Bearer {self.key}"} | ({"If-Match": "*"} if method in ("PATCH", "PUT") else {})
        answer = self.api.request(method, path, json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    def known(self) -> None:
        """Wait until every gateway online decides by the newest lists."""
        until(
            lambda: (
                not self.chain.rows(
                    """SELECT FROM access_dirty UNION ALL SELECT FROM access_list l
                LEFT JOIN gateway g ON g.place = l.place LEFT JOIN gateway_state s ON s.gateway = g.id
                WHERE s.list_version IS DISTINCT FROM l.version OR s.list_fingerprint IS DISTINCT FROM l.fingerprint"""
                )
            ),
            what="every gateway knows",
        )

    def decided(self, number: int) -> list[tuple[str, str | None, str]]:
        """Return the last decisions here as the API tells them, once there are ``number``: reason, member, device."""

        def told() -> list[tuple[str, str | None, str]]:
            events = self.call("GET", f"/v1/events?place={self.place}&kind=access&limit=1000")["events"]
            return [(one["reason"], one.get("member"), one["device"]) for one in events[number - 1 :]]

        return until(told, what=f"{number} decisions")

    def count(self) -> int:
        """Return how many decisions the centre has of this place."""
        ((number,),) = self.chain.rows(
            "SELECT count(*) FROM event e JOIN place p ON p.id = e.place WHERE p.code = %s AND e.kind = 1", self.place
        )
        return int(number)

    def show(self, card: str, device: str = "reader-entry-in") -> str:
        """Hold a card to a reader; return the reason of the decision as the API tells it."""
        # Sooner, a card would be taken for one that stays.
        until(lambda: time.monotonic() > self.shown.get((device, card), 0.0) + READ_AGAIN_S + SLACK_US / 1e6 + 0.1)
        before, opened = self.count(), self.opened
        self.hands.show(self.gateway, device, card)
        reason = self._reason(before, opened)
        self.shown[device, card] = time.monotonic()  # now the gateway has surely heard it
        return reason

    def type(self, digits: str, device: str = "keypad-fab-lab-in") -> str:
        """Type at a keypad; return the reason likewise."""
        before, opened = self.count(), self.opened
        self.hands.type(self.gateway, device, digits)
        return self._reason(before, opened)

    def _reason(self, before: int, opened: int) -> str:
        reason = self.decided(before + 1)[0][0]
        # The lock does what was decided, and nothing else.
        until(lambda: self.opened == opened + (reason == "granted"), what=f"the lock obeys {reason}")
        return reason

    @property
    def opened(self) -> int:
        """How often a lock of the place has moved."""
        return sum(number for (gateway, _), number in self.hands.opened.items() if gateway == self.gateway)

    def card_of(self, member: Member) -> str:
        """Return the reference of a member's newest card."""
        return str(self.call("GET", f"/v1/members/{member.ref}/cards")["cards"][0]["ref"])


@pytest.fixture(scope="module")
def way(tmp_path_factory: pytest.TempPathFactory, bundle: Bundle) -> Iterator[Way]:
    """Yield the network, all of whose gateways know who may what."""
    folder = tmp_path_factory.mktemp("way")
    chain = start_chain(folder, bundle, places=24)
    chain.gateway.stop()
    gateways = tuple(
        one.model_copy(update={"doors": tuple(door.model_copy(update={"held_after_s": HELD_S}) for door in one.doors)})
        for one in chain.gateways
    )
    write_gateways(folder / "gateways.json", gateways)
    make_login(chain.url, "api_1", password=_PASSWORD, group=LOGINS["api_1"])
    with psycopg.connect(chain.url) as connection:
        for query in _ALWAYS:
            connection.execute(query.encode())
        key = create_key(connection, "the tests", role="network_administrator")
    chain.gateway.start()
    chain.gateway.wait_until_well(deadline_s=120, stopped=lambda: False)
    ((place, gateway, desks),) = chain.rows(
        """SELECT p.code, g.code, (SELECT count(*) FROM desk d WHERE d.place = p.id)::int
        FROM place p JOIN gateway g ON g.place = p.id JOIN space s ON s.place = p.id AND s.kind = 'fab_lab'
        ORDER BY p.id LIMIT 1"""
    )
    hands = Hands(chain.field.url(), gateways)
    with api_process(chain.postgres.url(user="api_1", password=_PASSWORD), MAILLAGE_CARD_KEY=CARD_KEY) as api:
        made = Way(
            chain=chain,
            api=api,
            hands=hands,
            place=place,
            gateway=gateway,
            people=members(1, place, desks),
            key=key,
        )
        made.known()
        yield made
    hands.close()
    chain.stop()


def test_a_card_taken_out_of_service_opens_nothing_any_more(way: Way) -> None:
    member = way.people[0]
    assert way.show(member.card) == "granted"
    assert way.show(member.card, "reader-entry-out") == "granted"
    card = way.card_of(member)
    way.call("PATCH", f"/v1/cards/{card}", {"status": "lost"})
    spread = until(
        lambda: (one := way.call("GET", f"/v1/cards/{card}/spread"))["knowing"] == one["places"] and one,
        what="every door knows",
    )
    assert spread["waiting"] == []
    assert way.show(member.card) == "card_lost"
    # It turns up again, in a new life.
    way.call("POST", f"/v1/cards/{card}/reissue", {}, status=201)
    way.known()
    assert way.show(member.card) == "granted"
    history = way.call("GET", f"/v1/cards/{card}/history")["steps"]
    assert [one["became"] for one in history][-1] == "lost"


def test_the_simulators_people_report_a_lost_card(way: Way) -> None:
    acts: Counter[str] = Counter()
    member = way.people[7]
    desk = FrontDesk(str(way.api.base_url), way.key, acts)
    assert way.show(member.card) == "granted"
    desk.report_lost(member.ref)
    until(lambda: acts["lost_card.lost"] == 1, what=f"it is reported: {acts}")
    way.known()
    assert way.show(member.card) == "card_lost"
    desk.report_found(member.ref)
    until(lambda: acts["lost_card.found"] == 1, what=f"it has turned up: {acts}")
    way.known()
    assert way.show(member.card) == "granted"
    FrontDesk("http://127.0.0.1:9", "mk_none", acts).report_lost(member.ref)
    until(lambda: acts["lost_card.lost_failed"] == 1, what="nobody answers, and no day ends for that")
    desk.close()


def test_a_visitor_is_let_in_by_day_card_until_called_off(way: Way) -> None:
    now = datetime.now(UTC)
    visit = way.call(
        "POST",
        "/v1/visitors",
        {
            "name": "Ada Exemple",
            "host": way.people[0].ref,
            "place": way.place,
            "from": (now - timedelta(hours=1)).isoformat(),
            "until": (now + timedelta(hours=8)).isoformat(),
            "card": {"number": "04DA7CA2D00001"},
        },
        status=201,
    )
    way.known()
    assert way.show("04DA7CA2D00001") == "granted"
    assert way.show("04DA7CA2D00001", "reader-entry-out") == "granted"
    way.call("PATCH", f"/v1/visitors/{visit['ref']}", {"status": "cancelled"})
    way.known()
    assert way.show("04DA7CA2D00001") == "pass_ended"


def test_a_pin_at_the_keypad(way: Way) -> None:
    member = way.people[1]
    assert way.show(member.card, "reader-fab-lab-in") in ("pin_required", "no_right_here")
    passes = way.call("GET", f"/v1/members/{member.ref}/passes")["passes"]
    way.call("PATCH", f"/v1/passes/{passes[0]['ref']}", {"places": [{"place": way.place}]})
    way.call("PUT", f"/v1/members/{member.ref}/pin", {"pin": "271828"})
    way.known()
    assert way.show(member.card, "reader-fab-lab-in") == "pin_required"
    assert way.type("314159") == "wrong_pin"
    assert way.type("271828") == "granted"
    # Five wrong ones, and the right one has to wait.
    assert way.show(way.people[2].card, "reader-entry-in") == "granted"  # another act than the last at a reader
    assert way.show(member.card, "reader-fab-lab-in") == "pin_required"
    assert [way.type(f"00000{number}") for number in range(5)] == ["wrong_pin"] * 5
    assert way.type("271828") == "too_many_tries"
    assert pin_of(1, member.ref) != "271828"


def test_a_door_unlocked_from_afar_says_what_became_of_it(way: Way) -> None:
    before = way.opened
    orders = way.call("POST", f"/v1/places/{way.place}/doors/door-entry/unlock?wait=10", {})["orders"]
    assert [(one["do"], one["outcome"]) for one in orders] == [("unlock", "done")]
    until(lambda: way.opened == before + 1)
    told = way.call("GET", f"/v1/commands/{orders[0]['id']}")
    assert told["outcome"] == "done"
    assert way.call("POST", f"/v1/places/{way.place}/doors/no-door/unlock?wait=5", {}, status=404)


def test_a_lockdown_and_its_release(way: Way) -> None:
    member = way.people[3]
    orders = way.call("POST", f"/v1/places/{way.place}/lockdown?wait=10", {})["orders"]
    assert [one["outcome"] for one in orders] == ["done"]
    assert way.show(member.card) == "lockdown"
    assert way.show(member.card, "reader-entry-out") == "granted"  # egress is always free
    way.call("POST", f"/v1/places/{way.place}/release?wait=10", {})
    way.known()
    assert way.show(member.card) == "granted"


def test_the_muster_after_somebody_slipped_in(way: Way) -> None:
    first, second = way.people[4:6]
    for one in (first, second):
        assert way.show(one.card, "reader-entry-out") == "granted"
    assert way.show(first.card) == "granted"
    # Somebody comes in behind and shows no card; later the door opens by its handle for somebody who shows none either.
    way.hands.contact(way.gateway, "reader-entry-in", is_open=True)
    way.hands.contact(way.gateway, "reader-entry-in", is_open=False)

    def inside() -> dict[str, str]:
        people = way.call("GET", f"/v1/places/{way.place}/muster")["people"]
        return {one["member"]: one["sure"] for one in people}

    until(lambda: inside().get(first.ref) == "badged", what="the first is inside")
    assert second.ref not in inside()
    whole = way.call("GET", f"/v1/places/{way.place}/muster")
    assert [one["online"] for one in whole["gateways"]] == [True]
    assert whole["counts"]["people"] == len(whole["people"])
    assert way.show(first.card, "reader-entry-out") == "granted"
    until(lambda: first.ref not in inside(), what="the first has left")


def test_a_door_held_open_is_an_alarm_until_somebody_has_seen_to_it(way: Way) -> None:
    member = way.people[6]
    way.hands.passes = False
    assert way.show(member.card) == "granted"
    way.hands.contact(way.gateway, "reader-entry-in", is_open=True)
    path = f"/v1/alarms?place={way.place}&kind=door_held"
    alarm = until(lambda: way.call("GET", path)["alarms"], what="the alarm")[0]
    assert (alarm["door"], alarm["gateway"]) == ("door-entry", way.gateway)
    way.hands.contact(way.gateway, "reader-entry-in", is_open=False)
    way.hands.passes = True
    seen = way.call("POST", f"/v1/alarms/{alarm['id']}/acknowledge", {"comment": "Une cale, retirée."})
    assert seen["acknowledged_by"].endswith("the tests")
    assert way.call("GET", path)["alarms"] == []


def test_the_audit_knows_who_did_all_this(way: Way) -> None:
    lines = way.call("GET", "/v1/audit?limit=500")["lines"]
    done = {one["action"] for one in lines if one["actor"].endswith("the tests")}
    assert len(done) > 5, done
