"""Looks at a file before it is opened: a pipe makes its reader wait, and a device has no end."""

import errno
import os
import stat
from pathlib import Path

_KINDS = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}


def regular_file(path: str | Path, most: int | None = None) -> Path:
    """The path of a file that can be read to its end: a regular file, or a link to one.

    Args:
        path: the file.
        most: how many bytes it may have. None: any number.

    Raises:
        OSError: there is no such file, it is a folder, pipe, socket or device, or it is larger. Its `strerror` says
            what was found, so that a handler of failed reads can show it like any other reason.
    """
    try:
        found = os.stat(path)
    except ValueError as error:  # a name with a zero byte
        raise OSError(errno.EINVAL, str(error), str(path)) from error
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "a device")
        raise OSError(errno.EINVAL, f"it is {kind}, expected a regular file", str(path))
    if most is not None and found.st_size > most:
        raise OSError(errno.EINVAL, f"it has {found.st_size:,} bytes, expected {most:,} at most", str(path))
    return Path(path)
