"""Run one ingest worker for a benchmark, with nothing but its settings from the environment."""

from __future__ import annotations

import logging
import signal
import sys
import threading

from ingest.run import run
from ingest.settings import IngestSettings
from process.ending import sets


def main() -> int:
    """Run until SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, sets(stop))
    settings = IngestSettings()  # type: ignore[call-arg]  # from the environment
    logging.basicConfig(level=settings.log_level, stream=sys.stderr)
    return run(settings, stop)


if __name__ == "__main__":
    sys.exit(main())
