"""`maillage gateway join`: which server it believes, and what it says where it can't join."""

from __future__ import annotations

import hashlib
import json
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from maillage.authority import create, issue_server
from maillage.complaint import Complaint
from maillage.join import REQUEST, Trust, join


class _Refusing(BaseHTTPRequestHandler):
    """Refuses every code."""

    asked: list[dict[str, Any]] = []  # noqa: RUF012

    def do_POST(self) -> None:
        self.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        answer = json.dumps({"detail": "This code is wrong."}).encode()
        self.send_response(403)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """An HTTPS server with a private certificate, and the folder of its authority."""
    folder = tmp_path_factory.mktemp("server")
    create(folder / "authority", datetime.now(UTC))
    issue_server(folder / "authority", ["127.0.0.1"], folder / "server", now=datetime.now(UTC))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server/certificate.pem", folder / "server/key.pem")
    with ThreadingHTTPServer(("127.0.0.1", 0), _Refusing) as one:
        one.socket = context.wrap_socket(one.socket, server_side=True)
        threading.Thread(target=one.serve_forever, daemon=True).start()
        yield f"https://127.0.0.1:{one.server_port}", folder
        one.shutdown()


def _fingerprint(folder: Path) -> str:
    der = ssl.PEM_cert_to_DER_cert((folder / "server/certificate.pem").read_text())
    digest = hashlib.sha256(der).hexdigest().upper()
    return ":".join(digest[start : start + 2] for start in range(0, 64, 2))


def test_a_private_certificate_is_believed_by_its_authority_or_its_fingerprint_only(
    server: tuple[str, Path], tmp_path: Path
) -> None:
    url, folder = server
    _Refusing.asked.clear()
    for trust, said in (
        (Trust(), "isn't believed"),
        (Trust(ca_file=folder / "authority/processes/authority.pem"), "isn't believed"),
        (Trust(ca_file=tmp_path / "none.pem"), "can't be read"),
        (Trust(fingerprint="00" * 32), "another certificate"),
    ):
        with pytest.raises(Complaint, match=said):
            join(url, "7KQF-2M9X-ZT4C", tmp_path / "identity", trust)
    assert _Refusing.asked == [], "no code was sent"
    for trust in (Trust(ca_file=folder / "authority/authority.pem"), Trust(fingerprint=_fingerprint(folder))):
        with pytest.raises(Complaint, match=r"refuses \(403\): This code is wrong"):
            join(url, "7KQF-2M9X-ZT4C", tmp_path / "identity", trust)
    assert _Refusing.asked[0] == _Refusing.asked[1], "the same request, until there is an answer"
    assert "PRIVATE" not in str(_Refusing.asked)
    assert (tmp_path / "identity" / REQUEST).exists()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://maillage.example.org", "isn't encrypted"),
        ("maillage.example.org", "no address"),
        ("https://user@maillage.example.org", "no address"),
        ("https://127.0.0.1:1", "doesn't answer: .*reach port 1 of the server.*`maillage doctor`.*type the same again"),
        ("http://127.0.0.1:1", "doesn't answer: .*reach port 1 of the server.*`maillage doctor`.*type the same again"),
    ],
)
def test_a_server_that_can_t_be_used_is_named(url: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(Complaint, match=said):
        join(url, "7KQF-2M9X-ZT4C", tmp_path / "identity", Trust())


def test_an_identity_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "identity.json").write_text("{}")
    with pytest.raises(Complaint, match="holds an identity already"):
        join("http://127.0.0.1:1", "7KQF-2M9X-ZT4C", tmp_path, Trust())
