"""Reads and writes files of compiled kernels, one for each module. A file is used only if no byte of it was changed.

The content comes from numba: pickles and machine code, which run when they are loaded. The file begins with a digest of
it. The digest protects from accidents, but not from a person who can write to the folder: see docs/engine.md.
"""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from normreg.utils.files import replacing

_DIGEST = 32  # bytes


def write(path: Path, files: Mapping[str, bytes]) -> None:
    """Replaces `path` by an archive of `files`, whose keys are file names. It is written completely or not at all."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    payload = buffer.getvalue()
    with replacing(path) as temporary:
        temporary.write_bytes(_digest(path, payload) + payload)


def read(path: Path) -> dict[str, bytes] | None:
    """The files in the archive `path`, by their names.

    None if `path` does not exist, if its content was changed, or if there is no file in it.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        stored = path.read_bytes()
    except FileNotFoundError:
        return None
    digest, payload = stored[:_DIGEST], stored[_DIGEST:]
    if digest != _digest(path, payload):
        return None
    with zipfile.ZipFile(io.BytesIO(payload)) as archive:
        return {name: archive.read(name) for name in archive.namelist()} or None


def _digest(path: Path, payload: bytes) -> bytes:
    """A digest of the content and of the file's name, because a file with the name of another one is wrong too."""
    return hashlib.sha256(path.name.encode() + b"\0" + payload).digest()
