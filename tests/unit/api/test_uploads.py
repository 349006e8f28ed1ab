"""Forms with files: read as browsers write them, refused where they are cut off."""

from __future__ import annotations

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.errors import BadQuery
from api.pages.uploads import MOST_FIELDS, Part, boundary_of, parts_of

_BOUNDARY = b"----WebKitFormBoundaryAbC"


def _sent(*parts: tuple[str, bytes]) -> bytes:
    """A body as browsers write it: the head of each part after ``form-data``, and its bytes."""
    pieces = [
        b"--" + _BOUNDARY + b"\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + data + b"\r\n"
        for head, data in parts
    ]
    return b"".join(pieces) + b"--" + _BOUNDARY + b"--\r\n"


@given(data=st.binary(max_size=300), text=st.text(max_size=50))
def test_the_bytes_of_a_file_come_as_they_are(data: bytes, text: str) -> None:
    body = _sent(('name="a"', text.encode()), ('name="file"; filename="x; y.csv"\r\nContent-Type: text/csv', data))
    assert parts_of(body, _BOUNDARY) == [
        Part(name="a", data=text.encode()),
        Part(name="file", data=data, file="x; y.csv"),
    ]


def test_a_field_without_a_chosen_file_has_an_empty_name() -> None:
    assert parts_of(_sent(('name="file"; filename=""', b"")), _BOUNDARY) == [Part(name="file", data=b"", file="")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"name=a",
        _sent(('name="a"', b"1"))[:-8],
        b"--" + _BOUNDARY + b"\r\nno head\r\n--" + _BOUNDARY + b"--",
        b"--" + _BOUNDARY + b"\r\nContent-Disposition: form-data\r\n\r\n1\r\n--" + _BOUNDARY + b"--",
        _sent(*[('name="a"', b"")] * (MOST_FIELDS + 1)),
    ],
    ids=["empty", "another kind", "cut off", "no head", "no name", "too many"],
)
def test_what_no_browser_sends_is_refused(body: bytes) -> None:
    with pytest.raises(BadQuery):
        parts_of(body, _BOUNDARY)


@pytest.mark.parametrize(
    "head", ["form-data;" * 100_000, "form-data" + "; name=a" * 100_000, "form-data;" + " " * 900_000]
)
def test_a_head_that_is_made_to_keep_us_busy_does_not(head: str) -> None:
    began = process_time()
    with pytest.raises(BadQuery):
        parts_of(b"--x\r\nContent-Disposition: " + head.encode() + b"\r\n\r\nv\r\n--x--\r\n", b"x")
    assert process_time() - began < 1.0


@pytest.mark.parametrize("head", ['filename="a"; name="b"', 'name="b"; filename="a"', "filename=a; name=b"])
def test_parameters_may_stand_in_any_order(head: str) -> None:
    assert parts_of(_sent((head, b"1")), _BOUNDARY) == [Part(name="b", data=b"1", file="a")]


def test_a_name_within_another_parameter_is_none() -> None:
    with pytest.raises(BadQuery):
        parts_of(_sent(('filename="x; name=b"', b"1")), _BOUNDARY)


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=abc", b"abc"),
        ('Multipart/Form-Data; charset=utf-8; boundary="a b"', b"a b"),
        ("application/x-www-form-urlencoded", None),
        ("multipart/form-data", None),
        ("", None),
    ],
)
def test_how_a_form_was_sent(content_type: str, boundary: bytes | None) -> None:
    assert boundary_of(content_type) == boundary
