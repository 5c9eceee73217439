"""How much memory the machine has left, asked before a lot of it is used."""

import os
from pathlib import Path

from normreg.errors import DataError

_MEMINFO = Path("/proc/meminfo")


def available() -> int | None:
    """Bytes that a process can still get without swapping. None if the machine does not say."""
    try:
        rows = dict(line.split(":") for line in _MEMINFO.read_text(encoding="ascii").splitlines())
        return int(rows["MemAvailable"].split()[0]) * 1024
    except (OSError, ValueError, KeyError):  # no Linux, or an old one
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return None


def check(wanted: int, what: str) -> None:
    """Refuses what needs more memory than there is.

    Args:
        wanted: bytes.
        what: what needs them, for the message.

    Raises:
        DataError: there is less. If the machine does not say how much there is, nothing happens.
    """
    left = available()
    if left is not None and wanted > left:
        raise DataError(
            f"{what}: needs about {_size(wanted)} of memory, but {_size(left)} are left. Take fewer or smaller images, "
            "run fewer jobs side by side (--cores 1), or use a machine with more memory."
        )


def _size(number: int) -> str:
    return f"{number / 2**30:,.1f} GiB" if number >= 2**30 else f"{number / 2**20:,.0f} MiB"
