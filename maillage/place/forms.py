"""The forms that a field's value can have: how it is read, written, and described to editors. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from access.errors import ListError
from access.schedules import zone_named
from maillage.place.durations import duration, seconds_of
from maillage.place.faults import Refused, nearest
from maillage.place.hours import hours_by_line, hours_in_parts, read_hours, write_hours
from maillage.place.identifiers import commune_fault, rna_fault, siret_fault
from maillage.place.nodes import Node, Nothing, Record, Row
from maillage.place.quoting import quoted

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_TRUE: Final = frozenset({"true", "yes", "on", "oui", "vrai", "x", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "non", "faux", "0"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One kind of value."""

    says: str
    """What is written, for the docs."""
    read: Callable[[Node], Any]
    """Raises ``Refused`` with what is expected."""
    write: Callable[[Any], str]
    """As YAML that fits in a list's line."""
    by_line: Callable[[Any], list[str]] | None = None
    """As lines of their own, where it is long."""
    parts: Callable[[Any], dict[str, str]] | None = None
    """By name, where a plan shows only the parts that change."""
    schema: dict[str, Any] = field(default_factory=dict)
    """JSON Schema."""


def text_of(node: Node, what: str = "a text") -> str:
    """Return a scalar's text.

    Raises:
        Refused: the node is a list or a mapping, or blank, or holds characters that cannot be seen.
    """
    if isinstance(node, Nothing):
        raise Refused(f"expected {what}, and nothing is written")
    if isinstance(node, Row):
        raise Refused(f"expected {what}, and this is a list")
    if isinstance(node, Record):
        raise Refused(f"expected {what}, and this is a record of its own")
    if not node.text.strip():
        raise Refused(f"expected {what}, and nothing is written")
    if _CONTROL.search(node.text):
        raise Refused("a line break, a tab or another control character: write it in one line")
    return node.text


def text(longest: int) -> Form:
    """A text of at most ``longest`` characters."""

    def read(node: Node) -> str:
        found = text_of(node)
        if len(found) > longest:
            raise Refused(f"{len(found)} characters, and at most {longest} are kept")
        return found

    schema = {"type": ["string", "number"], "maxLength": longest}
    return Form(says=f"a text, at most {longest} characters", read=read, write=quoted, schema=schema)


def pattern(says: str, form: str, longest: int = 500) -> Form:
    """A text of the pattern ``form``; ``says`` tells people which."""
    compiled = re.compile(form)

    def read(node: Node) -> str:
        found = text_of(node, says).strip()
        if not compiled.fullmatch(found) or len(found) > longest:
            raise Refused(f"expected {says}, not {found[:60]!r}")
        return found

    return Form(says=says, read=read, write=quoted, schema={"type": ["string", "integer"], "pattern": f"^({form})$"})


def checked(says: str, fault: Callable[[str], str | None]) -> Form:
    """A number that ``fault`` checks; blanks within it are left out."""

    def read(node: Node) -> str:
        found = re.sub(r"\s", "", text_of(node, says)).upper()
        if (wrong := fault(found)) is not None:
            raise Refused(wrong)
        return found

    return Form(says=says, read=read, write=quoted, schema={"type": ["string", "integer"]})


def choice(words: Iterable[str]) -> Form:
    """One of ``words``."""
    known = tuple(words)

    def read(node: Node) -> str:
        found = text_of(node, "a word").strip()
        if found not in known:
            raise Refused(f"there is no {found[:40]!r} here{nearest(found, known)} (there are {', '.join(known)})")
        return found

    return Form(says=", ".join(f"`{one}`" for one in known), read=read, write=quoted, schema={"enum": list(known)})


def whole(low: int, high: int) -> Form:
    """A whole number within limits."""

    def read(node: Node) -> int:
        found = text_of(node, "a whole number").strip()
        if not re.fullmatch(r"[0-9]{1,9}", found) or not low <= int(found) <= high:
            raise Refused(f"expected a whole number from {low} to {high}, not {found[:30]!r}")
        return int(found)

    schema = {"type": "integer", "minimum": low, "maximum": high}
    return Form(says=f"a whole number, {low} to {high}", read=read, write=str, schema=schema)


def number(low: float, high: float, *, above: bool = False, decimals: int = 12) -> Form:
    """A number within limits; ``above``: the least value is not allowed itself."""
    says = f"a number {'above' if above else 'from'} {low:g} {'up ' if above else ''}to {high:g}"

    def read(node: Node) -> float:
        found = _with_a_point(text_of(node, "a number").strip())
        written = re.fullmatch(r"[+-]?[0-9]{1,9}(?:[.]([0-9]+))?", found)
        if written is None:
            raise Refused(f"expected {says}, not {found[:30]!r}")
        if len(written[1] or "") > decimals:
            raise Refused(f"at most {decimals} decimals are kept: {found[:30]}")
        value = float(found)
        if not low <= value <= high or (above and value == low) or not math.isfinite(value):
            raise Refused(f"expected {says}, not {found[:30]}")
        return value

    least = {"exclusiveMinimum" if above else "minimum": low}
    return Form(says=says, read=read, write=_short, schema={"type": "number", **least, "maximum": high})


def _with_a_point(written: str) -> str:
    """Return a number as it was written.

    Raises:
        Refused: it has a decimal comma, which in a record on one line begins another key.
    """
    if re.fullmatch(r"[+-]?[0-9]+,[0-9]+", written):
        raise Refused(f"{written[:30]} has a comma: write {written[:30].replace(',', '.')}, with a point")
    return written


