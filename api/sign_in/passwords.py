"""Passwords: which are too easy to guess (NIST SP 800-63B), and their hashes (Argon2id, RFC 9106)."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from api.http.errors import Unavailable

SHORTEST: Final = 15
"""Characters, as NIST asks of a password that stands alone. Which ones is the person's affair."""
LONGEST: Final = 256
_AT_ONCE: Final = 2
"""Hashes: each takes 64 MiB and a processor for a tenth of a second."""
_WAITING: Final = 40
_REST: Final = 6
"""Characters that must be left of a password without the words that everybody takes."""
_HASHER: Final = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)
_NOBODYS: Final = "$argon2id$v=19$m=65536,t=3,p=1$pZuGOwbiWx24G3ZgKAqtAA$P7Ues1+ftXrURvwYEj7utW1qsJbIP7Vx4Pmmqypzfjs"
"""Checked where there is no password, so that this takes as long."""
# The words of the most common passwords (French and English), and what people type to make them longer.
_WORDS: Final = re.compile(
    "motdepasse|mot de passe|password|passwort|azertyuiop|qwertyuiop|azerty|qwerty|qsdfghjklm|asdfghjkl|wxcvbn|zxcvbnm"
    "|abcdefghijklmnopqrstuvwxyz|abcdefgh|abcdef|bonjour|doudou|loulou|soleil|chouchou|marseille|iloveyou|jetaime"
    "|je t'aime|welcome|bienvenue|letmein|admin|administrateur|administrator|secret|dragon|monkey|football|princess"
    "|sunshine|superman|batman|starwars|maillage|coworking|tiers-lieu|tierslieu|badge"
    "|[0o]?1234567890|123456789|12345678|1234567|123456|12345|1234|987654321|654321|(?:19|20)[0-9]{2}"
)

_Result = TypeVar("_Result")
_under_way: Final[set[asyncio.Future[Any]]] = set()
_pool: Final = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="argon2")


def typed(password: str) -> str:
    """Return a password in the form that is hashed: the same characters on every keyboard (Unicode NFKC)."""
    return unicodedata.normalize("NFKC", password)


def is_short(password: str) -> bool:
    """Whether it has too few characters."""
    return len(typed(password)) < SHORTEST


def is_common(password: str, *about: str | None) -> bool:
    """Whether it is made of what everybody takes, of one piece repeated, or of ``about``: names and addresses."""
    text = typed(password).casefold()
    for one in about:
        for part in re.split(r"[\s@.]+", (one or "").casefold()):
            if len(part) > 3:
                text = text.replace(part, "")
    text = _WORDS.sub("", text)
    piece = re.fullmatch(r"(.+?)\1*", text, flags=re.DOTALL)
    return len(text) < _REST or len(set(text)) < 5 or (piece is not None and len(piece[1]) < _REST)


async def hashed(password: str) -> str:
    """Return the hash of a new password.

    Raises:
        Unavailable: too many are waiting.
    """
    return await _run(_HASHER.hash, typed(password))


async def verified(password: str, hash_: str | None) -> bool:
    """Whether a hash is of this password; it takes the same time where there is no hash.

    Raises:
        Unavailable: too many are waiting.
    """
    return await _run(_verify, hash_ or _NOBODYS, typed(password)) and hash_ is not None


def _verify(hash_: str, password: str) -> bool:
    try:
        return _HASHER.verify(hash_, password)
    except (VerificationError, InvalidHashError):
        return False


async def _run(work: Callable[..., _Result], *given: str) -> _Result:
    if len(_under_way) >= _WAITING:
        raise Unavailable("Too many passwords are being checked.")
    future = asyncio.get_running_loop().run_in_executor(_pool, work, *given)
    _under_way.add(future)
    future.add_done_callback(_under_way.discard)
    return await future
