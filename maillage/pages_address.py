"""Where people reach the pages, for commands that print links."""

from __future__ import annotations

import os

from maillage import environment


def pages_address(given: str | None) -> str:
    """Return what links begin with: ``given``, the running stack's address, or this machine's."""
    if given:
        return given.rstrip("/")
    running = environment.running()
    found = (running.api if running else None) or os.environ.get("MAILLAGE_API_URL") or "http://127.0.0.1:8080"
    # by name: passkeys are bound to one
    return found.rstrip("/").replace("//127.0.0.1:", "//localhost:")
