"""``maillage network import``: from a file of places into the database, in one transaction; it can be repeated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psycopg

from maillage.network import territory
from maillage.network.errors import SelectionError
from maillage.network.inventory import SOURCE, Inventory, read_inventory
from maillage.network.places import StoredPlaces, store_places
from maillage.network.rows import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an import read and did."""

    inventory: Inventory
    selected: int
    stored: StoredPlaces

    @property
    def changed(self) -> bool:
        """Return whether the import changed the database."""
        return bool(self.stored.added or self.stored.updated)

    def as_json(self, file: Path) -> dict[str, Any]:
        """Return the counts, and each remark with its line and reason."""
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
            "remarks": [asdict(one) for one in inventory.remarks],
        }


def import_file(
    connection: psycopg.Connection[Any],
    path: Path,
    *,
    region: str | None = None,
    source: str = SOURCE,
    log: Callable[[str], None],
) -> Report:
    """Import the file at ``path`` and commit, or leave the database as it was.

    Args:
        connection: the database's owner's.
        path: the file.
        region: only the places of this one, whatever its accents and hyphens; None or ``all``: every place.
        source: name of the list that the file's IDs belong to.
        log: receives a line for each step.

    Raises:
        InventoryError: the file can't be read at all.
        SelectionError: no such region, or no place in it.
        psycopg.Error: the database refused.
    """
    inventory = read_inventory(path)
    reasons = Counter(one.reason for one in inventory.refused)
    refused = ", ".join(f"{reason} {many}" for reason, many in reasons.most_common())
    usable, count = len(inventory.places), len(inventory.refused)
    log(f"inventory: {inventory.rows} rows, {usable} usable, {count} refused ({refused})")
    selected = in_region(inventory.places, region)
    with connection.transaction():
        stored = store_places(connection, source, inventory.places, selected)
    return Report(inventory=inventory, selected=len(selected), stored=stored)


def in_region(everything: Sequence[Place], region: str | None) -> Sequence[Place]:
    """Return the places of ``region``, in the file's order; None or ``all``: every place.

    Raises:
        SelectionError: no such region, or no place in it.
    """
    name = None if region is None or region.casefold() == "all" else territory.find_region(region)
    found = [one for one in everything if name is None or one.region == name]
    if not found:
        raise SelectionError(f"the file has no place in {name}" if name else "the file has no place that can be used")
    return found
