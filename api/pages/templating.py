"""The Jinja environment of the pages, with shorter ways for what a page does hundreds of times.

What they return is what Jinja returns: a text without values is translated when its template is compiled, and a
dictionary's entry is looked up without a try for an attribute of that name first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from babel.support import NullTranslations
from jinja2 import Environment, nodes
from jinja2.ext import InternationalizationExtension
from markupsafe import Markup, escape

_OF_DICTIONARIES: Final = frozenset(dir(dict))
_TEXTS: Final = 4_096


class Templates(Environment):
    """Templates in one language."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return an attribute, or else an entry; as Jinja does."""
        if type(obj) is dict and attribute not in _OF_DICTIONARIES:
            try:
                return obj[attribute]
            except KeyError:
                return self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)


class Translated(InternationalizationExtension):
    """``{% trans %}``, as a constant where nothing is inserted."""

    def _make_node(  # noqa: PLR0917 — as Jinja calls it
        self,
        singular: str,
        plural: str | None,
        context: str | None,
        variables: dict[str, nodes.Expr],
        plural_expr: nodes.Expr | None,
        vars_referenced: bool,
        num_called_num: bool,
    ) -> nodes.Output:
        if plural is None and context is None and not variables and not vars_referenced:
            gettext: Callable[[str], Markup] = self.environment.globals["gettext"]  # type: ignore[assignment]
            return nodes.Output([nodes.TemplateData(str(gettext(singular)))])
        return super()._make_node(singular, plural, context, variables, plural_expr, vars_referenced, num_called_num)


def functions_of(translations: NullTranslations) -> Mapping[str, Callable[..., Markup]]:
    """Return the functions by which templates find their texts; values are escaped as they are inserted."""

    @lru_cache(maxsize=_TEXTS)
    def plain(text: str) -> Markup:
        return Markup(translations.gettext(text)) % {}  # noqa: S704 — a text of ours; values are escaped

    def gettext(text: str, /, **values: Any) -> Markup:
        return Markup(translations.gettext(text)) % values if values else plain(text)  # noqa: S704

    def ngettext(singular: str, plural: str, number: Any, /, **values: Any) -> Markup:
        found = translations.ngettext(singular, plural, number)
        return Markup(found) % {"num": number, **values}  # noqa: S704

    return {"gettext": gettext, "ngettext": ngettext, "_": gettext}


def options(choices: Iterable[tuple[Any, Any]], chosen: Any) -> Markup:
    """Return the ``<option>`` of each value and text of a field; a network has thousands of organisations."""
    lines = [
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>{escape(text)}</option>\n'
        for value, text in choices
    ]
    return Markup("".join(lines))  # noqa: S704 — both are escaped
