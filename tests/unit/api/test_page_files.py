"""How the page's files are sent: compressed, with validators, under addresses that change with their content."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api.page import load_assets, router

STATIC = Path(__file__).parents[3] / "api" / "page" / "static"


class Client:
    """Asks the routes, without a server."""

    def __init__(self) -> None:
        self._app = FastAPI()
        self._app.include_router(router)

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return asyncio.run(self._get(path, headers))

    async def _get(self, path: str, headers: dict[str, str] | None) -> httpx.Response:
        transport = httpx.ASGITransport(app=self._app)
        async with httpx.AsyncClient(transport=transport, base_url="http://maillage.test") as client:
            return await client.get(path, headers=headers)


@pytest.fixture
def client() -> Client:
    return Client()


def test_page_is_asked_for_again_and_known_by_its_etag(client: Client) -> None:
    first = client.get("/")
    assert first.status_code == 200
    assert first.headers["cache-control"] == "no-cache"
    assert first.headers["content-encoding"] == "gzip"
    again = client.get("/", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/", headers={"if-none-match": '"other"'}).status_code == 200


def test_files_of_this_version_are_kept_for_ever(client: Client) -> None:
    addresses = re.findall(r'(?:src|href)="(/static/[^"]+)"', client.get("/").text)
    assert len(addresses) >= 4
    for address in addresses:
        answer = client.get(address)
        assert answer.status_code == 200, address
        assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize("path", ["/static/page/app.js", "/static/page/0123456789ab/app.js"])
def test_other_versions_get_what_there_is_now(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path", ["nothing.js", "../__init__.py", "%2e%2e/__init__.py", "words", "", "x/../../settings.py"]
)
def test_nothing_else_is_sent(client: Client, path: str) -> None:
    assert client.get(f"/static/page/{path}").status_code == 404


def test_plain_for_those_who_do_not_unpack(client: Client) -> None:
    answer = client.get("/static/page/app.js", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in answer.headers
    assert answer.content == (STATIC / "app.js").read_bytes()


def test_version_follows_every_file(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text('<script src="{base}/a.js">')
    (tmp_path / "a.js").write_text("1")
    before, assets = load_assets(tmp_path)
    assert assets["index.html"].body == f'<script src="/static/page/{before}/a.js">'.encode()
    (tmp_path / "a.js").write_text("2")
    assert load_assets(tmp_path)[0] != before


def test_page_speaks_the_same_words_in_both_languages() -> None:
    words = {name: _words((STATIC / "words" / f"{name}.js").read_text("utf-8")) for name in ("fr", "en")}
    assert words["fr"] == words["en"]
    used = set(re.findall(r'data-word(?:-label|-placeholder)?="(\w+)"', (STATIC / "index.html").read_text("utf-8")))
    for script in STATIC.glob("*.js"):
        used |= set(re.findall(r'\bsay\("(\w+)"', script.read_text("utf-8")))
    assert used <= words["en"].keys()


def _words(text: str) -> dict[str, list[str]]:
    """Each key of a dictionary file, with what its texts have filled in."""
    lines = re.findall(r"^  (\w+): (.*),$", text, re.MULTILINE)
    return {key: sorted(set(re.findall(r"\{(\w+)\}", value))) for key, value in lines}


def test_nothing_inline_and_nothing_from_elsewhere() -> None:
    page = (STATIC / "index.html").read_text("utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*src=)", page)
    for file in STATIC.rglob("*"):
        if file.suffix in {".html", ".js", ".css"}:
            elsewhere = set(re.findall(r"[\"'`(](?:https?:)?//[\w.-]+\.\w+", file.read_text("utf-8"))) - {
                '"http://www.w3.org'
            }
            assert not elsewhere, file
