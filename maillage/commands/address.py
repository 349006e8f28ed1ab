"""Which API a command talks to: the one that was given, or that of the stack that runs here, once it has proven it."""

from __future__ import annotations

import hmac
import http.client
import json
import secrets
import sys
import urllib.error
import urllib.request
from functools import cache
from typing import Final
from urllib.parse import urlsplit

from api.http.instance import PATH, proof
from maillage import environment
from maillage.complaint import Complaint
from maillage.paths import runtime_directory

_PROOF_S: Final = 10.0


def api_address(given: str | None) -> str:
    """Return the API's address: ``given`` (an option, or MAILLAGE_API_URL), else that of the stack that runs here.

    Raises:
        Complaint: there is neither, it is no address, or another program answers at the stack's address.
    """
    stack = environment.running()
    ours = stack.api if stack is not None else None
    url = (given or ours or "").rstrip("/")
    if not url:
        raise Complaint(
            f"no stack runs in {runtime_directory()}, and MAILLAGE_API_URL isn't set: say which API, like "
            "https://maillage.example.org (or --url)."
        )
    if not url.startswith(("http://", "https://")):
        raise Complaint(f"{url!r} is no address of an API: it begins with https:// (MAILLAGE_API_URL, or --url).")
    if url == ours and stack is not None and stack.instance_key is not None:
        if not is_ours(url, stack.instance_key):
            raise Complaint(
                f"another program answers at {url}, not the API of the stack that runs in {runtime_directory()}: "
                "nothing was sent to it. `maillage doctor` says what runs where."
            )
        _say(f"the API at {url}, of the stack that runs here")
    else:
        _say(f"the API at {url}, as given")
    return url


def unanswered(url: str, error: OSError) -> Complaint:
    """Return what to say where nobody answers at ``url``."""
    reason = getattr(error, "reason", error)
    return Complaint(
        f"the API at {url} doesn't answer: {reason}. Is the address right, and does the API run? "
        "`maillage doctor` on the server says what is wrong."
    )


@cache
def _say(line: str) -> None:
    """Tell the operator, once in a command however many questions it asks."""
    print(line, file=sys.stderr)


def is_ours(url: str, key: str) -> bool:
    """Return whether the API at ``url`` holds the stack's ``key``.

    Raises:
        Complaint: nothing answers.
    """
    challenge = secrets.token_hex(16)
    port = urlsplit(url).port or 80
    try:
        with urllib.request.urlopen(f"{url}{PATH}?challenge={challenge}", timeout=_PROOF_S) as answer:  # noqa: S310
            told = json.loads(answer.read(10_000))["proof"]
    except (urllib.error.HTTPError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return False
    except OSError as error:
        raise unanswered(url, error) from None
    return hmac.compare_digest(str(told), proof(key, port=port, challenge=challenge))
