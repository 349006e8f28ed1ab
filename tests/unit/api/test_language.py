"""Which language a request asks for."""

from __future__ import annotations

import pytest

from api.http.language import language_of


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("fr", "fr"),
        ("fr-CA,fr;q=0.9,en;q=0.8", "fr"),
        ("en-GB,en;q=0.9,fr;q=0.8", "en"),
        ("de-DE,de;q=0.9,fr;q=0.3,en;q=0.2", "fr"),
        ("de-DE", "en"),
        ("en;q=0.2, FR;q=0.7", "fr"),
        ("fr;q=0, en;q=0", "en"),
        ("fr;q=many", "en"),
        ("*", "en"),
    ],
)
def test_the_language_with_the_greatest_weight(header: str | None, language: str) -> None:
    assert language_of(header) == language
