"""One writer at a time: locks between processes. A lock ends when its process ends, even if it is killed."""

import contextlib
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

log = logging.getLogger("normreg")

POLL_SECONDS = 0.5


def file_lock(path: Path) -> FileLock:
    """The kernel's lock (flock) on the file `path`. If the file system has no such locks, `acquire` raises OSError."""
    return FileLock(path, fallback_to_soft=False)


@contextmanager
def exclusive(path: Path, what: str) -> Iterator[None]:
    """Holds the lock file `path` while the block runs, and then removes it.

    If another process holds the lock, this one waits and logs who holds it. A killed process leaves no lock behind. If
    the file system has no locks, the block runs without one, and the log says so.

    Raises:
        OSError: the lock file cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = file_lock(path)
    try:
        _acquire(lock, path, what)
    except OSError as error:
        if error.filename is not None:  # the file cannot be made; an error of the lock itself carries no filename
            raise
        log.warning("%s: no lock (%s); two jobs at once on %s would not notice each other", path, error, what)
    try:
        yield
    finally:
        # Removed before the lock is released. Then nobody gets a lock on the removed file: filelock checks that.
        path.unlink(missing_ok=True)
        lock.release()


def _acquire(lock: FileLock, path: Path, what: str) -> None:
    try:
        lock.acquire(blocking=False)
    except Timeout:
        log.warning(
            "%s is locked by %s (%s). Waiting until that process ends. If it is left over from a killed Snakemake, it "
            "ends by itself after its epoch. You can also kill it.",
            what,
            _holder(path),
            path,
        )
        lock.acquire(poll_interval=POLL_SECONDS)
    with contextlib.suppress(OSError):  # on a full disk the lock works without the name of its holder
        path.write_text(f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8")


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace") or "another process"
    except OSError:
        return "another process"  # it has just ended
