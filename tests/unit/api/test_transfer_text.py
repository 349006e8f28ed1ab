"""A CSV from whatever program: encodings, separators, quotes; and what is no CSV at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.transfer.columns import COLUMNS, read_header
from api.transfer.importing import parse
from api.transfer.known import Known
from api.transfer.plan import make_plan
from api.transfer.report import notes_of
from api.transfer.text import FileRefused, read_table
from rights.card_secret import CardKeys

TEXT = "nom;courriel\r\nZoé Lefèvre;zoe@example.org\r\n\r\n« Œuf » & Cie;oeuf@example.org\r\n"


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (TEXT.encode(), "utf-8"),
        (TEXT.encode("utf-8-sig"), "utf-8"),
        (TEXT.encode("utf-16"), "utf-16"),
        (TEXT.encode("utf-16-le"), "utf-16"),
        (TEXT.encode("utf-16-be"), "utf-16"),
        (TEXT.encode("cp1252"), "windows-1252"),
        (TEXT.replace("\r\n", "\r").encode(), "utf-8"),
    ],
)
def test_every_encoding_gives_the_same_lines(data: bytes, encoding: str) -> None:
    table = read_table(data)
    assert (table.encoding, table.delimiter, table.header) == (encoding, ";", ("nom", "courriel"))
    assert table.lines == ((2, ("Zoé Lefèvre", "zoe@example.org")), (4, ("« Œuf » & Cie", "oeuf@example.org")))


NAMES = ("Renée Châtaigne", "François Modèle", "Benoît Lefèvre", "GÉRARD Noël", "Hélène d’Août", "Müller-Écully")


@pytest.mark.parametrize(
    ("codec", "encoding"), [("cp1252", "windows-1252"), ("cp850", "cp850"), ("mac_roman", "mac-roman")]
)
def test_french_names_are_read_in_the_encoding_that_they_are_in(codec: str, encoding: str) -> None:
    names = [name for name in NAMES if codec != "cp850" or "’" not in name]
    text = "nom;courriel\r\n" + "".join(f"{name};a{at}@example.org\r\n" for at, name in enumerate(names))
    table = read_table(text.replace("\r\n", "\r" if codec == "mac_roman" else "\r\n").encode(codec))
    assert (table.encoding, table.guessed, [cells[0] for _, cells in table.lines]) == (encoding, True, names)


@pytest.mark.parametrize("name", [*NAMES, "Zoë", "Anaïs", "à côté", "Ève", "Jäger", "Peña", "5 €", "n° 5", "« Œuf »"])
@pytest.mark.parametrize("codec", ["cp1252", "cp850", "mac_roman"])
def test_one_name_is_read_right_or_asked_about_and_never_broken(name: str, codec: str) -> None:
    try:
        data = f"nom;courriel\n{name};a@example.org\n".encode(codec)
    except UnicodeEncodeError:
        return
    try:
        read = read_table(data).lines[0][1][0]
    except FileRefused as error:
        read = f"asked, {error}"
    assert read == name or (codec != "cp1252" and read.startswith("asked") and "encoding=" in read)
    named = {"cp1252": "windows-1252", "cp850": "cp850", "mac_roman": "mac-roman"}[codec]
    table = read_table(data, named)
    assert (table.lines[0][1][0], table.encoding, table.guessed) == (name, named, False)


@pytest.mark.parametrize(
    ("text", "delimiter", "cells"),
    [
        ("name,email\nA,a@b\n", ",", ("A", "a@b")),
        ("name\temail\nA, B\ta@b\n", "\t", ("A, B", "a@b")),
        ("sep=;\nname;email\nA;a@b\n", ";", ("A", "a@b")),
        ('"na,me",email\n"A ""x"", B",a@b\n', ",", ('A "x", B', "a@b")),
        ("name,email\n\u00a0A\u00a0, a@b \n", ",", ("A", "a@b")),
    ],
)
def test_separators_and_quotes(text: str, delimiter: str, cells: tuple[str, ...]) -> None:
    table = read_table(text.encode())
    assert (table.delimiter, table.lines[0][1]) == (delimiter, cells)


def test_a_line_is_numbered_as_an_editor_shows_it() -> None:
    table = read_table(b'sep=,\nname,email\n"two\nlines",a@b\n\nB,b@b\n')
    assert [number for number, _ in table.lines] == [4, 6]


@pytest.mark.parametrize(
    ("data", "say"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b'name,email\n"A,a@b\n', "Line 2"),
        (b'name,email\nA,"a"x@b\n', "Line 2"),
        ("name,email\nZoé,a@b\n".encode() + "Zoé,b@b\n".encode("cp1252"), "Line 3"),
        (b"name,email\nA\x81,a@b\n", "Choose one: encoding=cp850 .A\u00fc., encoding=mac-roman"),
        ("name,email\nA,a@b\nRenÃ©e,b@b\n".encode(), "Line 3"),
        (b"name,email\n", "There is no member"),
        ("name;email;placesLéa;a@b;limogesMax;c@d;limoges".encode(), "--data-binary"),
        (b"PK\x03\x04\x00\x00 a spreadsheet", "Line 1"),
        (b"\xff\xfen\x00a", "Line 1"),
        (b"name,email\n" + b"A,a@b\n" * 50_001, "50000"),
        (b"x" * (16 * 1024 * 1024 + 1), "16 MB"),
    ],
)
def test_what_is_no_table_is_refused_and_says_where(data: bytes, say: str) -> None:
    with pytest.raises(FileRefused, match=say):
        read_table(data)


def test_a_line_with_another_number_of_cells_is_told() -> None:
    table = read_table(b"name,email\nA\nB,b@b,c\nC,c@c,\n")
    assert table.ragged == ((2, 1), (3, 3))
    assert [cells for _, cells in table.lines] == [("A", ""), ("B", "b@b"), ("C", "c@c")]


def test_columns_are_known_in_both_languages() -> None:
    found = read_header(("Nom et prénom", "Adresse e-mail", "N° client", "VALABLE JUSQU'AU", "card_format"))
    assert found.at == {"name": 0, "email": 1, "valid_until": 3, "card_format": 4}
    assert found.ignored == ("N° client",)
    assert dict(found.read_as) == {
        "Nom et prénom": "name",
        "Adresse e-mail": "email",
        "VALABLE JUSQU'AU": "valid_until",
    }
    everything = read_header(tuple(COLUMNS))
    parts = ("given_name", "usage_name", "family_name")
    assert (list(everything.at), everything.ignored) == ([name for name in COLUMNS if name not in parts], parts)


@pytest.mark.parametrize(
    ("header", "cells", "name"),
    [
        ("Nom;Prénom", "Modèle;François", "François Modèle"),
        ("Prénom;Nom", "François;Modèle", "François Modèle"),
        ("Civilité;Nom de naissance;Nom d’usage;Prénom", "Mme;Tilleul;Modèle;Renée", "Renée Modèle"),
        ("Civilité;Nom de naissance;Nom d'usage;Prénom", "Mme;Tilleul;;Renée", "Renée Tilleul"),
        ("Nom;Nom d'usage;Prénom(s)", "Tilleul;Modèle;x", "Modèle"),
        ("Last name;First name", "Model;Ann", "Ann Model"),
        ("name;first name", "Model;Ann", "Ann Model"),
        ("Nom;Prénom;Nom complet", "Modèle;François;M. François Modèle", "M. François Modèle"),
        ("Nom", "François Modèle", "François Modèle"),
        ("Nom;Nom de naissance;Prénom", "Modèle;Tilleul;Renée", "Renée Modèle"),
    ],
)
def test_a_name_in_parts_is_put_together(header: str, cells: str, name: str) -> None:
    parsed = parse(f"{header};email\n{cells};a@example.org\n".encode(), CardKeys.of(b"k" * 32), "")
    assert parsed.lines[0].name == name
    notes = " ".join(notes_of(parsed.table, parsed.columns))
    for dropped in ("Civilité", "Prénom(s)"):
        assert (f"dropped: {dropped!r}" in notes) == (dropped in header)
    assert ("The name is made of" in notes) == (len(header.split(";")) > 1 and "complet" not in header)


@pytest.mark.parametrize(
    ("header", "say"),
    [(("email", "courriel"), "both mean 'email'"), (("name", "places"), "one of member, email, card")],
)
def test_a_header_that_tells_no_members_apart_is_refused(header: tuple[str, ...], say: str) -> None:
    with pytest.raises(FileRefused, match=say):
        read_header(header)


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
def test_any_bytes_are_a_table_or_refused(data: bytes) -> None:
    for head in (b"", b"name,email,card,valid_from,places,allowance\n"):
        try:
            parsed = parse(head + data, CardKeys.of(b"k" * 32), "")
        except FileRefused:
            continue
        make_plan(parsed.lines, Known(), new_ref=lambda kind: f"{kind}-0000")
