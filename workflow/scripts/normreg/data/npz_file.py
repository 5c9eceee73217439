"""A data set of one's own in a `.npz` file: what its headers and labels say, and its arrays.

Images are uint8 (N, H, W), (N, H, W, 1) or (N, H, W, 3), labels whole numbers (N,) or (N, 1).

A `.npz` file is a zip archive with one `.npy` file for each array. Such a file begins with a header, which says the
type and the shape of the array. Nothing is ever unpickled.
"""

import hashlib
import io
import math
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from normreg.data import own
from normreg.data.dataset import Dataset, label_type
from normreg.data.own import Facts
from normreg.data.specs import DatasetSpec, NpzFile
from normreg.errors import DataError
from normreg.utils.files import regular_file, remembered
from normreg.utils.jobs import log

_LONGEST = 2**16  # bytes of a header. A version 2.0 file can ask for four gigabytes, and NumPy would unpack them
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_WHOLE = "; whole numbers of 0 to 255 become bytes by `x.astype(np.uint8)`"
_TO_BYTES = {  # by NumPy's kind of type
    "f": "; floats of 0 to 255 become bytes by `np.round(x).astype(np.uint8)`, floats of 0 to 1 by "
    "`np.round(255 * x).astype(np.uint8)`",
    "i": _WHOLE,
    "u": _WHOLE,
    "b": "; they become bytes by `255 * x.astype(np.uint8)`",
}
_TRAIN = (
    ("x_train", "y_train"),
    ("train_images", "train_labels"),
    ("x", "y"),
)  # as of Keras, of MedMNIST, without test
_TEST = {"x_train": [("x_test", "y_test")], "train_images": [("test_images", "test_labels")]}


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
        start = io.BytesIO(file.read(_LONGEST))
    version = npy.read_magic(start)
    if version not in _HEADERS:
        raise ValueError(f"a .npy file of version {version}, expected 1.0 or 2.0")
    shape, _, dtype = _HEADERS[version](start)
    header, stored = Header(dtype, shape), info.file_size - start.tell()
    if not dtype.hasobject and header.bytes != stored:
        raise ValueError(f"{info.filename}: it says {header} of {header.bytes} bytes, but {stored} bytes are stored")
    return header


def _unreadable(path: Path, error: Exception) -> DataError:
    """Zip, zlib, NumPy and the operating system have errors of many kinds. All mean: the file cannot be read."""
    if isinstance(error, OSError) and error.strerror:
        return DataError(f"{path}: cannot be read ({error.strerror}); expected a .npz file this user may read.")
    why = " ".join(str(error).split())[:200] or type(error).__name__
    return DataError(f"{path}: cannot be read as a .npz file ({why}); expected one that NumPy's savez wrote.")


def _find_pairs(path: Path, found: Mapping[str, Header], test_share: float | None) -> list[tuple[str, str]]:
    """The names of the arrays with images and labels: of the training split and, if the file has one, the test split.

    Raises:
        DataError: there are none, or there is half of a pair; or a test split and `test_share` are both there, or none.
    """
    has = f"{path}: has the arrays {', '.join(found) or 'none'}"
    begun = [pair for pair in _TRAIN if any(name in found for name in pair)]
    if len(begun) != 1:
        names = " or ".join(f"{images} and {labels}" for images, labels in _TRAIN)
        raise DataError(f"{has}; expected {'one pair' if begun else 'the images and labels'} of {names}.")
    (train,) = begun
    tests = [pair for pair in _TEST.get(train[0], ()) if any(name in found for name in pair)]
    wanted = list(chain(train, *tests))
    missing = [name for name in wanted if name not in found]
    if missing:
        raise DataError(f"{has}; {missing[0]} is missing, expected {' and '.join(wanted)}.")
    own.check_test_share(test_share, bool(tests), str(path))
    return [train, *tests]


def look(path: Path, test_share: float | None, names: Sequence[str] | None) -> Facts:
    """The facts of a file. Only headers and labels are read, so this is quick.

    Args:
        path: the file.
        test_share: the share of the images that become the test split, or None.
        names: the names of the classes. None: their numbers.

    Raises:
        DataError: the file cannot be used. The message names it and what is wrong.
    """
    found = headers(path)
    pairs = _find_pairs(path, found, test_share)
    shape = _shape(path, pairs, found)
    labels = [_read_labels(path, pair, found) for pair in pairs]
    largest, what = max(int(each.max()) for each in labels), f"{path}: {pairs[0][1]}"
    if names is None:
        own.check_number(largest + 1, what)
    names = names or [str(label) for label in range(largest + 1)]
    if largest >= len(names):
        raise DataError(
            f"{path}: has labels up to {largest}, expected 0 to {len(names) - 1}, because `classes` has {len(names)} "
            "names. Labels count from 0."
        )
    train, *test = (np.bincount(each, minlength=len(names)).tolist() for each in labels)
    return own.count(shape, names, train, test[0] if test else None, test_share, what)


