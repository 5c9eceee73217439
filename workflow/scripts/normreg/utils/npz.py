"""Looks into `.npz` files: the type and shape of each array, without reading the arrays. Nothing is ever unpickled.

A `.npz` file is a zip archive with one `.npy` file for each array. Such a file begins with a header, which says the
type and the shape of the array.
"""

import io
import math
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from normreg.errors import DataError
from normreg.utils.files import regular_file

_LONGEST = 2**16  # bytes of a header. A version 2.0 file can ask for four gigabytes, and NumPy would unpack them
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


@dataclass(frozen=True)
class Header:
    """Type and shape of an array in a file."""

    dtype: np.dtype
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        """The size of the array in memory."""
        return math.prod(self.shape) * self.dtype.itemsize

    def __str__(self) -> str:
        return f"{'Python objects' if self.dtype.hasobject else self.dtype} {self.shape}"


def headers(path: Path) -> dict[str, Header]:
    """The headers of all arrays in a file, by the names of the arrays.

    Raises:
        DataError: the file is no `.npz` file, or a header does not fit what is stored. The message names the file.
    """
    try:
        with zipfile.ZipFile(regular_file(path)) as archive:
            members = [info for info in archive.infolist() if info.filename.endswith(".npy")]
            return {info.filename.removesuffix(".npy"): _read_header(archive, info) for info in members}
    except Exception as error:
        raise _unreadable(path, error) from error


def read(path: Path, name: str) -> np.ndarray:
    """One array of a file. Check its header first, see `headers`: a small file can unpack to a huge array.

    Raises:
        DataError: the array cannot be read. The message names the file.
    """
    try:
        with zipfile.ZipFile(regular_file(path)) as archive, archive.open(f"{name}.npy") as file:
            array: np.ndarray = npy.read_array(file, allow_pickle=False)
            return array
    except MemoryError:
        raise
    except Exception as error:
        raise _unreadable(path, error) from error


def _read_header(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Header:
    with archive.open(info) as file:
        header, end = _parse(io.BytesIO(file.read(_LONGEST)))
    if not header.dtype.hasobject and end + header.bytes != info.file_size:
        stored = f"it says {header} of {header.bytes} bytes, but {info.file_size - end} bytes are stored"
        raise ValueError(f"{info.filename}: {stored}")
    return header


def _parse(file: io.BytesIO) -> tuple[Header, int]:
    """The header, and the place where it ends."""
    version = npy.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"a .npy file of version {version}, expected 1.0 or 2.0")
    shape, _, dtype = _HEADERS[version](file)
    return Header(dtype, shape), file.tell()


def _unreadable(path: Path, error: Exception) -> DataError:
    """Zip, zlib, NumPy and the operating system have errors of many kinds. All mean: the file cannot be read."""
    if isinstance(error, OSError) and error.strerror:
        return DataError(f"{path}: cannot be read ({error.strerror}); expected a .npz file this user may read.")
    why = " ".join(str(error).split())[:200] or type(error).__name__
    return DataError(f"{path}: cannot be read as a .npz file ({why}); expected one that NumPy's savez wrote.")
