"""The jobs with the one that needs the ingest's fold: jobs and ingest don't know each other."""

from __future__ import annotations

from typing import Final

from ingest.refold import curve
from jobs.catalogue import JOBS
from jobs.job import Job, Round
from jobs.late import make_again


def _late(round_: Round) -> None:
    make_again(round_, curve)


ALL_JOBS: Final = (Job(name="late", work=_late), *JOBS)
"""What came late is made again before the round sums up."""
