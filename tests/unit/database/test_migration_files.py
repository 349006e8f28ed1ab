"""What makes a migration file unusable, and what the community edition still needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from database import editions
from database.files import MIGRATIONS, MigrationError, read_migrations


def test_ours_can_be_read_in_order() -> None:
    numbers = [one.number for one in read_migrations()]
    assert numbers == sorted(numbers)
    assert len(numbers) == len(list(MIGRATIONS.iterdir()))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "no migrations in"),
        ({"1_short.sql": b"SELECT 1"}, "1_short.sql: a migration is named"),
        ({"0001_Upper.sql": b"SELECT 1"}, "a migration is named"),
        ({"0001_a.sql": b"SELECT 1", "0001_b.sql": b"SELECT 1"}, "have the same number"),
        ({"0001_a.sql": b"-- caf\xe9"}, "not UTF-8 at byte 6"),
        ({"0001_a.sql": b"CREATE TABLE a ();\ncommit;\n"}, "remove 'commit;'"),
        ({"0001_a.sql": b"BEGIN ISOLATION LEVEL SERIALIZABLE;"}, "the runner opens and ends transactions"),
    ],
)
def test_an_unusable_file_is_named(tmp_path: Path, files: dict[str, bytes], message: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(MigrationError, match=message):
        read_migrations(tmp_path)


def test_plpgsql_is_no_transaction_control(tmp_path: Path) -> None:
    (tmp_path / "0001_a.sql").write_text("DO $$\nBEGIN\n  NULL;\nEND;\n$$;\n")
    assert len(read_migrations(tmp_path)) == 1


def test_only_the_community_edition_gets_compression_and_only_where_it_is_off() -> None:
    assert editions.statements("apache", frozenset()) == ()
    assert editions.statements(None, frozenset()) == ()
    assert [table for table, _ in editions.statements("timescale", frozenset())] == ["event", "occupancy_change"]
    assert [table for table, _ in editions.statements("timescale", frozenset({"event"}))] == ["occupancy_change"]
    (_, run), _ = editions.statements("timescale", frozenset())
    assert b"compress_segmentby = 'stream'" in run[0]
    assert b"compress_orderby = 'seq'" in run[0]