def load(spec: DatasetSpec, source: NpzFile) -> Dataset:
    """The data set in a file. Logs which arrays of the file are left out.

    Raises:
        DataError: the file is not that of `source.sha256`, or cannot be used; or there is too little memory.
    """
    path = Path(source.path)
    found = headers(path)
    pairs = _find_pairs(path, found, source.test_share)
    own.check_memory(own.COPIES * sum(found[images].bytes for images, _ in pairs), str(path))
    if source.sha256:
        content(source)
    left_out = [name for name in found if name not in chain(*pairs)]
    if left_out:
        log.info("%s: left out: %s", spec.key, ", ".join(left_out))
    kind = label_type(len(spec.class_names))
    splits = [(_images(path, pair[0]), _read_labels(path, pair, found).astype(kind)) for pair in pairs]
    if source.test_share is not None:
        ((images, labels),) = splits
        splits = [(images[part], labels[part]) for part in own.divide(labels, source.test_share)]
    return Dataset.of(spec, *chain(*splits))


def content(source: NpzFile, memory: Path | None = None) -> str:
    """SHA-256 of the file.

    Raises:
        DataError: it cannot be read, or is not the file of `source.sha256`.
    """
    path = source.path
    try:
        found = remembered(memory, [Path(path)], lambda: _digest(Path(path)))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error
    if source.sha256 not in (None, found):
        raise DataError(
            f"{path}: its SHA-256 is {found}, expected {source.sha256} (`sha256` in the file of the data set). Get the "
            "right file, or correct the sum."
        )
    return found


def _digest(path: Path) -> str:
    with regular_file(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_labels(path: Path, pair: tuple[str, str], headers: Mapping[str, Header]) -> np.ndarray:
    """The labels of a split, int64 (N,), not negative.

    Raises:
        DataError: they are no whole numbers, not as many as the images, or negative.
    """
    images, name = pair
    found, number = headers[name], headers[images].shape[:1]
    if found.dtype.kind not in "iu" or found.shape not in (number, (*number, 1)):
        raise DataError(
            f"{path}: {name} is {found}, expected a whole number for each image of {images}, {number} or "
            f"{(*number, 1)}; convert it."
        )
    own.check_memory(2 * found.bytes, f"{path}: {name}")
    labels = read(path, name).reshape(-1)
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest < 0 or highest >= 2**31:
        raise DataError(f"{path}: {name} has the label {lowest if lowest < 0 else highest}; expected 0 and up.")
    return labels.astype(np.int64)


def _shape(path: Path, pairs: list[tuple[str, str]], headers: Mapping[str, Header]) -> tuple[int, int, int]:
    shapes = {images: _image_shape(path, images, headers[images]) for images, _ in pairs}
    (first, shape), *others = shapes.items()
    own.check_shape(shape, f"{path}: {first}")
    for name, other in others:
        if other != shape:
            raise DataError(
                f"{path}: {name} is {headers[name]}, expected images as those of {first}, {headers[first]}."
            )
    return shape


def _image_shape(path: Path, name: str, found: Header) -> tuple[int, int, int]:
    """Channels, height and width. The file has the channels last."""
    right = found.dtype == np.uint8 and len(found.shape) in (3, 4) and found.shape[3:] in ((), (1,), (3,))
    if not right:
        raise DataError(
            f"{path}: {name} is {found}, expected images of unsigned bytes, uint8 (N, height, width), (N, height, "
            f"width, 1) or (N, height, width, 3){_hint(found)}."
        )
    if found.shape[0] < 2:
        raise DataError(f"{path}: {name} has {found.shape[0]} images, expected 2 at least.")
    return (*found.shape[3:], 1)[0], found.shape[1], found.shape[2]


def _hint(found: Header) -> str:
    if found.dtype.hasobject:
        return "; Python objects are never unpickled"
    if len(found.shape) == 4 and found.shape[1] in (1, 3) and found.shape[3] not in (1, 3):
        return "; the channels come last: `np.moveaxis(x, 1, 3)`"
    return "" if found.dtype == np.uint8 else _TO_BYTES.get(found.dtype.kind, "")


def _images(path: Path, name: str) -> np.ndarray:
    """Images as `Dataset` has them, from (N, H, W), (N, H, W, 1) or (N, H, W, 3)."""
    images = read(path, name)
    if images.ndim == 4:
        images = images[..., 0] if images.shape[3] == 1 else np.moveaxis(images, 3, 1)
    return np.ascontiguousarray(images)
