"""What a process logs: JSON lines, and no address that a library asks for."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from process.logging import configure


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Leave logging as it was."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level, {name: logging.getLogger(name).level for name in ("httpx", "httpcore")})
    yield
    root.handlers[:], level, levels = before
    root.setLevel(level)
    for name, one in levels.items():
        logging.getLogger(name).setLevel(one)


@pytest.mark.parametrize("level", ["DEBUG", "INFO"])
def test_no_address_that_is_asked_for_is_logged_since_names_and_links_stand_in_them(level: str) -> None:
    stream = io.StringIO()
    configure(level, stream=stream)
    logging.getLogger("httpx").info("HTTP Request: GET http://pages/v1/members?q=Laure")
    logging.getLogger("httpcore.connection").debug("connect %s", "http://pages/v1/members?q=Laure")
    logging.getLogger("httpx").warning("slow")
    logging.getLogger("api").info("started")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["slow", "started"]
