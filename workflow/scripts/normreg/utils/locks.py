"""One writer at a time: locks that end with their process, however that dies."""

import contextlib
import fcntl
import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

HOME = Path(".snakemake")  # Snakemake's own folder in the working directory

log = logging.getLogger("normreg")

POLL_SECONDS = 0.5


@contextmanager
def exclusive(path: Path, what: str) -> Iterator[None]:
    """Holds the lock file `path` while the block runs and removes it after; waits, and says for whom, if it is taken.

    The lock is the kernel's (flock), so a killed process leaves none behind. On a file system without locks the block
    runs all the same, with a line in the log.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = _acquire(path, what)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)  # before the lock goes: whoever waits sees that the file is another one now
        file.close()


def _acquire(path: Path, what: str) -> IO[str]:
    waiting = False
    while True:
        file = open(path, "a+")  # noqa: SIM115  it is returned, and open as long as the lock is held
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not waiting:
                log.warning("%s", _holder(path, what, file))
                waiting = True
            file.close()
            time.sleep(POLL_SECONDS)
            continue
        except OSError as error:
            log.warning("%s: no lock (%s); two jobs at once on %s would not notice each other", path, error, what)
        if _is_current(path, file):
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}")
            file.flush()
            return file
        file.close()


def _is_current(path: Path, file: IO[str]) -> bool:
    """Whether `path` still is the file that was locked; its last holder may have removed it in between."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _holder(path: Path, what: str, file: IO[str]) -> str:
    file.seek(0)
    return (
        f"{what} is in the hands of {file.read() or 'another process'} ({path}). Waiting for it to end; "
        "if it is left over from a killed Snakemake, it ends by itself after its epoch, or kill it."
    )


def release_dead_snakemake(home: Path = HOME) -> IO[str]:
    """Removes the locks of a Snakemake that was killed in this folder, as `snakemake --unlock` would.

    Snakemake's lock files outlive it and do not say whose they are. So every Snakemake that reads this workflow shares
    a kernel lock for as long as it lives; if nobody else has it, no lock file can be of a living process.

    Returns:
        The open lock, to be kept until the process ends.
    """
    home.mkdir(exist_ok=True)
    file = open(home / "normreg.alive", "a")  # noqa: SIM115  see Returns
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for lock in (home / "locks").glob("*.lock"):
            log.warning("removing %s: the Snakemake that held it is dead", lock)
            lock.unlink(missing_ok=True)
    except OSError:
        pass  # another Snakemake lives, or the file system has no locks: Snakemake's own check decides
    with contextlib.suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_SH)
    return file
