"""Deletes the samples of processes that are older than a month."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from jobs.job import Round

EVERY: Final = timedelta(hours=1)
KEPT: Final = timedelta(days=30)

_DELETE: Final = """
-- samples that are old, by the index (process, at)
DELETE FROM process_sample WHERE process = ANY ('{ingest,api,rights,jobs}') AND at < %s
"""


def drop(round_: Round) -> None:
    """Delete them."""
    with round_.connection.transaction():
        deleted = round_.connection.execute(_DELETE, (round_.now - KEPT,)).rowcount
    if deleted:
        round_.log(f"samples: {deleted} of over {KEPT.days} days ago deleted")
