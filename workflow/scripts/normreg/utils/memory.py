"""How much memory the machine has left, asked before a lot of it is used."""

import os
from pathlib import Path

from normreg.errors import DataError

_MEMINFO = Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")


def available() -> int | None:
    """Bytes that a process can still get without swapping. None if nothing says how many.

    In a container or a job of a cluster it is what its control group (version 2) leaves, if that is less.
    """
    found = [left for left in (_of_machine(), _of_group()) if left is not None]
    return min(found, default=None)


def _of_group() -> int | None:
    try:
        most, used = ((_GROUP / name).read_text(encoding="ascii").strip() for name in ("memory.max", "memory.current"))
        return int(most) - int(used)
    except (OSError, ValueError):  # no such group, or "max": no limit
        return None


def _of_machine() -> int | None:
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
