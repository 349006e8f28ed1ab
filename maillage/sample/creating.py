"""``maillage sample create``: places of the bundled inventory, with made-up equipment and people."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import blake2b
from typing import Any, Final

import psycopg

from maillage.network.errors import KeyChangedError, SampleRefusedError
from maillage.network.importing import in_region
from maillage.network.inventory import BUNDLED, SOURCE, read_inventory
from maillage.network.places import StoredPlaces, store_places
from maillage.network.rows import Place
from maillage.sample.bookable import store_bookable
from maillage.sample.equipment import store_equipment
from maillage.sample.past import make_past
from maillage.sample.people import give_numbers, populate
from maillage.sample.rows import number_on
from rights.card_secret import CardKeys
from simulator.sample.bookable import Bookable, Booked, bookable_of, bookings_of
from simulator.sample.community import Community, community_of
from simulator.sample.equipment import MOST_DESKS, Equipment, equip
from simulator.sample.people import members

_WITHOUT_SPACES: Final = """
-- the places of the inventory that have no space yet: only these are equipped
SELECT p.source_id, p.code FROM place p
WHERE p.source = %s AND p.source_id = ANY(%s) AND NOT EXISTS (SELECT FROM space s WHERE s.place = p.id)
ORDER BY p.id
"""
_NUMBERLESS: Final = """
-- places whose generated cards were made before numbers were kept
SELECT DISTINCT p.source_id, p.code::text FROM card c JOIN member m ON m.ref = c.member JOIN place p ON p.id = m.home
WHERE c.generated AND c.must_be_presented AND p.source = %s
"""
_HOLDS: Final = """
-- whether the database holds a sample, and how much of what no sample makes
SELECT EXISTS (SELECT FROM member WHERE generated),
  (SELECT count(*) FROM member WHERE NOT generated), (SELECT count(*) FROM gateway WHERE NOT generated),
  (SELECT count(*) FROM space WHERE NOT generated), (SELECT count(*) FROM place WHERE source <> %s)
