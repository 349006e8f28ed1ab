"""A small network to test with: four places, of which one has no gateway; a few members."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg

from access import AccessList
from database.pool import connect
from rights import history, store
from rights.draft import Change
from rights.refresh import Refresher
from tests.cards import KEYS, SECRET, keep_number, token_at

PLACES: Final = ("gare", "port", "halle", "moulin")
"""The last one has no gateway."""
_NETWORK: Final = """
INSERT INTO place (code, name, shard, latitude, longitude, department, source, source_id)
SELECT code, code, n, 48, 7, '67', 'test', code FROM unnest(%(places)s::text[]) WITH ORDINALITY AS p (code, n);
INSERT INTO space (place, code, name, kind) SELECT id, 'all', 'All', 'place' FROM place;
INSERT INTO space (place, code, name, kind, parent) SELECT s.place, 'lab', 'Lab', 'fab_lab', s.id FROM space s;
INSERT INTO door (place, code, name, to_space)
SELECT place, 'entry', 'Entry', id FROM space WHERE parent IS NULL;
INSERT INTO door (place, code, name, from_space, to_space)
SELECT place, 'lab-door', 'Lab', parent, id FROM space WHERE parent IS NOT NULL;
INSERT INTO gateway (place, code) SELECT id, code || '-1' FROM place WHERE code <> 'moulin';
INSERT INTO device (gateway, place, code, kind, driver, address, door)
SELECT g.id, g.place, 'reader', 'reader', 'esp_rfid', g.code || '/in#in', d.id
FROM gateway g JOIN door d ON d.place = g.place AND d.code = 'entry';
CREATE FUNCTION at(text) RETURNS integer LANGUAGE sql AS 'SELECT id FROM place WHERE code = $1';
CREATE FUNCTION door(text, text) RETURNS integer LANGUAGE sql
AS 'SELECT id FROM door WHERE place = at($1) AND code = $2';
CREATE FUNCTION hours(text) RETURNS integer LANGUAGE sql AS 'SELECT id FROM schedule WHERE code = $1'
"""


def number(name: str) -> str:
    """A card's number, from any name."""
    return hashlib.sha256(name.encode()).hexdigest()[:14].upper()


def token(name: str, place: str) -> str:
    """The token of that card in the list of a place."""
    return token_at(place, number(name))


def lookup(name: str) -> bytes:
    """What that card is found by."""
    return KEYS.found_by(number(name))


@dataclass(slots=True, kw_only=True)
class Network:
    """The database as its owner sees it, and lists brought up to date on demand."""

    owner: psycopg.Connection[Any]
    rights: store.Connection
    refresher: Refresher
    offset: timedelta = timedelta()
    """How far the refresher's clock is ahead of the true one."""

    def run(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """Run a statement as the owner; returns its rows."""
        cursor = self.owner.execute(statement, values)
        return cursor.fetchall() if cursor.description else []

    def member(self, name: str, *places: str, everywhere: bool = False, cards: int = 1) -> str:
        """Make a member with a pass and cards ``name-0``, …; returns the reference."""
        ref = f"m-{name}"
        self.run("INSERT INTO member (ref) VALUES (%(ref)s)", ref=ref)
        self.run(
            "INSERT INTO pass (ref, member, everywhere) VALUES (%(p)s, %(r)s, %(e)s)",
            p=f"p-{name}",
            r=ref,
            e=everywhere,
        )
        for place in places:
            self.run(
                "INSERT INTO pass_place (pass, place) SELECT %(p)s, id FROM place WHERE code = %(c)s",
                p=f"p-{name}",
                c=place,
            )
        for one in range(cards):
            found_by = keep_number(self.owner, number(f"{name}-{one}"))
            self.run("INSERT INTO card (lookup, member) VALUES (%(l)s, %(r)s)", l=found_by, r=ref)
        return ref

    def refresh(self) -> dict[str, Change]:
        """Bring the lists up to date; returns the last new version of each place that got one."""
        codes = self.codes()
        found: dict[str, Change] = {}
        while True:
            changes = self.refresher.turn(self.rights)
            found |= {codes[one.place]: one for one in changes}
            if not changes and not self.refresher.waits:
                return found

    def codes(self) -> dict[int, str]:
        """Places by id."""
        return dict(self.run("SELECT id, code FROM place"))

    def list(self, place: str, version: int | None = None) -> AccessList:
        """A place's stored list, the newest or that of a version."""
        ((place_id, newest),) = self.run(
            "SELECT p.id, l.version FROM place p JOIN access_list l ON l.place = p.id WHERE p.code = %(c)s", c=place
        )
        found = history.whole(self.rights, place_id, version or newest)
        assert found is not None
        return found

    def dirty(self) -> int:
        """How much is dirty."""
        return int(self.run("SELECT count(*) FROM access_dirty")[0][0])


def build(url: str, rights_url: str) -> Network:
    """Make the network in an empty database."""
    owner = connect(url, application_name="test", autocommit=True)
    for statement in _NETWORK.split(";"):
        owner.execute(statement, {"places": list(PLACES)})
    network = Network(
        owner=owner,
        rights=connect(rights_url, application_name="test", autocommit=True),
        refresher=Refresher(lambda: datetime.now(UTC), card_secret=SECRET),
    )
    network.refresher = Refresher(lambda: datetime.now(UTC) + network.offset, card_secret=SECRET)
    network.refresher.begin(network.rights)
    return network
