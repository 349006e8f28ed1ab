"""What can go wrong in the ingest.

IngestError
├── SettingsError      what it was told cannot be used
└── MarkMoved          another worker stored events of the same stream: this one must give up its shards
"""

from __future__ import annotations


class IngestError(Exception):
    """Root of the ingest's errors."""


class SettingsError(IngestError):
    """A setting cannot be used; the text says which and why."""


class MarkMoved(IngestError):
    """A stream's mark in the database is not the one this worker knew."""
