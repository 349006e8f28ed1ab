"""The lists of all 1,509 places: made from nothing, after a change of one member everywhere, after a lockdown.

``python -m benchmarks.lists [--places N]``. A real TimescaleDB and the rights process' own code, without a broker: from
the dirty rows to the committed versions, and (for one member) to the signed deltas. Beside it the least that could be
done: writing as many rows into the same table. The codes of visitors, whose tokens take a hash each the first time,
come after the lists and are measured apart.
"""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime

import psycopg

from benchmarks.report import Result, finish, progress
from benchmarks.stand import stand
from database.pool import connect
from gateway.contract.signing import new_seed
from maillage.sample.creating import create_sample
from rights import store
from rights.draft import Change
from rights.packing import delta_message
from rights.refresh import Refresher
from rights.store import Connection

_SECRET = bytes.fromhex("5a" * 32)
_EVERYWHERE = """
-- somebody with a pass for everywhere
INSERT INTO pass (member, everywhere) SELECT min(ref), true FROM member RETURNING member
"""
_BARE = """
-- as many rows as the lists have, and nothing else
CREATE TABLE bare (LIKE list_entry INCLUDING ALL); INSERT INTO bare SELECT * FROM list_entry
"""


def turns(refresher: Refresher, connection: Connection) -> list[Change]:
    """Bring everything up to date."""
    made: list[Change] = []
    while True:
        changes = refresher.turn(connection)
        made += changes
        if not changes and not refresher.waits:
            return made


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--places", type=int, help="of the inventory (default: all)")
    choice = parser.parse_args()
    seed = new_seed()
    with stand() as where:
        url = where.database_url("lists")
        with psycopg.connect(url) as owner:
            create_sample(owner, places=choice.places, card_secret=_SECRET, log=lambda _line: None)
            row = owner.execute(_EVERYWHERE).fetchone()
            assert row is not None
        with connect(url, application_name="benchmark", autocommit=True, statement_timeout_s=600) as connection:
            refresher = Refresher(lambda: datetime.now(UTC), card_secret=_SECRET)
            begun = time.perf_counter()
            refresher.begin(connection)
            served, places = store.served(connection), 0
            while len(store.listed(connection)) < len(served):
                places += len(refresher.turn(connection))
            built_s = time.perf_counter() - begun
            begun = time.perf_counter()
            turns(refresher, connection)
            hashed_s = time.perf_counter() - begun
            found = connection.execute("SELECT count(*) FROM list_entry").fetchone()
            entries = found[0] if found else 0
            progress(f"{places} lists with {entries} entries made in {built_s:.1f} s")
            begun = time.perf_counter()
            for statement in _BARE.split(";"):
                connection.execute(statement)
            bare_s = time.perf_counter() - begun
            changes_s: list[float] = []
            messages: list[bytes] = []
            for status in ("lost", "active", "suspended", "active", "lost"):
                connection.execute("UPDATE card SET status = %s WHERE member = %s", (status, row[0]))
                begun = time.perf_counter()
                messages = [delta_message(one.delta, seed) for one in turns(refresher, connection) if one.delta]
                changes_s.append(time.perf_counter() - begun)
            progress(f"one member's card at {len(messages)} places: {sorted(changes_s)[2]:.2f} s to signed deltas")
            connection.execute("INSERT INTO lockdown (ordered_by) VALUES ('benchmark')")
            begun = time.perf_counter()
            locked = len(turns(refresher, connection))
            locked_s = time.perf_counter() - begun
            progress(f"lockdown of {locked} places: {locked_s:.1f} s")
    finish(
        "lists",
        [
            Result(
                name="lists_from_nothing_s",
                value=built_s,
                unit="s",
                reference=f"{entries} rows copied in one statement",
                reference_value=bare_s,
            ),
            Result(name="lists_codes_hashed_s", value=hashed_s, unit="s"),
            Result(name="lists_one_member_everywhere_s", value=sorted(changes_s)[2], unit="s"),
            Result(name="lists_lockdown_everywhere_s", value=locked_s, unit="s"),
        ],
    )


if __name__ == "__main__":
    main()
