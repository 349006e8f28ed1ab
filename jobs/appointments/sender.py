"""Who a mail is from, and whether the mail server that received it has verified that (RFC 8601). Pure."""

from __future__ import annotations

import re
from email.message import EmailMessage
from email.utils import getaddresses
from typing import Final

_COMMENT: Final = re.compile(r"\((?:[^()\\]|\\.)*\)")
_RESULT: Final = re.compile(r"^\s*(dkim|dmarc)\s*(?:/\s*\d+\s*)?=\s*pass\b(.*)$", re.IGNORECASE | re.DOTALL)
_PROPERTY: Final = re.compile(r"\bheader\.([a-z]+)\s*=\s*\"?([^\s;\"]+)\"?", re.IGNORECASE)


def sender_of(message: EmailMessage) -> str | None:
    """Return the one address in From, in lower case; None: there is none, or several."""
    headers = message.get_all("From", [])
    found = [address for _name, address in getaddresses([str(one) for one in headers]) if "@" in address]
    return found[0].lower() if len(headers) == 1 and len(found) == 1 else None


def is_verified(message: EmailMessage, sender: str, authserv: str | None) -> bool:
    """Return whether our own mail server says that the mail is from ``sender``'s domain.

    Only the topmost result that bears the server's name counts: it writes its own above those that came with the mail.
    A pass of DMARC must be for the domain in From, one of DKIM for a signature by that domain or one above it.
    """
    if authserv is None:
        return False
    domain = sender.rpartition("@")[2]
    for header in message.get_all("Authentication-Results", []):
        name, *results = _COMMENT.sub(" ", str(header)).split(";")
        words = name.split()
        if words and words[0].lower() == authserv.lower():
            return any(_passes(one, domain) for one in results)
    return False


def is_automatic(message: EmailMessage) -> bool:
    """Return whether no person sent it, such as an answer of an absent person (RFC 3834)."""
    automatic = str(message.get("Auto-Submitted", "no")).split(";")[0].strip().lower()
    precedence = str(message.get("Precedence", "")).strip().lower()
    return automatic != "no" or precedence in ("bulk", "junk", "list", "auto_reply")


def _passes(result: str, domain: str) -> bool:
    found = _RESULT.match(result)
    if found is None:
        return False
    properties: dict[str, str] = {name.lower(): value.lower() for name, value in _PROPERTY.findall(found[2])}
    if found[1].lower() == "dmarc":
        return properties.get("from", "").rpartition("@")[2] == domain
    signer = properties.get("d") or properties.get("i", "").rpartition("@")[2]
    return "." in signer and (domain == signer or domain.endswith(f".{signer}"))
