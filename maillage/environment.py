"""The settings of the stack that runs here, for the commands typed beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from maillage.paths import runtime_directory

_NAME: Final = "environment.json"
PART: Final = "MAILLAGE_PART"
"""Set for the stack's own processes: they are told what they need, and must not see the rest."""


def write(environment: Mapping[str, str]) -> Path:
    """Keep ``environment`` for other commands while the stack runs; readable by its owner only."""
    path = runtime_directory() / _NAME
    partial = path.with_suffix(".part")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump({"pid": os.getpid(), **environment}, file, indent=1)
    partial.replace(path)
    return path


def remove() -> None:
    """Forget it: the stack has ended."""
    (runtime_directory() / _NAME).unlink(missing_ok=True)


def load() -> bool:
    """Set what the environment lacks from the stack that runs here (``maillage up``); return whether one does."""
    if PART in os.environ:
        return False
    try:
        kept = json.loads((runtime_directory() / _NAME).read_text(encoding="utf-8"))
        os.kill(kept.pop("pid"), 0)
    except (OSError, ValueError, KeyError, TypeError):
        return False
    for name, value in kept.items():
        os.environ.setdefault(name, value)
    return True
