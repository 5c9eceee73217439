"""One writer at a time: locks between processes that end with their process, however that dies."""

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
    """The kernel's lock (flock) on the file `path`; on a file system without such locks `acquire` raises OSError."""
    return FileLock(path, fallback_to_soft=False)


@contextmanager
def exclusive(path: Path, what: str) -> Iterator[None]:
    """Holds the lock file `path` while the block runs and removes it after; waits, and says for whom, if it is taken.

    A killed process leaves no lock behind. On a file system without locks the block runs all the same, with a line in
    the log.

    Raises:
        OSError: the lock file cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = file_lock(path)
    try:
        _acquire(lock, path, what)
    except OSError as error:
        if error.filename is not None:  # only an error of the file names it, one of the lock does not
            raise
        log.warning("%s: no lock (%s); two jobs at once on %s would not notice each other", path, error, what)
    try:
        yield
    finally:
        # Before the lock goes: filelock gives nobody the lock of a file that has been removed.
        path.unlink(missing_ok=True)
        lock.release()


def _acquire(lock: FileLock, path: Path, what: str) -> None:
    try:
        lock.acquire(blocking=False)
    except Timeout:
        log.warning(
            "%s is in the hands of %s (%s). Waiting for it to end; if it is left over from a killed Snakemake, it ends "
            "by itself after its epoch, or kill it.",
            what,
            _holder(path),
            path,
        )
        lock.acquire(poll_interval=POLL_SECONDS)
    with contextlib.suppress(OSError):  # on a full disk the lock holds without its holder's name
        path.write_text(f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8")


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace") or "another process"
    except OSError:
        return "another process"  # which has just ended
