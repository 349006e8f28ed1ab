"""The pages' texts: each has its French, and no French text is left over."""

from __future__ import annotations

import re
from pathlib import Path

from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import api.pages
from api.pages import accessibility
from api.pages.rendering import translations

FOLDER = Path(api.pages.__file__).parent
_PLACEHOLDER = re.compile(r"%\((\w+)\)s")


def _texts() -> set[str]:
    found = {
        str(text)
        for _file, _line, text, *_more in extract_from_dir(
            FOLDER,
            [("**.py", "python"), ("**.html", "jinja2.ext:babel_extract")],
            options_map={"**.html": {"newstyle_gettext": "true", "trim_blocks": "true", "lstrip_blocks": "true"}},
            keywords={"_": None, "gettext": None, "ngettext": (1, 2)},
        )
    }
    for module in FOLDER.rglob("*.py"):
        source = module.read_text(encoding="utf-8")
        found |= set(re.findall(r'say\(\s*request, "([^"]+)"', source))
        found |= set(re.findall(r'\btext\(\s*"([^"]+)"', source))
    return found


def test_every_text_of_a_page_has_its_french_and_the_same_values() -> None:
    french: dict[str, str] = {}
    for path in sorted((FOLDER / "locale" / "fr").glob("*.po")):
        with path.open("rb") as source:
            for one in read_po(source, locale="fr"):
                if one.id:
                    assert french.setdefault(str(one.id), str(one.string)) == str(one.string), (
                        f"{one.id} in {path.name}"
                    )
    assert len(french) > 50
    assert _texts() == set(french)
    for english, text in french.items():
        assert text
        assert sorted(_PLACEHOLDER.findall(english)) == sorted(_PLACEHOLDER.findall(text)), english


def test_numbers_of_things_are_french_whatever_the_number() -> None:
    singular, plural = "%(count)s seat", "%(count)s seats"
    shown = [translations("fr").ngettext(singular, plural, number) for number in (0, 1, 2, 24, 1_000_000)]
    assert shown == ["%(count)s place", "%(count)s place", *["%(count)s places"] * 3]


def test_the_declaration_of_accessibility_has_the_figures_of_the_walk_through_the_criteria() -> None:
    walk = (Path(__file__).parents[3] / "docs" / "accessibility.md").read_text(encoding="utf-8")
    states = re.findall(r"^\| \d+\.\d+ \| (C|NC|NA) \|", walk, flags=re.MULTILINE)
    assert len(states) == 106, "criteria of the RGAA 4.1.2"
    figures = [states.count(one) for one in ("C", "NC", "NA")]
    assert figures == [accessibility.MET, accessibility.NOT_MET, accessibility.NOT_APPLICABLE]
