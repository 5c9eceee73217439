"""After a SIGKILL of Snakemake the same command goes on, without --unlock.

Snakemake's lock files outlive it and do not say whose they are. So each Snakemake of this workflow notes which of them
are its own, and holds a lock on the note for as long as it lives. Only lock files on the note of a dead process are
removed; those of another workflow in this folder, of another machine, or of a living process never are.
"""

import contextlib
import glob
import json
import logging
import os
import socket
from collections.abc import Iterable
from pathlib import Path

from filelock import FileLock

from normreg.utils.locks import file_lock

HOME = Path(".snakemake")  # Snakemake's own folder in the working directory
_NOTES = "normreg"

log = logging.getLogger("normreg")
_held: list[FileLock] = []  # until this process ends


def claim(lock_files: Iterable[str | Path], home: Path = HOME) -> None:
    """Notes that these files in `home`/locks are this process's. Without a lock to hold, nothing is noted."""
    path = home / _NOTES / f"{socket.gethostname()}.{os.getpid()}"
    lock = file_lock(path)
    # No locks on this file system, or no room: then lock files stay until --unlock, as in any other workflow.
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
        _held.append(lock)
        path.write_text(json.dumps({Path(file).name: _identity(Path(file)) for file in lock_files}), encoding="utf-8")


def release_dead(home: Path = HOME) -> None:
    """Removes the lock files that dead processes of this machine have noted as theirs, as `--unlock` would."""
    for path in (home / _NOTES).glob(f"{glob.escape(socket.gethostname())}.*"):
        lock = file_lock(path)
        try:
            lock.acquire(blocking=False)
        except OSError:  # a Timeout: its process lives; or no locks here
            continue
        try:
            for name, identity in _read(path).items():
                _remove(home / "locks" / name, identity)
            path.unlink(missing_ok=True)
        finally:
            lock.release()


def _identity(file: Path) -> list[int]:
    """What a later file of the same name does not have."""
    found = file.stat()
    return [found.st_ino, found.st_mtime_ns]


def _read(note: Path) -> dict[str, list[int]]:
    try:
        content: dict[str, list[int]] = json.loads(note.read_text(encoding="utf-8"))
    except ValueError:  # its process died while it wrote
        return {}
    return content


def _remove(file: Path, identity: list[int]) -> None:
    with contextlib.suppress(FileNotFoundError):
        if _identity(file) == identity:
            log.warning("removing %s: the Snakemake that held it is dead", file)
            file.unlink()
