"""Reads IDX files of unsigned bytes, gzipped or raw, and compares them with published sums. Needs only NumPy.

An IDX file (the format of MNIST) holds, in this order: two zero bytes, one byte for the type (8: unsigned byte), one
byte for the number of dimensions, each dimension as a big-endian 32-bit integer, then the values in C order.
"""

import contextlib
import gzip
import hashlib
import math
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from normreg.errors import DataError
from normreg.utils.files import regular_file

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Spec:
    """What one IDX file must contain. It has one of the sums.

    Attributes:
        name: the published file name, without `.gz`.
        shape: its dimensions, e.g. (60000, 28, 28) for images or (60000,) for labels.
        sha256: SHA-256 of the uncompressed content, in hexadecimal.
        gzip_md5: MD5 of the `.gz` file as published, for data whose publisher gives no other checksum. Raw files are
            then refused, because there is no checksum for them.
    """

    name: str
    shape: tuple[int, ...]
    sha256: str | None = None
    gzip_md5: str | None = None

    @property
    def size(self) -> int:
        """Uncompressed size of the file in bytes."""
        return 4 + 4 * len(self.shape) + math.prod(self.shape)

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
            DataError: the folder cannot be searched.
        """
        inside = [folder / name.removesuffix(".gz") / name for name in self.file_names]
        try:
            there = [place for place in (*(folder / name for name in self.file_names), *inside) if place.exists()]
        except OSError as error:
            raise DataError(
                f"{folder} cannot be searched for {self.name} ({error.strerror}); expected a folder this user may "
                "read. Change its permissions or use another folder."
            ) from error
        return next((place for place in there if place.is_file()), there[0] if there else None)


def read(path: Path, spec: Spec, remedy: str) -> np.ndarray:
    """Reads the values of an IDX file.

    Args:
        path: the file. It is unzipped if its content is gzip, whatever its name says.
        spec: what the file must contain. At most `spec.size` + 1 bytes are unpacked, so a huge file does no harm.
        remedy: a sentence that says what to do about a bad file. Every message ends with it.

    Returns:
        A writable uint8 array of shape `spec.shape`.

    Raises:
        DataError: the file cannot be read, or its size or sum is not that of `spec`.
    """
    md5 = None
    try:
        with regular_file(path).open("rb") as file:
            zipped = file.read(len(_GZIP)) == _GZIP
            file.seek(0)
            with gzip.GzipFile(fileobj=file) if zipped else contextlib.nullcontext(file) as unzipped:
                content = unzipped.read(spec.size + 1)
            if spec.gzip_md5 and len(content) == spec.size:
                file.seek(0)
                # MD5 is not secure, but it is the only checksum that the publisher gives.
                md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is a damaged or incomplete gzip file ({error}). {remedy}") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}). {remedy}") from error
    sha256 = hashlib.sha256(content).hexdigest()
    if len(content) != spec.size:
        held = f"more than {spec.size}" if len(content) > spec.size else f"only {len(content)}"
        found = f"it holds {held} bytes (uncompressed), expected {spec.size}"
    elif spec.sha256 not in (None, sha256):
        found = f"the SHA-256 of its uncompressed content is {sha256}, expected {spec.sha256}"
    elif spec.gzip_md5 not in (None, md5):
        found = f"its MD5 is {md5}, expected {spec.gzip_md5}"
    else:
        start = spec.size - math.prod(spec.shape)
        return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(spec.shape).copy()
    raise DataError(f"{path} is not the published file (is it another one under this name?): {found}. {remedy}")
