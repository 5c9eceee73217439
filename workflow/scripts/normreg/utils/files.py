"""Files: locked by one process at a time, written whole, and looked at before they are opened."""

import contextlib
import errno
import hashlib
import json
import logging
import os
import socket
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

log = logging.getLogger("normreg")

POLL_SECONDS = 0.5
# How a whole file of each kind ends, and how many bytes from its end that begins at most.
_ENDS = {
    ".csv": (b"\n", 1),
    ".html": (b"</html>", 16),
    ".npz": (b"PK\x05\x06", 22),
    ".png": (b"IEND", 8),
    ".pt": (b"PK\x05\x06", 22),
    ".svg": (b"</svg>", 16),
}
_KINDS = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
_SETTLED = 10  # seconds after which a change of a file changes its time, on every file system
_REMEMBERED = 20  # digests in a memory


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
        holder = ""
        with contextlib.suppress(OSError):  # it has just ended
            holder = path.read_text(encoding="utf-8", errors="replace")
        log.warning(
            "%s is locked by %s (%s). Waiting until that process ends. If it is left over from a killed Snakemake, it "
            "ends by itself after its epoch. You can also kill it.",
            what,
            holder or "another process",
            path,
        )
        lock.acquire(poll_interval=POLL_SECONDS)
    with contextlib.suppress(OSError):  # on a full disk the lock works without the name of its holder
        path.write_text(f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8")


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path in the same folder, with the same suffix. If the block succeeds, the file becomes `path`.

    The content reaches the disk before the name does, so that a power cut leaves the earlier `path` or the new one. On
    any error the temporary file is removed, and an earlier `path` stays as it was. One process writes at a time. The
    temporary name is always the same, so the next call overwrites what a killed process left.

    Raises:
        OSError: writing failed; the error names `path`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    try:
        with exclusive(path.with_name(f".{path.name}.lock"), str(path)):
            try:
                yield temporary
                _flush(temporary)
                os.replace(temporary, path)
                with contextlib.suppress(OSError):  # a few network file systems cannot flush a folder
                    _flush(path.parent)
            finally:
                temporary.unlink(missing_ok=True)
    except OSError as error:  # ENOSPC carries no file name, other errors carry the temporary one: name `path`
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def _flush(path: Path) -> None:
    """Waits until the disk has a file, or the names in a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_cut(path: str | Path) -> bool:
    """Whether a file is empty or lacks its end, as after a power cut or on a full disk. False if there is no file."""
    path = Path(path)
    end, length = _ENDS.get(path.suffix, (b"", 1))
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - length))
            return size == 0 or end not in file.read()
    except OSError:
        return False


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


def expanded(path: str) -> Path:
    """The path with `~` as the folder of a user. `~name` of an unknown user stays as it is, and is then not found."""
    with contextlib.suppress(RuntimeError):
        return Path(path).expanduser()
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
