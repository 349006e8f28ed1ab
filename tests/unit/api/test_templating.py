"""The pages' environment returns what Jinja's own would."""

from __future__ import annotations

from io import BytesIO

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.support import Translations
from jinja2 import DictLoader, StrictUndefined
from jinja2.exceptions import UndefinedError

from api.pages.templating import Templates, Translated, functions_of, options

_TEXTS = {"100 %% of <b>it</b>": "100 %% de <b>ça</b>", "Hello %(name)s": "Bonjour %(name)s"}


def _made(template: str) -> Templates:
    catalogue = Catalog(locale="fr")
    catalogue.mime_headers = [("Plural-Forms", "nplurals=2; plural=(n > 1);")]  # as of the pages' own
    for english, french in _TEXTS.items():
        catalogue.add(english, french)
    catalogue.add(("%(num)s seat", "%(num)s seats"), ("%(num)s place", "%(num)s places"))
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    made = Templates(
        loader=DictLoader({"page": template}), autoescape=True, undefined=StrictUndefined, extensions=[Translated]
    )
    made.newstyle_gettext = True  # type: ignore[attr-defined]
    made.globals |= functions_of(Translations(compiled))
    return made


def _rendered(template: str, **values: object) -> str:
    return _made(template).get_template("page").render(**values)


def test_a_text_without_values_is_translated_as_the_template_is_compiled() -> None:
    template = "{% trans %}100 % of <b>it</b>{% endtrans %}"
    assert _rendered(template) == "100 % de <b>ça</b>"
    assert "gettext" not in _made(template).compile(template, raw=True)


def test_what_is_inserted_is_escaped() -> None:
    template = "{% trans name=name %}Hello {{ name }}{% endtrans %} {{ _('Hello %(name)s', name=name) }} {{ _('<i>') }}"
    assert _rendered(template, name="<x>") == "Bonjour &lt;x&gt; Bonjour &lt;x&gt; <i>"


@pytest.mark.parametrize(("many", "said"), [(1, "1 place"), (2, "2 places")])
def test_a_plural_has_its_number(many: int, said: str) -> None:
    template = "{% trans num=many %}{{ num }} seat{% pluralize %}{{ num }} seats{% endtrans %}"
    assert _rendered(template, many=many) == said


def test_an_entry_of_a_dictionary_is_found_as_an_attribute_and_its_methods_stay() -> None:
    held = {"name": "a", "items": "hidden", "with space": 1}
    template = "{{ held.name }} {% for key, _ in held.items() %}{{ key }},{% endfor %} {{ held['items'] }}"
    assert _rendered(template, held=held) == "a name,items,with space, hidden"
    with pytest.raises(UndefinedError, match="'dict object' has no attribute 'other'"):
        _rendered("{{ held.other }}", held=held)


def test_choices_are_escaped_and_one_is_chosen() -> None:
    made = options([("", "–"), ('"a"', "<A>")], '"a"')
    assert made == '<option value="">–</option>\n<option value="&#34;a&#34;" selected>&lt;A&gt;</option>\n'
