"""A place with a workshop, its people and its doors, and the API: every process and server real."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg

from api.keys.owner import create_key
from gateway.config import write_gateways
from gateway.door.presence import SLACK_US
from gateway.drivers.models.esp_rfid import READ_AGAIN_S
from maillage.embedded.bundle import Bundle
from maillage.embedded.secrets import LOGINS
from maillage.logins import make_login
from simulator.sample.people import Member, members
from tests.api_server import api_process
from tests.cards import API_KEYS
from tests.e2e.chain import Chain, start_chain
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


@contextmanager
def start_way(folder: Path, bundle: Bundle, *, gateway: Mapping[str, str] | None = None) -> Iterator[Way]:
    """Run the network until the end, all of whose gateways know who may what; ``gateway``: more of its environment."""
    chain = start_chain(folder, bundle, places=24, gateway_environment=gateway or {})
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
    ((place, code, desks),) = chain.rows(
        """SELECT p.code, g.code, (SELECT count(*) FROM desk d WHERE d.place = p.id)::int
        FROM place p JOIN gateway g ON g.place = p.id JOIN space s ON s.place = p.id AND s.kind = 'fab_lab'
        ORDER BY p.id LIMIT 1"""
    )
    hands = Hands(chain.field.url(), gateways)
    with api_process(chain.postgres.url(user="api_1", password=_PASSWORD), **dict[str, Any](API_KEYS)) as api:
        made = Way(
            chain=chain,
            api=api,
            hands=hands,
            place=place,
            gateway=code,
            people=members(1, place, desks),
            key=key,
        )
        made.known()
        yield made
    hands.close()
    chain.stop()
