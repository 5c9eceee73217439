"""Reads IDX files of unsigned bytes, gzipped or raw, and checks everything in them. Needs no library but NumPy.

An IDX file (the format of MNIST) holds, in this order: two zero bytes, one byte for the type (8: unsigned byte), one
byte for the number of dimensions, each dimension as a big-endian 32-bit integer, then the values in C order.
"""

import gzip
import hashlib
import math
import struct
import zlib
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

import numpy as np

from normreg.errors import DataError

_UINT8 = b"\x00\x00\x08"
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Spec:
    """What one IDX file must contain.

    Attributes:
        name: the published file name, without `.gz`.
        shape: its dimensions, e.g. (60000, 28, 28) for images or (60000,) for labels.
        maximum: the largest value allowed.
        sha256: SHA-256 of the uncompressed content, in hexadecimal; None skips the check.
        gzip_md5: MD5 of the `.gz` file as published, for data whose publisher gives no other checksum. Raw files are
            then refused, because there is no checksum for them. None skips the check.
    """

    name: str
    shape: tuple[int, ...]
    maximum: int = 255
    sha256: str | None = None
    gzip_md5: str | None = None

    @property
    def header(self) -> bytes:
        """The bytes before the values."""
        return _UINT8 + struct.pack(f">B{len(self.shape)}I", len(self.shape), *self.shape)

    @property
    def size(self) -> int:
        """Uncompressed size of the file in bytes."""
        return len(self.header) + math.prod(self.shape)

    @property
    def file_names(self) -> tuple[str, ...]:
        """The accepted file names, in order of preference. Some mirrors write `.idx` in place of `-idx`."""
        dotted = self.name.replace("-idx", ".idx")
        raw = () if self.gzip_md5 else (self.name, dotted)
        return (*raw, f"{self.name}.gz", f"{dotted}.gz")

    def find(self, folder: Path) -> Path | None:
        """The first of `file_names` that is in `folder`, or in a folder of the same name there; None if none is.

        Archives have both: a folder `train-images-idx3-ubyte` with the file, or beside `train-images.idx3-ubyte`.

        Raises:
            OSError: the folder cannot be searched.
        """
        inside = [folder / name.removesuffix(".gz") / name for name in self.file_names]
        places = [*(folder / name for name in self.file_names), *inside]
        there = [place for place in places if place.exists()]
        return next((place for place in there if place.is_file()), there[0] if there else None)


def read(path: Path, spec: Spec, remedy: str) -> np.ndarray:
    """Reads the values of an IDX file and makes every check that `spec` asks for.

    Args:
        path: the file. It is unzipped if its content is gzip, whatever its name says.
        spec: what the file must contain. At most `spec.size` + 1 bytes are unpacked, so a huge file does no harm.
        remedy: a sentence that says what to do about a bad file. Every message ends with it.

    Returns:
        A writable uint8 array of shape `spec.shape`.

    Raises:
        DataError: the file cannot be read, or is not what `spec` says.
    """
    try:
        if not path.is_file():
            raise _UnfitError("is not a regular file")
        with path.open("rb") as file:
            content = _unpack(file, path.suffix == ".gz", spec)
            values = _parse(content, spec)
            _check_sums(content, file, spec)
            return values
    except _UnfitError as unfit:
        raise DataError(f"{path} {unfit}. {remedy}") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}). {remedy}") from error


class _UnfitError(Exception):
    """What is wrong with a file. Its text continues a sentence that begins with the file's name."""


def _unpack(file: BufferedReader, is_named_gz: bool, spec: Spec) -> bytes:
    """The uncompressed content. Reads at most one byte more than expected: enough to see that it is too long."""
    start = file.read(len(_GZIP))
    file.seek(0)
    if start != _GZIP:
        if is_named_gz:
            raise _UnfitError(f"is not a gzip file: it begins with {start!r}, expected {_GZIP!r}")
        return file.read(spec.size + 1)
    try:
        with gzip.GzipFile(fileobj=file) as unzipped:
            return unzipped.read(spec.size + 1)
    except EOFError:
        raise _UnfitError("is cut short: the gzip stream ends before its end mark, expected a complete file") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise _UnfitError(f"is a damaged gzip file ({error}), expected one that unpacks to {spec.size} bytes") from None


def _parse(content: bytes, spec: Spec) -> np.ndarray:
    _check_header(content, spec)
    if len(content) != spec.size:
        found = f"more than {spec.size}" if len(content) > spec.size else f"only {len(content)}"
        raise _UnfitError(f"holds {found} bytes (uncompressed), expected {spec.size}")
    values = np.frombuffer(content, dtype=np.uint8, offset=len(spec.header)).reshape(spec.shape).copy()
    if values.max(initial=0) > spec.maximum:
        worst = np.unravel_index(int(values.argmax()), spec.shape)
        where = ", ".join(str(i) for i in worst)
        raise _UnfitError(f"holds the value {values.max()} at index {where}, expected 0 to {spec.maximum}")
    return values


def _check_header(content: bytes, spec: Spec) -> None:
    start = content[:4]
    if start[:3] != _UINT8:
        raise _UnfitError(
            f"is not an IDX file of unsigned bytes: it begins with {start!r}, expected {spec.header[:4]!r}"
        )
    if start != spec.header[:4] and len(start) == 4:
        swapped = "; are the images and the labels swapped?" if {start[3], len(spec.shape)} == {1, 3} else ""
        raise _UnfitError(f"has {start[3]} dimension(s), expected {len(spec.shape)}{swapped}")
    if len(content) < len(spec.header):
        raise _UnfitError(f"ends after {len(content)} bytes, inside its header; expected {spec.size} bytes")
    shape = struct.unpack_from(f">{start[3]}I", content, 4)
    if shape != spec.shape:
        raise _UnfitError(f"says that it holds {_times(shape)} values, expected {_times(spec.shape)}")


def _check_sums(content: bytes, file: BufferedReader, spec: Spec) -> None:
    if spec.sha256:
        found = hashlib.sha256(content).hexdigest()
        if found != spec.sha256:
            raise _UnfitError(
                f"has the right form but not the published content (another data set under the same file name?): "
                f"SHA-256 of the uncompressed content is {found}, expected {spec.sha256}"
            )
    if spec.gzip_md5:
        file.seek(0)
        # MD5 is not secure, but it is the only checksum that the publisher gives.
        found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        if found != spec.gzip_md5:
            raise _UnfitError(f"is not the published file: its MD5 is {found}, expected {spec.gzip_md5}")


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in shape)
