"""Keeps Python's cyclic garbage collector from stopping every thread for long while people and messages wait."""

from __future__ import annotations

import gc
from typing import Final

_AFTER: Final = (20_000, 20, 50)
"""Objects made and not freed before a collection, and collections of a generation before one of the next. Python's own
700 means a collection for every few messages, each of which finds nothing: what we make holds no cycles, or few."""


def settle() -> None:
    """Collect now, exempt what is there from later collections, and collect seldom from here on.

    To be called when what stays for long has been built: to look through a network would take some 50 ms each time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_AFTER)


def keep() -> None:
    """Exempt what is there from later collections, without collecting: more of what stays was read."""
    gc.freeze()
