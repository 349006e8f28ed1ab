"""`pip install maillage` without extras is a gateway: it must not need what only the centre has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
BLOCKED = [
    "fastapi",
    "starlette",
    "uvicorn",
    "psycopg",
    "psycopg_pool",
    "prometheus_client",
    "grafana_client",
    "tzdata",
]
RUN = f"""
import importlib.abc, sys
class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in {BLOCKED}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocker())
from maillage.cli import main
main()
"""


def maillage(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAILLAGE_")}
    return subprocess.run(
        [sys.executable, "-c", RUN, *words],
        env={**kept, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_help_and_gateway_start_without_the_centre_s_packages(tmp_path: Path) -> None:
    assert maillage("--help").returncode == 0
    done = maillage("gateway", MAILLAGE_GATEWAYS_FILE=str(tmp_path / "none.json"), MAILLAGE_RUNTIME=str(tmp_path))
    assert done.returncode == 1
    assert "No module named" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "extra"),
    [(["migrate"], "centre"), (["ingest"], "centre"), (["api"], "api"), (["key", "list"], "centre")],
)
def test_a_missing_extra_is_one_sentence_with_its_command(words: list[str], extra: str, tmp_path: Path) -> None:
    url = "postgresql://nobody@127.0.0.1:1/x"
    done = maillage(*words, MAILLAGE_DATABASE_URL=url, MAILLAGE_MQTT_URL="mqtt://x", MAILLAGE_RUNTIME=str(tmp_path))
    assert done.returncode == 1
    assert f"pip install 'maillage[{extra}]'" in done.stderr
    assert done.stderr.count("\n") == 1
