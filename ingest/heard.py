"""The devices that gateways hear and nobody has assigned: stores what their states say of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from gateway.contract.device_reports import UnassignedDevice
from ingest.store import Connection, when

MOST_OF_A_GATEWAY: Final = 200
"""Kept of one gateway; those that have been silent for longest go."""
_REMEMBERED: Final = 20_000
"""Of all gateways; one that is forgotten is stored once more."""

_STORE: Final = """
-- devices that a gateway hears and nobody has assigned
INSERT INTO heard_device AS old (gateway, place, driver, model, kind, lacks, address, key, first_at, last_at,
                                 times, said)
SELECT * FROM unnest(%b::int[], %b::int[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[],
                     %b::timestamptz[], %b::timestamptz[], %b::int[], %b::text[])
ON CONFLICT (gateway, driver, key) DO UPDATE SET
  model = coalesce(excluded.model, old.model), kind = coalesce(excluded.kind, old.kind), lacks = excluded.lacks,
  address = excluded.address, first_at = least(old.first_at, excluded.first_at),
  last_at = greatest(old.last_at, excluded.last_at), times = greatest(old.times, excluded.times), said = excluded.said
"""
_BOUND: Final = """
-- keep those of a gateway that were heard last
DELETE FROM heard_device WHERE id IN (
  SELECT id FROM heard_device WHERE gateway = %b::int ORDER BY last_at DESC OFFSET %b::int
)
"""


class HeardDevices:
    """Stores what is new in the states' lists."""

    def __init__(self) -> None:
        self._stored: dict[tuple[int, str, str], int] = {}
        """Gateway, driver and key of each that was stored, with its newest message."""

    @contextmanager
    def or_forget(self) -> Iterator[None]:
        """Forget what was stored in this block if it fails: the transaction is rolled back."""
        try:
            yield
        except BaseException:
            self._stored.clear()
            raise

    def store(
        self, connection: Connection, gateway: int, place: int, heard: Sequence[UnassignedDevice], *, shift: int
    ) -> None:
        """Store those of ``heard`` that spoke since they were stored last.

        Args:
            connection: in the transaction of the states.
            gateway: its number.
            place: the gateway's place.
            heard: what its state lists.
            shift: microseconds to add to the gateway's clock.
        """
        fresh = {
            (gateway, one.driver, one.key): one
            for one in heard
            if self._stored.get((gateway, one.driver, one.key)) != one.last_at
        }
        if not fresh:
            return
        rows = [
            (
                gateway,
                place,
                one.driver,
                one.model,
                one.kind,
                one.lacks,
                one.address,
                one.key,
                when(one.first_at + shift),
                when(one.last_at + shift),
                one.times,
                one.said,
            )
            for one in fresh.values()
        ]
        connection.execute(_STORE, [list(column) for column in zip(*rows, strict=True)])
        if fresh.keys() - self._stored.keys():
            connection.execute(_BOUND, (gateway, MOST_OF_A_GATEWAY))
        for key, one in fresh.items():
            self._stored.pop(key, None)
            self._stored[key] = one.last_at
        while len(self._stored) > _REMEMBERED:
            del self._stored[next(iter(self._stored))]
