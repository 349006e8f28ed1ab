"""Reads YAML into texts, lists and mappings that know their lines. What a text means is its field's business.

YAML takes ``NO`` for false, ``10:30`` for 630 and ``01234`` for 668 where it may guess. Here nothing is guessed: every
scalar stays the text that was written, and a field of the format reads it (``maillage.place.forms``). Anchors and
aliases are refused: a place's file has no use for them, and ten lines of them can stand for a billion. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import yaml

from maillage.place.faults import Fault, FileRefused

LARGEST: Final = 2_000_000
"""Characters of a file."""
_NULLS: Final = ("", "~", "null", "Null", "NULL")


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A scalar as it was written."""

    line: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """A key without a value."""

    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A list."""

    line: int
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A mapping: its values and the lines of its keys."""

    line: int
    values: dict[str, Node]
    lines: dict[str, int]


Node = Text | Nothing | Row | Record


class _Loader(yaml.SafeLoader):
    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise yaml.MarkedYAMLError(
                problem="an anchor (&) or alias (*): write the value out", problem_mark=event.start_mark
            )
        return super().compose_node(parent, index)


def read_yaml(text: str, file: str) -> Record:
    """Read ``text`` as one mapping; ``file`` is its name in faults.

    Raises:
        FileRefused: it is too long, is no YAML or no mapping, or names a key twice.
    """
    if len(text) > LARGEST:
        raise FileRefused([Fault(file=file, line=1, text=f"the file has more than {LARGEST} characters")])
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise FileRefused([_no_yaml(file, mark.line + 1 if mark else 1, error)]) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        odd = f"the character U+{ord(error.character):04X} cannot stand in a file: remove it"
        raise FileRefused([Fault(file=file, line=line, text=odd)]) from None
    except RecursionError:
        raise FileRefused([Fault(file=file, line=1, text="lists within lists, too deep to read")]) from None
    faults: list[Fault] = []
    found = None if node is None else _node(node, file, faults)
    if faults:
        raise FileRefused(faults)
    if not isinstance(found, Record):
        raise FileRefused([Fault(file=file, line=1, text="no place here: the file begins with `place:`")])
    return found


def _node(node: yaml.Node, file: str, faults: list[Fault]) -> Node:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.ScalarNode):
        if node.style is None and node.value in _NULLS:
            return Nothing(line=line)
        return Text(line=line, text=node.value)
    if isinstance(node, yaml.SequenceNode):
        return Row(line=line, items=tuple(_node(one, file, faults) for one in node.value))
    assert isinstance(node, yaml.MappingNode)
    values: dict[str, Node] = {}
    lines: dict[str, int] = {}
    for key, value in node.value:
        at = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            faults.append(Fault(file=file, line=at, text="a key is a word"))
        elif key.value in values:
            faults.append(Fault(file=file, line=at, text=f"{key.value} is on line {lines[key.value]} already"))
        else:
            values[key.value] = _node(value, file, faults)
            lines[key.value] = at
    return Record(line=line, values=values, lines=lines)


def _no_yaml(file: str, line: int, error: yaml.MarkedYAMLError) -> Fault:
    what = " ".join(part for part in (error.context, error.problem) if part)
    hint = ""
    if "\\t" in what or "tab" in what:
        hint = " Indent with spaces, not with tabs."
    elif "<block end>" in what:
        hint = " Lines of one record need the same indentation."
    elif "flow mapping" in what or "flow sequence" in what:
        hint = " A text with `: `, ` #` or a comma needs quotes, and each { and [ its end."
    elif "mapping values are not allowed" in what:
        hint = " A text with a colon needs quotes, and lines of one record the same indentation."
    return Fault(file=file, line=line, text=f"this is no YAML: {what}.{hint}")
