from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from process.logging import configure


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure("INFO", stream=stream)
    yield stream
    root.handlers[:], root.level = before, level


def test_message_is_the_event_and_extras_are_fields(lines: io.StringIO) -> None:
    logging.getLogger("ingest.worker").warning("dead_letter", extra={"gateway": "g-1", "reason": "invalid_json"})
    logging.getLogger("ingest.worker").debug("too_quiet")
    line = json.loads(lines.getvalue())
    assert line.pop("ts").endswith("Z")
    assert line == {
        "level": "warning",
        "logger": "ingest.worker",
        "event": "dead_letter",
        "gateway": "g-1",
        "reason": "invalid_json",
    }


def test_a_library_s_sentence_is_data(lines: io.StringIO) -> None:
    logging.getLogger("uvicorn").info("listening on %s", "127.0.0.1")
    line = json.loads(lines.getvalue())
    assert (line["event"], line["msg"]) == ("message", "listening on 127.0.0.1")


def test_a_library_s_sentence_without_arguments_is_data_too(lines: io.StringIO) -> None:
    logging.getLogger("uvicorn").info("Waiting for application startup.", extra={"color_message": "\x1b[36mWaiting"})
    line = json.loads(lines.getvalue())
    assert (line["event"], line["msg"]) == ("message", "Waiting for application startup.")
    assert "color_message" not in line


def test_an_exception_stays_on_one_line(lines: io.StringIO) -> None:
    try:
        raise ValueError("no")
    except ValueError:
        logging.getLogger("x").exception("it_broke")
    assert lines.getvalue().count("\n") == 1
    assert "ValueError: no" in json.loads(lines.getvalue())["error"]
