"""One file a module of compiled kernels, which is read only if it holds, byte for byte, what was written.

Its content is numba's: pickles and machine code, which run when they are loaded. The digest in front of it protects
from accidents, not from a person who can write to the folder: see docs/engine.md.
"""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from normreg.utils.atomic import replacing
from normreg.utils.digests import sha256

_DIGEST = 32  # bytes


def write(path: Path, files: Mapping[str, bytes]) -> None:
    """Replaces `path` by these files, by their names, whole or not at all."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    payload = buffer.getvalue()
    with replacing(path) as temporary:
        temporary.write_bytes(_digest(path, payload) + payload)


def read(path: Path) -> dict[str, bytes] | None:
    """The files in `path`, by their names; None if there is no such file, or if its content is not what was written.

    Raises:
        OSError: it cannot be read.
    """
    try:
        stored = path.read_bytes()
    except FileNotFoundError:
        return None
    digest, payload = stored[:_DIGEST], stored[_DIGEST:]
    if digest != _digest(path, payload):
        return None
    with zipfile.ZipFile(io.BytesIO(payload)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _digest(path: Path, payload: bytes) -> bytes:
    """Of the name as well: a file renamed to another's name is as wrong as a damaged one."""
    return bytes.fromhex(sha256(path.name.encode(), b"\0", payload))
