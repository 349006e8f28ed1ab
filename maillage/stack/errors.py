"""What can go wrong with the stack."""

from __future__ import annotations


class StackError(Exception):
    """The stack cannot start or go on; the text says why, with the end of a log where there is one."""
