"""Imports and exports in French: no sentence is missing, and an export in French comes back."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import access.formats
import api.cards.notation
import api.transfer
from api.cards.notation import RANDOM
from api.http.language import language_of
from api.transfer.columns import read_header
from api.transfer.export import HEADER
from api.transfer.french import HEADERS, french

RAISED = {"LineRefused", "ValueError", "CardError", "FileRefused", "LineProblem", "_matching"}
PIECES = ("bits are 0 and 1", "7 Two files", "7. A 125 kHz", "7 has no 7", "a card of this format is written as 7",
          "this number begins with 08", "uid (hexadecimal)")  # fmt: skip
"""Pieces of sentences, which stand below as wholes, and what no file leads to."""
SOURCES = [
    *sorted(Path(api.transfer.__path__[0]).glob("*.py")),
    Path(api.cards.notation.__file__),
    Path(access.formats.__file__),
]


def sentences() -> Iterator[str]:
    """What these modules say: arguments of what they raise, constants with a capital's name, and notes."""
    for source in SOURCES:
        if source.name in ("french.py", "store.py"):
            continue
        tree = ast.parse(source.read_text(encoding="utf-8"))
        notes = source.name == "report.py"
        for node in ast.walk(tree):
            given: list[ast.expr] = []
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name in RAISED or (notes and name == "append"):
                    given = [*node.args, *(word.value for word in node.keywords)]
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
                given = [node.value] if node.target.id.lstrip("_").isupper() else []
            for one in given:
                text = written(one)
                if text and " " in text and not text.startswith(PIECES):
                    yield text


def written(one: ast.expr) -> str:
    """A text with 7 wherever it names something; empty: it is none."""
    if isinstance(one, ast.Constant):
        return one.value if isinstance(one.value, str) else ""
    if isinstance(one, ast.JoinedStr):
        return "".join(written(part) if isinstance(part, ast.Constant) else "7" for part in one.values)
    return ""


SAID = sorted({text for text in sentences() if text[:1].isalpha() or text[:1] == "7"})


def test_enough_is_looked_at() -> None:
    assert len(SAID) > 60


@pytest.mark.parametrize("sentence", SAID)
def test_every_sentence_has_its_french(sentence: str) -> None:
    assert french(sentence) != sentence


@pytest.mark.parametrize(
    ("english", "said"),
    [
        ("this key may not change 'isle'", "cette clé ne peut rien modifier à 'isle'"),
        ("the card is m-zoe1's, whose address is another; to change the address, name the member",
         "le badge est à m-zoe1, dont l'adresse est autre"),
        ("'isle' has no group of doors 'x'", "'isle' n'a pas de groupe de portes 'x'"),
        ("'isle' has no space 'x'", "'isle' n'a pas d'espace 'x'"),
        ("'isle' has no door 'x'", "'isle' n'a pas de porte 'x'"),
        ("the line has 3 cells, the header 4: is a separator not quoted?", "la ligne a 3 cellules, l'en-tête 4"),
        ("line 2 names the same card for another member", "la ligne 2 donne le même badge"),
        ("a card of this format is written as its number alone", "s'écrit avec son seul numéro"),
        ("a card of this format is written as its facility code and number, like 68:41551", "code de site"),
        (f"{RANDOM}. A 125 kHz card that a 34-bit reader sends so is of the format H10306-hex", "UID aléatoire"),
        ("Line 3 can't be read: the file is UTF-8 up to there and something else after. Two files of different "
         "encodings may have been joined, or it was saved with broken letters; save it anew as CSV UTF-8.",
         "La ligne 3 est"),
        ("something unknown", "something unknown"),
    ],
)  # fmt: skip
def test_what_a_sentence_names_stays(english: str, said: str) -> None:
    assert said in french(english)


def test_an_import_reads_the_french_headers() -> None:
    found = read_header([HEADERS[column] for column in HEADER])
    assert ([HEADER[at] for at in found.at.values()], found.ignored) == (list(found.at), ())
    assert set(found.at) == set(HEADER)


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        (None, "en"), ("", "en"), ("fr", "fr"),
        ("fr-FR,fr;q=0.9,en-US;q=0.8,en;q=0.7", "fr"), ("fr-CH, de;q=0.9", "fr"),
        ("en-GB,en;q=0.9,fr;q=0.8", "en"), ("fr;q=0.4, en;q=0.6", "en"), ("de, fr;q=0.5", "fr"), ("*", "en"),
        ("fr;q=0", "en"), ("fr;q=x", "en"), ("français", "en"),
    ],
)  # fmt: skip
def test_the_callers_language(accepted: str | None, language: str) -> None:
    assert language_of(accepted) == language


def test_a_sentence_that_quotes_megabytes_stays() -> None:
    long = "The columns '" + " and " * 1_000_000 + "' and 'x' both mean 'name'. Keep one of them."
    assert french(long) == long
