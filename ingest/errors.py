"""What can go wrong in the ingest.

IngestError
└── SettingsError      what it was told cannot be used

Whatever the database refuses is a ``psycopg.Error``: the transaction is rolled back and the worker begins anew.
"""

from __future__ import annotations


class IngestError(Exception):
    """Root of the ingest's errors."""


class SettingsError(IngestError):
    """A setting cannot be used; the text says which and why."""