def _short(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _flag(node: Node) -> bool:
    found = text_of(node, "yes or no").strip().lower()
    if found not in _TRUE and found not in _FALSE:
        raise Refused(f"expected true or false, not {found[:30]!r}")
    return found in _TRUE


def _every(node: Node) -> int:
    found = text_of(node, "a duration")
    seconds = seconds_of(found)
    if not seconds or seconds > 31_536_000:
        raise Refused(f"expected a duration as 90 s, 20 min or 1 h, at most a year, not {found[:30]!r}")
    return seconds


def _zone(node: Node) -> str:
    found = text_of(node, "a time zone").strip()
    try:
        zone_named(found)
    except ListError as error:
        raise Refused(f"{error}: write one as Europe/Paris or Indian/Reunion") from None
    if not re.fullmatch(r"UTC|[A-Z][A-Za-z_]+(/[A-Za-z0-9_+-]+){1,2}", found):
        raise Refused(f"expected a time zone as Europe/Paris, not {found[:40]!r}")
    return found


def _words(node: Node) -> tuple[str, ...]:
    if not isinstance(node, Row):
        raise Refused("expected a list, for example [Imprimante, Scanner]")
    found = tuple(text_of(one) for one in node.items)
    if len(found) > 50 or any(len(one) > 200 for one in found):
        raise Refused("at most 50 texts of at most 200 characters each")
    return found


def _prices(node: Node) -> tuple[tuple[str, str, int], ...]:
    if not isinstance(node, Row):
        raise Refused("expected a list, for example [{category: Résident, unit: mois, amount: 120}]")
    return tuple(_price(one) for one in node.items)


def _price(node: Node) -> tuple[str, str, int]:
    if not isinstance(node, Record) or set(node.values) != {"category", "unit", "amount"}:
        raise Refused(
            "a price has a category, a unit and an amount in euros: {category: Résident, unit: jour, amount: 12.50}"
        )
    written = _with_a_point(text_of(node.values["amount"], "an amount in euros").strip())
    euros = re.fullmatch(r"([0-9]{1,7})(?:[.]([0-9]{1,2}))?", written)
    if euros is None:
        raise Refused(f"amount: expected euros, as 12 or 12.50, not {written[:30]!r}")
    category, unit = text_of(node.values["category"]), text_of(node.values["unit"])
    if len(category) > 100 or len(unit) > 50:
        raise Refused("a category has at most 100 characters, a unit 50")
    return category, unit, int(euros[1]) * 100 + int((euros[2] or "").ljust(2, "0"))


def _write_price(price: tuple[str, str, int]) -> str:
    category, unit, cents = price
    return f"{{category: {quoted(category)}, unit: {quoted(unit)}, amount: {_euros(cents)}}}"


def _euros(cents: int) -> str:
    return str(cents // 100) if cents % 100 == 0 else f"{cents // 100}.{cents % 100:02}"


def _prices_in_parts(prices: Iterable[tuple[str, str, int]]) -> dict[str, str]:
    return {f"{category}, {unit}": f"{_euros(cents)} €" for category, unit, cents in prices}


_DAY: Final = {"type": ["string", "null"]}
_STRINGS: Final = {"type": "array", "maxItems": 50, "items": {"type": ["string", "number"], "maxLength": 200}}
FLAG: Final = Form(
    says="`true` or `false`", read=_flag, write=lambda value: "true" if value else "false", schema={"type": "boolean"}
)
CODE: Final = pattern("a code (small letters, digits, `.`, `_`, `-`)", "[a-z0-9][a-z0-9._-]{0,63}")
DEVICE_CODE: Final = pattern(
    "a code of 1 to 64 characters that begins with a letter or a digit", r"(?!gateway$)[^\s/+#=@'-][^\s/+#]{0,63}"
)
EVERY: Final = Form(
    says="a duration: `90 s`, `20 min`, `1 h`", read=_every, write=lambda value: quoted(duration(value)),
    schema={"type": ["string", "integer"], "pattern": "^[0-9]+ ?(s|min|h|d|j)?$"},
)  # fmt: skip
ZONE: Final = Form(says="a time zone", read=_zone, write=quoted, schema={"type": "string"})
WORDS: Final = Form(
    says="a list of texts",
    read=_words,
    write=lambda value: f"[{', '.join(map(quoted, value))}]",
    parts=lambda value: dict.fromkeys(value, "there"),
    schema=_STRINGS,
)
PRICES: Final = Form(
    says="a list of `{category, unit, amount}`, in euros",
    read=_prices,
    write=lambda value: f"[{', '.join(map(_write_price, value))}]",
    by_line=lambda value: [f"- {_write_price(one)}" for one in value],
    parts=_prices_in_parts,
    schema={
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "category": {"type": "string", "maxLength": 100},
                "unit": {"type": "string", "maxLength": 50},
                "amount": {"type": "number", "minimum": 0},
            },
            "required": ["category", "unit", "amount"],
            "additionalProperties": False,
        },
    },
)
HOURS: Final = Form(
    says="by day `mon` … `sun`: `09:00-12:00, 14:00-18:00` or `closed`",
    read=read_hours,
    write=write_hours,
    by_line=hours_by_line,
    parts=hours_in_parts,
    schema={
        "type": "object",
        "properties": {
            **dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), _DAY),
            "holidays": {"type": ["string", "object"]},
            "except": {"type": "array", "items": {"type": "object", "required": ["days", "hours"]}},
            "closed": {"type": "array", "items": {"type": "string"}},
        },
        "additionalProperties": False,
    },
)
SIRET: Final = checked("14 digits", siret_fault)
RNA: Final = checked("`W` and 9 digits", rna_fault)
COMMUNE: Final = checked("the commune's INSEE code", commune_fault)
