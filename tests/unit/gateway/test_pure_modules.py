"""import-linter holds the gateway's pure modules to doing no I/O; here, that it knows each of them."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_every_module_that_calls_itself_pure_is_held_to_it() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    held = next(set(one["source_modules"]) for one in contracts if one["name"].startswith("The gateway's pure modules"))
    pure = set()
    for file in (ROOT / "gateway").rglob("*.py"):
        if "Pure" in (ast.get_docstring(ast.parse(file.read_text())) or ""):
            pure.add(".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
    assert pure == held
