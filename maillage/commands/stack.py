"""The whole stack on this machine, and what it lacks."""

from __future__ import annotations

import typer


def add_to(app: typer.Typer) -> None:
    """Add these commands to ``app``."""
