"""After a SIGKILL of Snakemake the same command goes on, without --unlock.

A killed Snakemake leaves its lock files behind, and they do not say whose they are. So each Snakemake of this workflow
writes a note that lists its lock files. It holds a lock on the note as long as it lives. Only lock files in the note of
a dead process are removed. Those of another workflow in this folder, of another machine, or of a living process stay.
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
    """Writes the note that these files in `home`/locks belong to this process. Without a lock there is no note."""
    path = home / _NOTES / f"{socket.gethostname()}.{os.getpid()}"
    lock = file_lock(path)
    # The file system may have no locks or no room. Then lock files stay until --unlock, as in any other workflow.
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
        _held.append(lock)
        path.write_text(json.dumps({Path(file).name: _identity(Path(file)) for file in lock_files}), encoding="utf-8")


def release_dead(home: Path = HOME) -> None:
    """Removes the lock files in the notes of dead processes of this machine, as `--unlock` would."""
    for path in (home / _NOTES).glob(f"{glob.escape(socket.gethostname())}.*"):
        lock = file_lock(path)
        try:
            lock.acquire(blocking=False)
        except OSError:  # Timeout: its process lives. Other errors: this file system has no locks
            continue
        try:
            for name, identity in _read(path).items():
                _remove(home / "locks" / name, identity)
            path.unlink(missing_ok=True)
        finally:
            lock.release()


def _identity(file: Path) -> list[int]:
    """Numbers that tell a file from a later one with the same name."""
    found = file.stat()
    return [found.st_ino, found.st_mtime_ns]


def _read(note: Path) -> dict[str, list[int]]:
    try:
        content: dict[str, list[int]] = json.loads(note.read_text(encoding="utf-8"))
    except ValueError:  # the process died while it wrote the note
        return {}
    return content


def _remove(file: Path, identity: list[int]) -> None:
    with contextlib.suppress(FileNotFoundError):
        if _identity(file) == identity:
            log.warning("removing %s: the Snakemake that held it is dead", file)
            file.unlink()
