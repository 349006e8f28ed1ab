"""One answer of the doctor."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was looked at, how it is, and what to do about it."""

    state: Literal["good", "note", "bad"]
    """``note``: nothing is broken, but something is off or not set; ``bad``: a command will fail."""
    what: str
    text: str
    mend: str = ""


def report(findings: Iterable[Finding]) -> int:
    """Print ``findings``, each as it is found; return how many are bad."""
    signs = {"good": "ok  ", "note": "note", "bad": "BAD "}
    failing = 0
    for finding in findings:
        mend = f"\n{'':22}→ {finding.mend}" if finding.mend else ""
        print(f"{signs[finding.state]}  {finding.what:15} {finding.text}{mend}")
        failing += finding.state == "bad"
    return failing


def good(what: str, text: str) -> Finding:
    """All is well."""
    return Finding(state="good", what=what, text=text)


def note(what: str, text: str, mend: str = "") -> Finding:
    """Good to know."""
    return Finding(state="note", what=what, text=text, mend=mend)


def bad(what: str, text: str, mend: str) -> Finding:
    """Something will fail."""
    return Finding(state="bad", what=what, text=text, mend=mend)
