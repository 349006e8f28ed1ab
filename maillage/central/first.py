"""The broker's files before there is a database to follow: it believes the authority, and lets no gateway speak yet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from maillage.central.files import Give, write_acl, write_authorities
from rights.authority import PROCESSES, load, revocation_lists


def write_first(directory: Path, authority: Path, *, give: Give) -> None:
    """Write the broker's acl, authorities and revocations in ``directory`` from the authority's own folder.

    The revocation list is a day old by its date: OpenSSL believes each that the rights process publishes rather.

    Raises:
        AuthorityError: the authority can't be read.
    """
    signs = load(authority)
    write_authorities(
        directory,
        certificates=signs.pem(),
        processes=load(authority / PROCESSES).pem(),
        revocations=revocation_lists(signs, (), at=datetime.now(UTC) - timedelta(days=1), number=0),
        give=give,
    )
    write_acl(directory, {}, "none", give=give)