"""
_CARDS: Final = """
-- the first cards of the sample's members in one of its places, to compare them with what seed and secret give
SELECT p.code, (SELECT count(*) FROM desk d WHERE d.place = p.id), m.ref, c.lookup
FROM member m JOIN card c ON c.member = m.ref JOIN place p ON p.id = m.home
WHERE m.generated AND c.generated AND c.ref = 'c' || substr(m.ref, 2) AND c.kind = 'card'
  AND NOT EXISTS (SELECT FROM pass s WHERE s.member = m.ref AND s.visitor IS NOT NULL)
  AND m.home = (SELECT n.home FROM member n JOIN card k ON k.member = n.ref
    WHERE n.generated AND k.generated AND k.ref = 'c' || substr(n.ref, 2) AND k.kind = 'card'
      AND NOT EXISTS (SELECT FROM pass s WHERE s.member = n.ref AND s.visitor IS NOT NULL) LIMIT 1)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What was stored: places, and how much was made up for those that had nothing."""

    selected: int
    stored: StoredPlaces
    places: int = 0
    """Places that were equipped now."""
    spaces: int = 0
    desks: int = 0
    devices: int = 0
    members: int = 0
    """Visitors included."""
    cards: int = 0


def create_sample(
    connection: psycopg.Connection[Any],
    *,
    region: str | None = None,
    places: int | None = None,
    seed: int = 1,
    card_secret: bytes,
    today: date | None = None,
    past_days: int = 0,
    log: Callable[[str], None],
) -> Sample:
    """Store the sample network and commit, or leave the database as it was. What is there already stays.

    Args:
        connection: the database's owner's.
        region: only the places of this one; None or ``all``: the whole inventory.
        places: at most so many of them, chosen by ``seed``; a larger number includes the places of a smaller one.
        seed: of the equipment and the people.
        card_secret: the network's card secret.
        today: validities and closures are counted from this day; None: the present one.
        past_days: how many days of history are made up (``maillage.sample.past``).
        log: receives a line for each step.

    Raises:
        SelectionError: no such region, or no place in it.
        SampleRefusedError: the database holds a real network, or a sample of another seed.
        KeyChangedError: the sample's cards were made with another key.
        psycopg.Error: the database refused.
    """
    everything = read_inventory(BUNDLED).places
    selected = draw(in_region(everything, region), places=places, seed=seed)
    with connection.transaction():
        stored = store_places(connection, SOURCE, everything, selected)
        _refuse_real_network(connection, stored)
        _give_old_cards_their_numbers(connection, everything, seed=seed, secret=card_secret, today=today)
        _check_seed_and_key(connection, seed, card_secret)
        log(f"places: {stored.added} added, {stored.updated} updated, {stored.unchanged} unchanged")
        by_id = {one.source_id: one for one in selected}
        bare = connection.execute(_WITHOUT_SPACES, (SOURCE, list(by_id))).fetchall()
        if not bare:
            return Sample(selected=len(selected), stored=stored)
        made = {
            code: equip(code, seed=seed, population=by_id[source_id].population, typology=by_id[source_id].typology)
            for source_id, code in bare
        }
        communities = [
            community_of(code, equipment, department=by_id[source_id].department, seed=seed)
            for (source_id, code), equipment in zip(bare, made.values(), strict=True)
        ]
        log(f"sample: equipment of {len(made)} places, seed {seed}")
        store_equipment(connection, made)
        people = sum(len(one.people) + len(one.visitors) for one in communities)
        log(f"sample: {people} members with cards and passes")
        day = today or datetime.now(UTC).date()
        populate(connection, communities, seed=seed, secret=card_secret, today=day)
        bookable = _bookable(made, communities, seed=seed, today=day)
        store_bookable(connection, bookable)
        booked = sum(len(one) for _, one in bookable.values())
        log(f"sample: {sum(len(one) for one, _ in bookable.values())} things to book, {booked} bookings")
        if made_up := make_past(connection, list(made), past_days):
            log(f"sample: a made-up past of {past_days} days, {made_up} quarter hours")
    return Sample(
        selected=len(selected),
        stored=stored,
        places=len(made),
        spaces=sum(len(one.spaces) for one in made.values()),
        desks=sum(len(one.desks) for one in made.values()),
        devices=sum(len(one.devices) for one in made.values()),
        members=people,
        cards=sum(one.cards for one in communities),
    )


def _bookable(
    made: Mapping[str, Equipment], communities: Sequence[Community], *, seed: int, today: date
) -> dict[str, tuple[tuple[Bookable, ...], tuple[Booked, ...]]]:
    found = {}
    for (code, equipment), community in zip(made.items(), communities, strict=True):
        bookable = bookable_of(code, equipment, seed=seed, today=today)
        found[code] = bookable, bookings_of(code, bookable, community, seed=seed, today=today)
    return found


def draw(found: Sequence[Place], *, places: int | None, seed: int) -> Sequence[Place]:
    """Return at most ``places`` of ``found``, chosen by ``seed``, in their order."""
    if places is None or places >= len(found):
        return found
    drawn = sorted(found, key=lambda one: blake2b(f"{seed}/{one.source_id}".encode(), digest_size=8).digest())
    kept = {one.source_id for one in drawn[:places]}
    return [one for one in found if one.source_id in kept]


def _refuse_real_network(connection: psycopg.Connection[Any], stored: StoredPlaces) -> None:
    """Raise SampleRefusedError where the database holds a network that didn't begin as a sample.

    A network that began as one may hold members and equipment that were added while trying it out.
    """
    row = connection.execute(_HOLDS, (SOURCE,)).fetchone()
    assert row is not None
    is_sample, *counts = row
    if is_sample:
        return
    kinds = ("members", "gateways", "spaces", "places of another list")
    real = [f"{count} {kind}" for count, kind in zip(counts, kinds, strict=True) if count]
    if stored.updated or stored.gone:
        real.append(f"{stored.updated + len(stored.gone)} places that differ from the inventory")
    if real:
        raise SampleRefusedError(
            f"this database holds a real network ({', '.join(real)}): made-up people and devices are not mixed into "
            "it. Create the sample in an empty database."
        )


def _give_old_cards_their_numbers(
    connection: psycopg.Connection[Any], everything: Sequence[Place], *, seed: int, secret: bytes, today: date | None
) -> None:
    """A sample of an earlier version has cards without numbers: they follow from its seed."""
    by_id = {one.source_id: one for one in everything}
    places = [(by_id[number], code) for number, code in connection.execute(_NUMBERLESS, (SOURCE,)) if number in by_id]
    if places:
        communities = [
            community_of(
                code,
                equip(code, seed=seed, population=one.population, typology=one.typology),
                department=one.department,
                seed=seed,
            )
            for one, code in places
        ]
        give_numbers(connection, communities, seed=seed, secret=secret, today=today or datetime.now(UTC).date())


def _check_seed_and_key(connection: psycopg.Connection[Any], seed: int, secret: bytes) -> None:
    """Raise where the sample that is there has other people than ``seed`` gives, or cards of another ``secret``."""
    rows = connection.execute(_CARDS).fetchall()
    if not rows:
        return
    code, desks = rows[0][:2]
    people = {one.ref: one for one in members(seed, code, max(desks, MOST_DESKS))}
    known = [(people[ref], lookup) for _code, _desks, ref, lookup in rows if ref in people]
    if not known:
        raise SampleRefusedError(
            f"the sample in this database was not made with seed {seed}: the simulator would move people who are "
            "not in it. Use the seed that it was made with, or begin with an empty database."
        )
    keys = CardKeys.of(secret)
    if any(keys.found_by(number_on(one.card)) != lookup for one, lookup in known):
        raise KeyChangedError(
            "the cards in this database were made with another MAILLAGE_CARD_SECRET: no reader would know them any "
            "more. Set the one that they were made with, or begin with an empty database."
        )
