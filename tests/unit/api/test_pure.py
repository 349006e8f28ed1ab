"""A module that calls itself pure is held to it by import-linter."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_contract_names_every_module_that_calls_itself_pure() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (contract,) = (one for one in contracts if one["name"].startswith("Modules of api/ that call themselves pure"))
    pure = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in (ROOT / "api").rglob("*.py")
        if re.search(r"\bPure\b", ast.get_docstring(ast.parse(path.read_text())) or "")
    }
    assert len(pure) > 20
    assert pure <= set(contract["source_modules"])
