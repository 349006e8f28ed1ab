"""The inventory's places in the database: new ones added, changed ones updated, nothing deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from gateway.contract.shards import shard
from maillage.network import codes
from maillage.network.rows import Place

_LOCK = """
-- one import at a time
LOCK TABLE place IN SHARE UPDATE EXCLUSIVE MODE
"""
_KNOWN = """
-- the codes that a source's places have already
SELECT source_id, code FROM place WHERE source = %s
"""
_OTHERS = """
-- the codes that other sources' places have
SELECT code FROM place WHERE source <> %s
"""
_INCOMING = """
CREATE TEMPORARY TABLE incoming (
  source_id text, code text, name text, shard smallint, latitude double precision, longitude double precision,
  time_zone text, address text, postcode text, commune text, commune_code text, department text, region text,
  website text, typology text
) ON COMMIT DROP
"""
_COPY = "COPY incoming FROM STDIN"
# A code and a shard, once given, stay: gateways, topics and other people's links know them.
_UPSERT = """
-- add what is new, update what differs; a row that is equal is not touched and not returned
INSERT INTO place AS p (source, source_id, code, name, shard, latitude, longitude, time_zone, address, postcode,
  commune, commune_code, department, region, website, typology)
SELECT %s, source_id, code, name, shard, latitude, longitude, time_zone, address, postcode, commune,
  commune_code, department, region, website, typology FROM incoming
ON CONFLICT (source, source_id) DO UPDATE SET
  name = excluded.name, latitude = excluded.latitude, longitude = excluded.longitude, time_zone = excluded.time_zone,
  address = excluded.address, postcode = excluded.postcode, commune = excluded.commune,
  commune_code = excluded.commune_code, department = excluded.department, region = excluded.region,
  website = excluded.website, typology = excluded.typology
WHERE (p.name, p.latitude, p.longitude, p.time_zone, p.address, p.postcode, p.commune, p.commune_code, p.department,
  p.region, p.website, p.typology) IS DISTINCT FROM (excluded.name, excluded.latitude, excluded.longitude,
  excluded.time_zone, excluded.address, excluded.postcode, excluded.commune, excluded.commune_code,
  excluded.department, excluded.region, excluded.website, excluded.typology)
RETURNING xmax = 0
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPlaces:
    """What storing a selection of places did."""

    added: int
    updated: int
    unchanged: int
    gone: tuple[str, ...]
    """Codes of places of the source that the file no longer has; they are kept."""
    codes: dict[str, str]
    """By source id, of every place in the file."""


def store_places(
    connection: psycopg.Connection[Any], source: str, everything: Sequence[Place], selected: Sequence[Place]
) -> StoredPlaces:
    """Store ``selected`` in the caller's transaction; ``everything`` is all that the file holds.

    Codes are given over the whole file, so that a place has the same code whichever selection brought it in first.
    """
    connection.execute(_LOCK)
    known = dict(connection.execute(_KNOWN, (source,)).fetchall())
    others = frozenset(code for (code,) in connection.execute(_OTHERS, (source,)).fetchall())
    given = codes.assign([(one.source_id, one.name, one.commune) for one in everything], known=known, taken=others)
    connection.execute(_INCOMING)
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        for one in selected:
            code = given[one.source_id]
            copy.write_row(
                (
                    *(one.source_id, code, one.name, shard(code), one.latitude, one.longitude, one.time_zone),
                    *(one.address, one.postcode, one.commune, one.commune_code, one.department, one.region),
                    *(one.website, one.typology),
                )
            )
    outcomes = connection.execute(_UPSERT, (source,)).fetchall()
    connection.execute("DROP TABLE incoming")  # the caller's transaction may go on to another import
    added = sum(1 for (new,) in outcomes if new)
    return StoredPlaces(
        added=added,
        updated=len(outcomes) - added,
        unchanged=len(selected) - len(outcomes),
        gone=tuple(sorted(code for source_id, code in known.items() if source_id not in given)),
        codes=given,
    )
