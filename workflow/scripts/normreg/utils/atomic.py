"""Writes files so that they appear complete or not at all."""

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from normreg.utils.locks import exclusive


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


# How a whole file of each kind ends, and how many bytes from its end that begins at most.
_ENDS = {
    ".csv": (b"\n", 1),
    ".html": (b"</html>", 16),
    ".npz": (b"PK\x05\x06", 22),
    ".png": (b"IEND", 8),
    ".pt": (b"PK\x05\x06", 22),
    ".svg": (b"</svg>", 16),
}


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
