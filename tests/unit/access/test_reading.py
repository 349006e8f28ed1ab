"""Reading piece by piece is reading: the same values, the same refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access import reading
from access.reading import read_json

LEAVES = st.none() | st.booleans() | st.integers() | st.text(alphabet='],[{}":\\ aé\n', max_size=12)
ROWS = st.lists(st.lists(LEAVES | st.lists(st.lists(LEAVES, max_size=2), max_size=3), max_size=4), max_size=8)
BODIES = st.dictionaries(
    st.text(max_size=5), ROWS | LEAVES | st.dictionaries(st.text(max_size=3), LEAVES | ROWS, max_size=6)
)


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_PIECE", 5)
    monkeypatch.setattr(reading, "_LARGE", 0)


@given(body=BODIES, indent=st.sampled_from([None, 1]), compact=st.booleans())
def test_what_is_read_is_what_json_reads(body: dict[str, Any], indent: int | None, compact: bool) -> None:
    text = json.dumps(body, indent=indent, separators=(",", ":") if compact else None, ensure_ascii=False)
    assert read_json(text) == body


@given(
    body=BODIES, at=st.integers(0, 400), put=st.sampled_from(["", "]", "[", ",", '"', "}", "{", ":", "1", " ", "],["])
)
def test_what_json_refuses_is_refused(body: dict[str, Any], at: int, put: str) -> None:
    text = json.dumps(body, separators=(",", ":"))
    changed = text[:at] + put + text[at + 1 :]
    try:
        expected = json.loads(changed)
    except ValueError:
        with pytest.raises(ValueError):
            read_json(changed)
    else:
        assert read_json(changed) == expected
