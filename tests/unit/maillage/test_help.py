"""What the command line says of itself: whole sentences at 80 columns, at once."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from maillage.cli import app

ROOT = Path(__file__).parents[3]
GROUPS = [
    "gateway",
    "devices",
    "authority",
    "broker",
    "key",
    "operator",
    "members",
    "dashboards",
    "dead-letters",
    "spool",
    "audit",
    "network",
    "place",
    "sample",
]


@pytest.mark.parametrize("group", [None, *GROUPS])
def test_no_summary_is_cut_at_80_columns(group: str | None) -> None:
    words = [group] if group else []
    told = CliRunner().invoke(app, [*words, "--help"], terminal_width=80).output
    listed = told.partition("Commands:\n")[2].splitlines()
    assert listed
    for line in listed:
        assert re.fullmatch(r"  [a-z-]+ +[A-Z].*\.", line), line
        assert not line.endswith("..."), line
        assert len(line) <= 80


def test_every_group_of_commands_is_looked_at() -> None:
    command = get_command(app)
    assert [name for name, one in getattr(command, "commands").items() if hasattr(one, "commands")] == GROUPS  # noqa: B009


def test_the_demo_s_help_needs_no_setup_and_names_every_option(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    for name in ("demo", "setup.sh"):
        shutil.copy(ROOT / "scripts" / name, tmp_path / "scripts" / name)
    told = {}
    for words in (["--help"], ["-h"], ["--seconds", "5", "--help"]):
        done = subprocess.run(
            [tmp_path / "scripts" / "demo", *words], capture_output=True, text=True, timeout=300, check=True
        )
        told[tuple(words)] = done.stdout
        assert done.stderr == ""
    assert sorted(one.name for one in tmp_path.iterdir()) == ["scripts"], "nothing was set up"
    assert len(set(told.values())) == 1
    up = CliRunner().invoke(app, ["up", "--help"], terminal_width=200).output
    options = re.compile(r"^ +(?:-h, )?(--[a-z-]+)", re.MULTILINE)
    assert set(options.findall(told["--help",])) == set(options.findall(up))


def _commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    for name, one in getattr(command, "commands", {}).items():
        if hasattr(one, "commands"):
            yield from _commands(one, (*words, name))
        else:
            yield (*words, name), f"{one.help or ''}\n{one.epilog or ''}"


def test_every_command_has_an_example_of_itself() -> None:
    found = dict(_commands(get_command(app)))
    assert len(found) > 30
    assert [words for words, text in found.items() if f"maillage {' '.join(words)}" not in text] == []
