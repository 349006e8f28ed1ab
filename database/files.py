"""The numbered migration files: their order, their checksums, and what makes a file unusable."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

MIGRATIONS: Final = Path(__file__).parent / "migrations"
NO_TRANSACTION: Final = "-- maillage: no transaction"
"""As a file's first line: its statements run one by one, each in its own transaction, for what PostgreSQL refuses
inside one (``CREATE INDEX CONCURRENTLY``, ``VACUUM``). A line ``-- next`` stands between two statements. After a
failure the whole file runs again, so each statement must bear that (``IF NOT EXISTS``)."""

_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_NEXT = re.compile(r"^-- next[ \t]*$", re.MULTILINE)
# PL/pgSQL's BEGIN has no semicolon and its END is not listed.
_CONTROL = re.compile(r"^[ \t]*(BEGIN|COMMIT|ROLLBACK|START[ \t]+TRANSACTION)\b[^;\n]*;", re.MULTILINE | re.IGNORECASE)


class MigrationError(Exception):
    """The schema was not brought up to date; the text says why and what to do. Nothing is left half done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One file: its number, its name (``network``), its SQL and the checksum of that."""

    number: int
    name: str
    sql: str
    checksum: str

    def __str__(self) -> str:
        return f"{self.number:04d}_{self.name}"

    @property
    def needs_no_transaction(self) -> bool:
        """Whether its statements run one by one."""
        return self.sql.startswith(NO_TRANSACTION)

    @property
    def statements(self) -> tuple[str, ...]:
        """The SQL in the pieces that are each a transaction; one for an ordinary file."""
        if not self.needs_no_transaction:
            return (self.sql,)
        return tuple(piece for piece in _NEXT.split(self.sql) if piece.strip())


def read_migrations(directory: Path = MIGRATIONS) -> tuple[Migration, ...]:
    """Read the migrations of ``directory`` in their order.

    The checksum (SHA-256, hexadecimal) ignores how lines end, so that a checkout on another system is no changed file.

    Raises:
        MigrationError: a name doesn't fit ``NNNN_name.sql``, two share a number, a file isn't UTF-8 or controls
            transactions itself, or there is none at all.
    """
    found: dict[int, Migration] = {}
    for path in sorted(directory.glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{path.name}: a migration is named NNNN_name.sql, lower case, four digits first")
        number = int(match[1])
        if number in found:
            raise MigrationError(f"{path.name} and {found[number]}.sql have the same number")
        try:
            sql = path.read_bytes().decode().replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            raise MigrationError(f"{path.name}: not UTF-8 at byte {error.start}") from error
        if control := _CONTROL.search(sql):
            raise MigrationError(f"{path.name}: remove {control[0].strip()!r}: the runner opens and ends transactions")
        found[number] = Migration(number=number, name=match[2], sql=sql, checksum=sha256(sql.encode()).hexdigest())
    if not found:
        raise MigrationError(f"no migrations in {directory}: the installation is incomplete")
    return tuple(found[number] for number in sorted(found))
