"""The file beside the spool that holds it for one process, and keeps how many events it ever took."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from gateway.spool.sqlite_file import SpoolError


class LockFile:
    """Two processes that number the same events would lose some: the second one is refused."""

    def __init__(self, path: Path) -> None:
        """Lock the spool at ``path``.

        On a disk that refuses writes an existing file is locked, or none where there is none.

        Raises:
            SpoolError: another process has it.
        """
        self._file: int | None = None
        beside = path.with_name(path.name + ".lock")
        for file, flags in ((beside, os.O_RDWR | os.O_CREAT), (beside, os.O_RDONLY), (path, os.O_RDONLY)):
            with suppress(OSError):
                self._file = os.open(file, flags | os.O_CLOEXEC, 0o600)
                break
        if self._file is None:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise SpoolError(f"{path} is in use by another gateway process") from error

    def count(self) -> int:
        """Return the number that was noted last; 0 where it can't be read."""
        if self._file is None:
            return 0
        try:
            text = os.pread(self._file, 20, 0)
        except OSError:
            return 0
        return int(text) if text.isdigit() else 0

    def note(self, number: int) -> None:
        """Note how many events there were ever; a disk that refuses leaves the number as it was."""
        if self._file is not None:
            with suppress(OSError):
                os.pwrite(self._file, b"%020d\n" % number, 0)

    def close(self) -> None:
        """Let another process have the spool."""
        if self._file is not None:
            os.close(self._file)
