"""Which part of the topic tree a place is in."""

from __future__ import annotations

from hashlib import blake2b

from gateway.contract.wire import SHARDS


def shard(code: str) -> int:
    """Return the shard, 0 to 63, of a place: the same on every machine."""
    return blake2b(code.encode(), digest_size=8, person=b"maillage-shard").digest()[0] % SHARDS
