"""Looks at files before they are opened: a pipe makes its reader wait, a device has no end, and many take long."""

import errno
import hashlib
import json
import os
import stat
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from normreg.utils.atomic import replacing

_KINDS = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
_SETTLED = 10  # seconds after which a change of a file changes its time, on every file system
_REMEMBERED = 20  # digests in a memory


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


def remembered(memory: Path | None, files: Iterable[Path], compute: Callable[[], str]) -> str:
    """The digest of files: `compute()`, or what it was when the files were last seen like this.

    They are like this if their names, sizes, inodes and times are. No copy keeps all of these, and no program can set
    the time at which the system changed a file. Reading a thousand photographs takes longer than all else at a start.

    Args:
        memory: the file that keeps digests. None: none is kept. It is a cache: if it is lost, so is nothing.
        files: the files.
        compute: reads them.

    Raises:
        OSError: a file is not there.
    """
    seen, newest = hashlib.sha256(), 0
    for file in files:
        found = os.stat(file)
        newest = max(newest, found.st_ctime_ns)
        facts = found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns
        seen.update(os.fsencode(f"{file} {facts}\0"))
    known: dict[str, str] = {}
    with suppress(OSError, ValueError, TypeError):
        known = dict(json.loads(memory.read_text(encoding="utf-8")) if memory else {})
    if (key := seen.hexdigest()) not in known:
        digest = compute()
        known = dict([*known.items(), (key, digest)][-_REMEMBERED:])
        if memory and time.time() - newest / 1e9 > _SETTLED:
            with suppress(OSError), replacing(memory) as temporary:
                temporary.write_text(json.dumps(known), encoding="utf-8")
    return known[key]
