"""A process whose wall clock a test moves: the hours of a day pass at a gateway while its program stays as it is.

Python imports this at its start where the folder is on PYTHONPATH. The clock is the real one plus the nanoseconds in
the first eight bytes of the file MAILLAGE_TEST_CLOCK; the monotonic clock, by which connections live, is left alone.
So to the process the clock steps, as when NTP puts it right. The next eight bytes are nanoseconds that the machine has
slept: the clock that counts on through sleep (CLOCK_BOOTTIME) has them more.
"""

import mmap
import os
import struct
import time

_FILE = os.environ.get("MAILLAGE_TEST_CLOCK")
if _FILE is not None:
    with open(_FILE, "rb") as _opened:  # noqa: PTH123  (as little as may be is imported here)
        _moved = mmap.mmap(_opened.fileno(), 16, access=mmap.ACCESS_READ)
    _real = time.time_ns
    _real_gettime = time.clock_gettime_ns

    def _time_ns() -> int:
        return _real() + int(struct.unpack("<q", _moved[:8])[0])

    def _clock_gettime_ns(clock: int) -> int:
        slept = struct.unpack("<q", _moved[8:])[0] if clock == time.CLOCK_BOOTTIME else 0
        return _real_gettime(clock) + int(slept)

    time.time_ns = _time_ns
    time.clock_gettime_ns = _clock_gettime_ns
    time.time = lambda: _time_ns() / 1e9
