"""How much memory the machine has left, asked before a lot of it is used."""

import contextlib
from pathlib import Path

import psutil

from normreg.errors import DataError

_GROUP = Path("/sys/fs/cgroup")


def available() -> int:
    """Bytes that a process can still get without swapping.

    In a container or a job of a cluster it is what its control group (version 2) leaves, if that is less.
    """
    left = int(psutil.virtual_memory().available)
    with contextlib.suppress(OSError, ValueError):  # no such group, or "max": no limit
        most, used = (int((_GROUP / name).read_text(encoding="ascii")) for name in ("memory.max", "memory.current"))
        left = min(left, most - used)
    return left


def check(wanted: int, what: str) -> None:
    """Refuses what needs more memory than there is.

    Args:
        wanted: bytes.
        what: what needs them, for the message.

    Raises:
        DataError: there is less.
    """
    left = available()
    if wanted > left:
        raise DataError(
            f"{what}: needs about {_size(wanted)} of memory, but {_size(left)} are left. Take fewer or smaller images, "
            "run fewer jobs side by side (--cores 1), or use a machine with more memory."
        )


def _size(number: int) -> str:
    return f"{number / 2**30:,.1f} GiB" if number >= 2**30 else f"{number / 2**20:,.0f} MiB"
