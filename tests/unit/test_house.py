"""The repository's own rules: which package imports which, what files are called and how long they are, and that the
paths in the docs exist."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

from tests.tables import ROOT

PACKAGES: Final = (
    *(
        "access",
        "api",
        "benchmarks",
        "booking",
        "dashboards",
        "database",
        "gateway",
        "ingest",
        "jobs",
        "maillage",
        "occupancy",
    ),
    *("process", "reports", "rights", "simulator"),
)
NAMELESS: Final = {"base", "common", "helper", "helpers", "manager", "misc", "service", "services", "util", "utils"}
LONGEST: Final = 400
TABLES: Final = {"gateway/drivers/models/milesight_tables.py"}
"""Files of data, which may be longer."""
DOCS: Final = sorted(
    path for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md")) if path.is_file()
)


def sources() -> list[Path]:
    return sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports() -> dict[str, set[str]]:
    """Each module's imports of our own modules, also those inside functions."""
    known = {module_of(path) for path in sources()}
    found: dict[str, set[str]] = {}
    for path in sources():
        targets = found.setdefault(module_of(path), set())
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                targets |= {alias.name for alias in node.names} & known
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                named = {f"{node.module}.{alias.name}" for alias in node.names} & known
                targets |= named or ({node.module} & known)
    return found


def arrows() -> dict[str, set[str]]:
    """What each package may import, from the table in docs/architecture.md."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)/` \|[^|]*\| ([^|]*) \|$", text, flags=re.MULTILINE)
    return {
        folder: set(PACKAGES) if allowed == "everything" else set(re.findall(r"`([\w.]+)`", allowed))
        for folder, allowed in rows
    }


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """A path through ``graph`` that comes back to its start, or nothing."""
    done: set[str] = set()

    def walk(node: str, path: list[str]) -> list[str]:
        if node in path:
            return [*path[path.index(node) :], node]
        if node not in done:
            for target in sorted(graph.get(node, ())):
                if found := walk(target, [*path, node]):
                    return found
            done.add(node)
        return []

    return next((found for node in sorted(graph) if (found := walk(node, []))), [])


def grouped(depth: int, within: str = "") -> dict[str, set[str]]:
    """The imports between packages (``depth`` 1), or between the parts of one package (2)."""
    graph: dict[str, set[str]] = {}
    for module, targets in imports().items():
        for target in targets:
            ours, theirs = module.split(".")[:depth], target.split(".")[:depth]
            inside = not within or (ours[0] == theirs[0] == within and len(ours) == len(theirs) == depth)
            if inside and ours != theirs:
                graph.setdefault(".".join(ours), set()).add(".".join(theirs))
    return graph


def names_a_path(text: str) -> bool:
    """Whether ``text`` is written as a folder or a file of ours: no topic, no kind of event, no ``NNNN``."""
    first, slash, rest = text.partition("/")
    if not (first and slash) or "NNNN" in text or not re.fullmatch(r"[\w./-]+", text) or not (ROOT / first).is_dir():
        return False
    return not rest or rest.endswith("/") or "." in rest or first in {"scripts", "deploy"}


def paths_in(text: str) -> Iterator[str]:
    """Backticked paths of this repository, without their ``::test`` or ``:line``."""
    for quoted in re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)):
        path = quoted.partition(":")[0]
        if names_a_path(path) and not path.startswith(".runtime/"):  # made when it runs
            yield path


def links_in(text: str) -> Iterator[str]:
    """Relative links, without their anchor."""
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" not in target and not target.startswith("#"):
            yield target.partition("#")[0]


def test_the_table_in_the_architecture_names_every_package() -> None:
    assert set(arrows()) == set(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_what_the_architecture_allows(package: str) -> None:
    allowed = arrows()[package] | {package}
    wrong = [
        f"{module} imports {target}"
        for module, targets in imports().items()
        if module.split(".")[0] == package
        for target in sorted(targets)
        if not any(target == one or target.startswith(one + ".") for one in allowed)
    ]
    assert wrong == []


def test_packages_import_each_other_one_way() -> None:
    assert cycle(grouped(1)) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_parts_of_a_package_import_each_other_one_way(package: str) -> None:
    assert cycle(grouped(2, package)) == []


def test_a_cycle_is_found() -> None:
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert cycle({"a": {"b", "c"}, "b": {"c"}}) == []


def test_files_and_folders_are_named_after_what_they_hold() -> None:
    everything = [*sources(), *(ROOT / "tests").rglob("*.py")]
    wrong = [
        path.relative_to(ROOT).as_posix()
        for path in everything
        if NAMELESS & {part.removesuffix(".py") for part in path.relative_to(ROOT).parts}
    ]
    assert wrong == []


def test_no_file_is_too_long() -> None:
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in (*sources(), *(ROOT / "api").rglob("*.js"), *(ROOT / "api").rglob("*.css"))
    }
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST and name not in TABLES} == {}


def test_no_simple_queue_is_waited_at_with_a_deadline() -> None:
    """CPython's SimpleQueue.get(timeout=…) may wait for ever: its lock is free after a put that met a deadline, it
    tries again with the time that is left, and below zero takes it for no deadline. Queue.get doesn't."""
    python = [path for package in (*PACKAGES, "tests") for path in (ROOT / package).rglob("*.py")]
    texts = {path.relative_to(ROOT): path.read_text(encoding="utf-8") for path in python if path != Path(__file__)}
    simple = [path for path, text in texts.items() if "SimpleQueue" in text]
    assert [f"{path}" for path in simple if re.search(r"\.get\([^)]*timeout", texts[path])] == []


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_the_docs_name_files_that_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    missing = [path for path in paths_in(text) if not (ROOT / path).exists()]
    missing += [link for link in links_in(text) if not (page.parent / link).exists()]
    assert missing == []


