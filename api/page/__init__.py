"""The live page: static files served from memory, compressed once, under addresses that change with their content."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

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
    # Nothing inline, nothing from elsewhere: no request leaves this server.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "Permissions-Policy": "geolocation=(), camera=(), microphone=()",
}
_FOREVER: Final = "public, max-age=31536000, immutable"
_ASK: Final = "no-cache"  # kept, but asked for again each time: a 304 by ETag


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One file as it is sent."""

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
    """Read the page's files: a version that changes with any of them, and each file by its path in the folder.

    ``index.html`` names the others under ``{base}``, which becomes ``/static/page/VERSION``; so a browser may keep them
    for ever, and modules that import each other by relative path are always of one version.
    """
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.suffix in _TYPES}
    bodies = {name: path.read_bytes() for name, path in files.items()}
    digest = hashlib.sha256()
    for name, body in bodies.items():
        digest.update(f"{name}\0{len(body)}\0".encode() + body)
    version = digest.hexdigest()[:12]
    bodies["index.html"] = bodies["index.html"].replace(b"{base}", f"/static/page/{version}".encode())
    return version, {name: _asset(body, files[name].suffix) for name, body in bodies.items()}


def _matches(header: str | None, etag: str) -> bool:
    return header is not None and any(tag.strip().removeprefix("W/") in (etag, "*") for tag in header.split(","))


def _answer(request: Request, asset: Asset, cache: str) -> Response:
    packed = "gzip" in request.headers.get("accept-encoding", "")
    headers = {**_SECURITY, "ETag": asset.etag, "Cache-Control": cache, "Vary": "Accept-Encoding"}
    if _matches(request.headers.get("if-none-match"), asset.etag):
        return Response(status_code=304, headers=headers)
    if packed:
        headers["Content-Encoding"] = "gzip"
    return Response(asset.packed if packed else asset.body, media_type=asset.media_type, headers=headers)


@cache
def _assets() -> tuple[str, dict[str, Asset]]:
    return load_assets()


router: Final = APIRouter(include_in_schema=False)


@router.api_route("/", methods=["GET", "HEAD"])
async def page(request: Request) -> Response:
    """The page itself, asked for again each time."""
    return _answer(request, _assets()[1]["index.html"], _ASK)


@router.api_route("/favicon.ico", methods=["GET", "HEAD"])
async def icon(request: Request) -> Response:
    """For browsers that look nowhere else."""
    return _answer(request, _assets()[1]["icon.svg"], _ASK)


@router.api_route("/static/page/{path:path}", methods=["GET", "HEAD"])
async def static(request: Request, path: str) -> Response:
    """One of the page's files; under an older version, or none, what there is now (a page opened before an upgrade)."""
    version, assets = _assets()
    wanted, _, name = path.partition("/")
    if wanted == version and name in assets:
        return _answer(request, assets[name], _FOREVER)
    asset = assets.get(path) or assets.get(name)
    if asset is None:
        raise HTTPException(404, f"The page has no file {path!r}.")
    return _answer(request, asset, _ASK)
