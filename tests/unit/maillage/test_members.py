"""The command that imports members: what it says of a file before it is sent."""

from __future__ import annotations

import pytest

from maillage.commands.members import lines_below_the_header


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", 0),
        ("name;card\n", 0),
        ("name;card\nCamille Martin;04A2245AC16D80\n", 1),
        ("name;card\r\nCamille Martin;04A2245AC16D80\r\nSacha Petit;04B2\r\n\r\n", 2),
        ("name;card\nCamille Martin;04A2245AC16D80", 1),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "windows-1252", "utf-16"])
def test_the_line_that_names_the_columns_is_no_line_of_a_member(text: str, lines: int, encoding: str) -> None:
    assert lines_below_the_header(text.encode(encoding)) == lines
