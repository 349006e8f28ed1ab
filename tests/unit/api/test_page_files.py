"""How the page's files are sent: compressed, with validators, under addresses that change with their content."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

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
    (tmp_path / "index.html").write_text('<html lang="{lang}"><script src="{base}/a.js">{free}')
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "en.json").write_text('{"free": "a < b"}')
    (tmp_path / "words" / "fr.json").write_text('{"free": "libre"}')
    (tmp_path / "a.js").write_text("1")
    before, assets = load_assets(tmp_path)
    assert assets["en.html"].body == f'<html lang="en"><script src="/static/page/{before}/a.js">a &lt; b'.encode()
    assert assets["fr.html"].body == f'<html lang="fr"><script src="/static/page/{before}/a.js">libre'.encode()
    assert assets["words/fr.js"].body == b'export default {"free": "libre"};\n'
    (tmp_path / "a.js").write_text("2")
    assert load_assets(tmp_path)[0] != before


@pytest.mark.parametrize(
    ("headers", "language"),
    [
        ({"accept-language": "fr-FR,fr;q=0.9,en;q=0.8"}, "fr"),
        ({"accept-language": "de-DE"}, "en"),
        ({}, "en"),
        ({"accept-language": "fr", "cookie": "maillage-language=en"}, "en"),
        ({"accept-language": "en", "cookie": "maillage-language=fr"}, "fr"),
        ({"accept-language": "fr", "cookie": "maillage-language=../en"}, "fr"),
    ],
)
def test_the_page_is_written_in_the_language_of_its_reader(
    client: Client, headers: dict[str, str], language: str
) -> None:
    answer = client.get("/", headers=headers)
    assert f'<html lang="{language}">' in answer.text
    assert ("Chargement…" in answer.text, "Loading…" in answer.text) == (language == "fr", language == "en")
    assert not re.search(r"\{\w+\}", answer.text)
    assert answer.headers["vary"] == "Accept-Encoding, Accept-Language, Cookie"
    other = client.get("/", headers={"cookie": f"maillage-language={'en' if language == 'fr' else 'fr'}"})
    assert other.headers["etag"] != answer.headers["etag"]


def test_page_speaks_the_same_words_in_both_languages() -> None:
    words = {name: _words(json.loads((STATIC / "words" / f"{name}.json").read_text("utf-8"))) for name in ("fr", "en")}
    assert words["fr"] == words["en"]
    page = (STATIC / "index.html").read_text("utf-8")
    page = (STATIC / "index.html").read_text("utf-8")
    used = set(re.findall(r'data-word(?:-label|-placeholder)?="(\w+)"', page))
    used |= set(re.findall(r"\{(\w+)\}", page)) - {"lang", "base", "is_fr", "is_en"}
    scripts = "".join(script.read_text("utf-8") for script in STATIC.glob("*.js"))
    used |= set(re.findall(r'\bsay\("(\w+)"', scripts))
    assert used <= words["en"].keys()
    assert {name for name in words["en"].keys() - used if not re.search(rf"\b{name}\b|{name[:5]}_\$", scripts)} <= {
        *(f"line_{state}" for state in ("opening", "live", "cut")),
        *(f"level_{level}" for level in ("none", "unknown", "closed")),
    }


def _words(words: dict[str, Any]) -> dict[str, list[str]]:
    """Each key of a dictionary, with what its texts have filled in."""
    return {key: sorted(set(re.findall(r"\{(\w+)\}", str(value)))) for key, value in words.items()}


def test_nothing_inline_and_nothing_from_elsewhere() -> None:
    page = (STATIC / "index.html").read_text("utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*src=)", page)
    for file in STATIC.rglob("*"):
        if file.suffix in {".html", ".js", ".css"}:
            elsewhere = set(re.findall(r"[\"'`(](?:https?:)?//[\w.-]+\.\w+", file.read_text("utf-8"))) - {
                '"http://www.w3.org'
            }
            assert not elsewhere, file
