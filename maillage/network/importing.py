"""``maillage network import``: from the inventory's file to equipped places, in one transaction, again and again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

import psycopg

from maillage.network import territory
from maillage.network.equipment import Generated, generate
from maillage.network.errors import SelectionError
from maillage.network.inventory import SOURCE, Inventory, read_inventory
from maillage.network.places import Stored, store_places
from maillage.network.rows import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an import read and did."""

    inventory: Inventory
    selected: int
    stored: Stored
    generated: Generated

    @property
    def changed(self) -> bool:
        """Whether the database is another one than before."""
        return bool(self.stored.added or self.stored.updated or self.generated.places)

    def as_json(self, file: Path) -> dict[str, Any]:
        """Return all of it for machines: counts, then each remark with its line and reason."""
        inventory = self.inventory
        return {
            "file": file.name,
            "rows": inventory.rows,
            "usable": len(inventory.places),
            "refused": len(inventory.refused),
            "mended": len({one.line for one in inventory.remarks if one.outcome == "mended"}),
            "selected": self.selected,
            "added": self.stored.added,
            "updated": self.stored.updated,
            "unchanged": self.stored.unchanged,
            "no_longer_in_file": list(self.stored.gone),
            "generated": asdict(self.generated),
            "remarks": [asdict(one) for one in inventory.remarks],
        }


def import_file(
    connection: psycopg.Connection[Any],
    path: Path,
    *,
    region: str | None = None,
    places: int | None = None,
    seed: int = 1,
    card_key: Callable[[], bytes] | None,
    today: date | None = None,
    log: Callable[[str], None],
) -> Report:
    """Import the file at ``path`` and commit, or leave the database as it was.

    Args:
        region: only the places of this one, whatever its accents and hyphens.
        places: at most so many, spread over the selection by ``seed``; a greater number keeps the smaller's places.
        card_key: gives the network's key for the cards of generated members; None: generate nothing.
        today: what the validities of generated passes are counted from; None: the day that it is.

    Raises:
        InventoryError: the file can't be read at all.
        SelectionError: no such region, or no place in it.
        KeyMissingError: by ``card_key``.
        KeyChangedError: what it gives isn't the key that earlier cards were made with.
        psycopg.Error: the database refused.
    """
    inventory = read_inventory(path)
    reasons = Counter(one.reason for one in inventory.refused)
    told = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
    log(f"inventory: {inventory.rows} rows, {len(inventory.places)} usable, {len(inventory.refused)} refused ({told})")
    selected = select(inventory.places, region=region, places=places, seed=seed)
    with connection.transaction():
        stored = store_places(connection, SOURCE, inventory.places, selected)
        log(f"places: {stored.added} added, {stored.updated} updated, {stored.unchanged} unchanged")
        generated = Generated()
        if card_key is not None:
            generated = generate(
                connection,
                SOURCE,
                selected,
                seed=seed,
                card_key=card_key(),
                today=today or datetime.now(UTC).date(),
                log=log,
            )
    return Report(inventory=inventory, selected=len(selected), stored=stored, generated=generated)


def select(everything: Sequence[Place], *, region: str | None, places: int | None, seed: int) -> list[Place]:
    """Return the places of ``region``, at most ``places`` of them, in the file's order.

    Raises:
        SelectionError: no such region, or nothing is left.
    """
    name = territory.find_region(region) if region is not None else None
    found = [one for one in everything if name is None or one.region == name]
    if not found:
        raise SelectionError(f"the file has no place in {name}" if name else "the file has no place that can be used")
    if places is not None and places < len(found):
        drawn = sorted(found, key=lambda one: blake2b(f"{seed}/{one.source_id}".encode(), digest_size=8).digest())
        kept = {one.source_id for one in drawn[:places]}
        found = [one for one in found if one.source_id in kept]
    return found
