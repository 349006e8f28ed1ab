"""The live page: static files served from memory, compressed once, under URLs that change with their content.

The HTML exists in each language, so that the first paint is in the reader's language.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, Final, get_args

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from api.http.language import Language, language_of

_FOLDER: Final = Path(__file__).parent / "static"
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".md": "text/markdown; charset=utf-8",
}
_SECURITY: Final = {
    # Nothing inline and nothing from other origins.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "Permissions-Policy": "geolocation=(), camera=(), microphone=()",
}
_LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
_CHOSEN: Final = "maillage-language"
"""The cookie that words.js sets when the reader chooses a language."""
_FOREVER: Final = "public, max-age=31536000, immutable"
_ASK: Final = "no-cache"  # cached, but revalidated each time by ETag


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file as it is sent."""

    body: bytes
    packed: bytes
    media_type: str
    etag: str


def _asset(body: bytes, suffix: str) -> Asset:
    return Asset(
        body=body,
        packed=gzip.compress(body, mtime=0),
        media_type=_TYPES[suffix],
        etag=f'"{hashlib.sha256(body).hexdigest()[:24]}"',
    )


def load_assets(folder: Path = _FOLDER) -> tuple[str, dict[str, Asset]]:
    """Read the page's files; return a version that changes with any of them, and the files by their path.

    ``words/LANGUAGE.json`` becomes the module ``words/LANGUAGE.js``, and ``index.html`` becomes ``LANGUAGE.html`` with
    the texts of that language. The pages refer to the other files under ``{base}``, which becomes
    ``/static/page/VERSION``: browsers may cache them for ever, and modules that import each other always match.
    """
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.suffix in _TYPES}
    bodies = {name: path.read_bytes() for name, path in files.items()}
    digest = hashlib.sha256()
    for name, body in bodies.items():
        digest.update(f"{name}\0{len(body)}\0".encode() + body)
    version = digest.hexdigest()[:12]
    page = bodies.pop("index.html").decode()
    for language in _LANGUAGES:
        words = bodies.pop(f"words/{language}.json")
        bodies[f"words/{language}.js"] = b"export default " + words.rstrip() + b";\n"
        bodies[f"{language}.html"] = _written_out(page, language, json.loads(words), version).encode()
    return version, {name: _asset(body, Path(name).suffix) for name, body in bodies.items()}


def _written_out(page: str, language: str, words: dict[str, Any], version: str) -> str:
    """Return ``page`` with the texts of ``language`` and the base URL of the other files."""
    pressed = {f"is_{one}": str(one == language).lower() for one in _LANGUAGES}
    values = {**words, **pressed, "lang": language, "base": f"/static/page/{version}"}
    return re.sub(r"\{(\w+)\}", lambda found: escape(values[found[1]]), page)


def _matches(header: str | None, etag: str) -> bool:
    return header is not None and any(tag.strip().removeprefix("W/") in (etag, "*") for tag in header.split(","))


def _answer(request: Request, asset: Asset, cache: str, vary: str = "Accept-Encoding") -> Response:
    packed = "gzip" in request.headers.get("accept-encoding", "")
    headers = {**_SECURITY, "ETag": asset.etag, "Cache-Control": cache, "Vary": vary}
    if _matches(request.headers.get("if-none-match"), asset.etag):
        return Response(status_code=304, headers=headers)
    if packed:
        headers["Content-Encoding"] = "gzip"
    return Response(asset.packed if packed else asset.body, media_type=asset.media_type, headers=headers)


@cache
def _assets() -> tuple[str, dict[str, Asset]]:
    return load_assets()


def language_for(request: Request) -> Language:
    """Return the language that the reader chose, or that the browser prefers."""
    chosen = request.cookies.get(_CHOSEN)
    for language in _LANGUAGES:
        if language == chosen:
            return language
    return language_of(request.headers.get("accept-language"))


def base_url() -> str:
    """Return the address of the page's files; it changes with any of them."""
    return f"/static/page/{_assets()[0]}"


router: Final = APIRouter(include_in_schema=False)


@router.api_route("/", methods=["GET", "HEAD"])
async def page(request: Request) -> Response:
    """The page in the language that the reader chose or the browser prefers; revalidated each time."""
    return _answer(
        request, _assets()[1][f"{language_for(request)}.html"], _ASK, vary="Accept-Encoding, Accept-Language, Cookie"
    )


@router.api_route("/favicon.ico", methods=["GET", "HEAD"])
async def icon(request: Request) -> Response:
    """For browsers that request only this path."""
    return _answer(request, _assets()[1]["icon.svg"], _ASK)


@router.api_route("/static/page/{path:path}", methods=["GET", "HEAD"])
async def static(request: Request, path: str) -> Response:
    """One of the page's files; for an older version in the URL the current file (after an upgrade)."""
    version, assets = _assets()
    wanted, _, name = path.partition("/")
    if wanted == version and name in assets:
        return _answer(request, assets[name], _FOREVER)
    asset = assets.get(path) or assets.get(name)
    if asset is None:
        raise HTTPException(404, f"The page has no file {path!r}.")
    return _answer(request, asset, _ASK)
