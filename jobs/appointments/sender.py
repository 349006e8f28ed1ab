"""Who a mail is from, and whether the mail server that received it has verified that (RFC 8601). Pure.

The sender chooses nearly every word of a mail, also some that our own server quotes in its results. So headers are
read as they came: no encoded word (RFC 2047) is decoded, and what is in quotes or comments is no word of the server.
"""

from __future__ import annotations

import re
from email.message import Message
from typing import Any, Final

LONGEST: Final = 20_000
"""Characters of a header that are read."""
_MOST: Final = 20
"""Headers of one name that are read."""
_RESULT: Final = re.compile(r"^\s*(dkim|dmarc)\s*(?:/\s*\d+\s*)?=\s*pass\b(.*)$", re.IGNORECASE | re.DOTALL)
_PROPERTY: Final = re.compile(r"(?<!\S)header\.([a-z]+)\s*=\s*([^\s;\"]+)", re.IGNORECASE)
_PLAIN_QUOTED: Final = re.compile(r"[A-Za-z0-9._-]+")
_ADDRESS: Final = r"([^\s<>@\"(),;:\\]{1,200}@[^\s<>@\"(),;:\\]{1,255})"
_FROM: Final = re.compile(rf"\s*{_ADDRESS}\s*|[^<>@,;:]*<\s*{_ADDRESS}\s*>\s*")


def headers_of(message: Message[Any, Any], name: str) -> list[str]:
    """Return the values of a header as they came, topmost first: at most 20, each cut at ``LONGEST`` characters."""
    found = [str(value)[:LONGEST] for key, value in message.raw_items() if key.lower() == name.lower()]
    return found[:_MOST]


def sender_of(message: Message[Any, Any]) -> str | None:
    """Return the one address in From, in lower case; None: there is none, several, or it can be read in two ways."""
    headers = headers_of(message, "From")
    plain = _without_comments(headers[0]) if len(headers) == 1 else None
    found = None if plain is None else _FROM.fullmatch(plain)
    return None if found is None else str(found[1] or found[2]).lower()


def is_verified(message: Message[Any, Any], sender: str, authserv: str | None) -> bool:
    """Return whether our own mail server says that the mail is from ``sender``'s domain.

    Only the topmost result that bears the server's name counts: it writes its own above those that came with the mail.
    A pass of DMARC must be for the domain in From, one of DKIM for a signature by that domain or one above it.
    """
    if authserv is None:
        return False
    domain = sender.rpartition("@")[2]
    for header in headers_of(message, "Authentication-Results"):
        words = header.split(";")[0].split("(")[0].split()
        if words and words[0].lower() == authserv.lower():
            plain = _without_comments(header)
            return plain is not None and any(_passes(one, domain) for one in plain.split(";")[1:])
    return False


def is_automatic(message: Message[Any, Any]) -> bool:
    """Return whether no person sent it, such as an answer of an absent person (RFC 3834) or a mail that came back."""
    automatic = (headers_of(message, "Auto-Submitted") or ["no"])[0].split(";")[0].split("(")[0].strip().lower()
    precedence = (headers_of(message, "Precedence") or [""])[0].strip().lower()
    return (
        automatic != "no"
        or precedence in ("bulk", "junk", "list", "auto_reply")
        or "<>" in (one.strip() for one in headers_of(message, "Return-Path"))
        or any(headers_of(message, name) for name in ("X-Autoreply", "X-Autorespond"))
        or message.get_content_type() == "multipart/report"
    )


def _without_comments(text: str) -> str | None:
    """Return a header without comments, quotes and what is in them, but for a plain word in quotes.

    None: quotes or brackets don't match, or quotes stand in a comment, where a server quotes the sender's words.
    """
    kept: list[str] = []
    quoted: list[str] | None = None
    depth = 0
    characters = iter(text)
    for one in characters:
        if one == "\\" and (depth or quoted is not None):
            next(characters, None)
            if quoted is not None:
                quoted.append("\\")
        elif quoted is not None:
            if one == '"':
                word = "".join(quoted)
                kept.append(word if _PLAIN_QUOTED.fullmatch(word) else '""')
                quoted = None
            else:
                quoted.append(one)
        elif one == '"':
            if depth:
                return None
            quoted = []
        elif one == "(":
            depth += 1
        elif one == ")":
            depth -= 1
            kept.append(" ")
            if depth < 0:
                return None
        elif not depth:
            kept.append(one)
    return None if depth or quoted is not None else "".join(kept)


def _passes(result: str, domain: str) -> bool:
    found = _RESULT.match(result)
    if found is None:
        return False
    named = [(name.lower(), value.lower()) for name, value in _PROPERTY.findall(found[2])]
    properties: dict[str, str] = dict(named)
    if len(properties) < len(named):  # twice the same: one of them isn't the server's
        return False
    if found[1].lower() == "dmarc":
        return properties.get("from", "").rpartition("@")[2] == domain
    signer = properties.get("d") or properties.get("i", "").rpartition("@")[2]
    return "." in signer and (domain == signer or domain.endswith(f".{signer}"))