def test_each_page_is_linked_and_a_newcomer_finds_the_first_place_and_the_hardware() -> None:
    links = {
        page: {(page.parent / link).resolve() for link in links_in(page.read_text(encoding="utf-8"))} for page in DOCS
    }
    docs = ROOT / "docs"
    assert {page for page in DOCS if page.parent == docs} <= set().union(*links.values())
    first, hardware = docs / "first-place.md", docs / "hardware.md"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (section,) = re.findall(r"^## The first real place$(.*?)^## ", readme, re.MULTILINE | re.DOTALL)
    assert set(links_in(section)) >= {"docs/first-place.md", "docs/hardware.md"}
    assert hardware in links[first]
    assert first in links[hardware]


def test_a_path_that_points_at_nothing_is_seen() -> None:
    assert list(
        paths_in("in `gateway/nothing.py` and `tests/unit/test_house.py::test_x`, not `text/html` or `gateway/list`")
    ) == [
        "gateway/nothing.py",
        "tests/unit/test_house.py",
    ]
    assert list(links_in("[a](docs/a.md#b) and [c](https://example.org/d)")) == ["docs/a.md"]


@pytest.mark.parametrize("heading", ["A card read, from the reader to the stream", "A changed card, from its route"])
def test_no_module_is_entered_twice_on_a_path(heading: str) -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = next(part for part in re.split(r"^## ", text, flags=re.MULTILINE) if part.startswith(heading))
    steps = re.findall(r"^\d+\..*(?:\n   .*)*", section, flags=re.MULTILINE)
    modules = list(paths_in("\n".join(steps)))
    assert len(modules) > 10
    assert repeated(modules) == []


def repeated(names: Iterable[str]) -> list[str]:
    ordered = sorted(names)
    return [one for one, other in pairwise(ordered) if one == other]


def test_the_glossary_has_each_word_once() -> None:
    words = re.findall(
        r"^\| ([^|]+?) \|", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    assert repeated(word for word in words if word not in {"word", "---"}) == []


def test_every_module_that_calls_itself_pure_is_held_to_it() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    held = {module for one in contracts if "pure" in one["name"] for module in one["source_modules"]}
    pure = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in sources()
        if path.suffix == ".py" and re.search(r"\bPure\b", ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "")
    }
    assert len(pure) > 60
    assert {module for module in pure if not any(f"{module}.".startswith(f"{one}.") for one in held)} == set()


def test_the_test_script_names_tests_that_exist() -> None:
    named = re.findall(r"tests/[\w/.*]+", (ROOT / "scripts" / "test").read_text(encoding="utf-8"))
    assert len(named) > 5
    assert [path for path in named if not list(ROOT.glob(path))] == []
