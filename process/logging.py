"""Logs as JSON lines on stderr: the message is a stable event name, everything else is a field."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Final, TextIO

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
"""Fields of every record, and uvicorn's copy of its text for terminals."""
_EVENT: Final = re.compile(r"[a-z0-9_]+")
_SECRETIVE: Final = ("httpx", "httpcore")
"""These loggers write the address of each request, which holds names and secret links."""


class JsonLines(logging.Formatter):
    """One JSON object a line: ts, level, logger, event, then the extras of the call."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line for ``record``, without a line end."""
        line: dict[str, object] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            # libraries write sentences: their text is data, so that the names stay few
            "event": record.msg if isinstance(record.msg, str) and _EVENT.fullmatch(record.msg) else "message",
        }
        if line["event"] == "message":
            line["msg"] = record.getMessage()
        line.update({name: value for name, value in vars(record).items() if name not in _STANDARD})
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure(level: str = "INFO", *, stream: TextIO | None = None) -> None:
    """Send every log record of ``level`` or above to ``stream`` (stderr) as JSON lines.

    Libraries that log addresses of requests log warnings only, whatever ``level`` is.

    Raises:
        ValueError: ``level`` isn't one of logging's names.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _SECRETIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
