"""``maillage doctor``: what this machine and these settings lack, and how to mend it."""

from __future__ import annotations

from maillage.doctor.checks import examine
from maillage.doctor.finding import Finding

__all__ = ["Finding", "examine"]
