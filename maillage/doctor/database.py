"""The database that the settings name."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final

from maillage.doctor.finding import Finding, bad, good, note
from maillage.doctor.fleet import look_at_fleet
from maillage.doctor.mail import look_at_mail
from maillage.doctor.work import look_at_work

_SERVER: Final = """
-- who we are, what runs there
SELECT current_setting('server_version'), current_user,
       (SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'),
       (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'),
       current_setting('timescaledb.license', true),
       to_regclass('migration') IS NOT NULL
"""
_UNKNOWN_NUMBERS: Final = """
-- cards in use that must be presented again
SELECT count(*) FROM card WHERE must_be_presented AND status IN ('issued', 'active')
"""
_APPLIED: Final = "-- what has been applied\nSELECT number, name FROM migration ORDER BY number"


def look_at_database(url: str | None) -> Iterator[Finding]:
    """Connect and look at the server, its edition and the schema."""
    if not url:
        yield note("database", "MAILLAGE_DATABASE_URL is not set", "set it, or run maillage up, which brings its own")
        return
    try:
        from database.pool import DATABASE_ERROR, connect
    except ModuleNotFoundError as error:
        yield bad("database", f"{error.name} is not installed", "pip install 'maillage[centre]'")
        return
    try:
        with connect(url, application_name="maillage doctor", statement_timeout_s=10) as connection:
            yield from _server(connection)
    except DATABASE_ERROR as error:
        told = " ".join(str(error).split())
        yield bad("database", told, "look at host, port, user and password in MAILLAGE_DATABASE_URL")


def _server(connection: Any) -> Iterator[Finding]:
    version, user, offered, installed, licence, migrated = connection.execute(_SERVER).fetchone()
    yield good("database", f"PostgreSQL {version.split()[0]} as {user}")
    if offered is None:
        yield bad("timescaledb", "the server doesn't have it", "install TimescaleDB for this PostgreSQL")
        return
    edition = {"apache": "Apache edition", "timescale": "community edition"}.get(licence or "", "edition not known")
    yield good(
        "timescaledb", f"{installed or offered} ({edition})" + ("" if installed else ", not yet in this database")
    )
    if not migrated:
        yield bad(
            "schema",
            "this database is empty",
            "maillage init founds a network in it (docs/first-place.md); for a sample one: maillage migrate",
        )
        return
    from database.files import read_migrations

    ours = {one.number: one.name for one in read_migrations()}
    try:
        with connection.transaction():
            applied = dict(connection.execute(_APPLIED).fetchall())
    except Exception as error:  # a process user may not read the list: nothing is wrong with that
        yield note("schema", f"not readable by {user}: {str(error).splitlines()[0]}")
        return
    missing = [name for number, name in ours.items() if number not in applied]
    newer = [name for number, name in applied.items() if number not in ours]
    if newer:
        yield bad("schema", f"newer than this maillage: {', '.join(newer)}", "install the newer maillage")
    elif missing:
        yield bad("schema", f"lacks {', '.join(missing)}", "maillage migrate")
    else:
        yield good("schema", f"up to date, {len(applied)} migrations")
        yield from look_at_work(connection)
        yield from look_at_fleet(connection)
        yield from look_at_mail(connection)
        yield from _cards(connection)


def _cards(connection: Any) -> Iterator[Finding]:
    with contextlib.suppress(Exception), connection.transaction():  # a process user may not read them
        row = connection.execute(_UNKNOWN_NUMBERS).fetchone()
        if row[0]:
            yield note(
                "cards",
                f"{row[0]} of members were issued before numbers were kept: they open nothing",
                "issue them again, by their numbers or at a reader (docs/rights.md, Card numbers)",
            )
