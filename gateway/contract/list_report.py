"""A summary of a gateway's list, to be compared at the centre: each card's token and its entry's short digest."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from typing import Final

from access import AccessList
from access.entries_json import Texts, entry_text

LONGEST: Final = 900_000
"""Characters: some fifteen thousand entries. A broker's limit is 1 MiB."""
DIGITS: Final = 16


def list_report(access_list: AccessList | None) -> str | None:
    """Return ``gateway.contract.wire.Reply.entries`` of ``access_list``, or of an empty list.

    None: more entries than fit a message; the whole list is sent anyway.
    """
    texts = Texts()
    entries = {} if access_list is None else access_list.entries
    found = {
        token: hashlib.sha256(entry_text(entry, texts).encode()).hexdigest()[:DIGITS]  # access.compare.digest
        for token, entry in entries.items()
    }
    report = base64.b64encode(zlib.compress(json.dumps(found, separators=(",", ":")).encode())).decode()
    return report if len(report) <= LONGEST else None
