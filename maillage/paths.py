"""Where what runs here keeps its files."""

from __future__ import annotations

import os
from pathlib import Path


def runtime_directory() -> Path:
    """Return where the embedded stack keeps its programs, data, secrets and logs: MAILLAGE_RUNTIME or ``.runtime``."""
    return Path(os.environ.get("MAILLAGE_RUNTIME", ".runtime")).absolute()
