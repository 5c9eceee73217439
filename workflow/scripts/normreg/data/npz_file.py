"""A data set of one's own in a `.npz` file: what its headers and labels say, and its arrays.

Images are uint8 (N, H, W), (N, H, W, 1) or (N, H, W, 3), labels whole numbers (N,) or (N, 1).
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from normreg.data import own
from normreg.data.dataset import Dataset, as_array, label_type
from normreg.data.own import Facts
from normreg.data.specs import DatasetSpec, NpzFile
from normreg.errors import DataError
from normreg.utils import npz, shares
from normreg.utils.files import regular_file, remembered
from normreg.utils.jobs import log
from normreg.utils.memory import check as check_memory

_WHOLE = "; whole numbers of 0 to 255 become bytes by `x.astype(np.uint8)`"
_TO_BYTES = {  # by NumPy's kind of type
    "f": "; floats of 0 to 255 become bytes by `np.round(x).astype(np.uint8)`, floats of 0 to 1 by "
    "`np.round(255 * x).astype(np.uint8)`",
    "i": _WHOLE,
    "u": _WHOLE,
    "b": "; they become bytes by `255 * x.astype(np.uint8)`",
}
_COPIES = 3  # of the images, in memory at once: as read, as prepared, and as bytes for the digest
_TRAIN = (
    ("x_train", "y_train"),
    ("train_images", "train_labels"),
    ("x", "y"),
)  # as of Keras, of MedMNIST, without test
_TEST = {"x_train": ("x_test", "y_test"), "train_images": ("test_images", "test_labels")}


@dataclass(frozen=True)
class _Arrays:
    """The names of the arrays with images and labels. `left_out` are all others in the file."""

    train: tuple[str, str]
    test: tuple[str, str] | None
    left_out: tuple[str, ...]


def _find_arrays(path: Path, headers: Mapping[str, npz.Header], test_share: float | None) -> _Arrays:
    """Which arrays of a file are used.

    Raises:
        DataError: there are none, or there is half of a pair; or a test split and `test_share` are both there, or none.
    """
    has = f"{path}: has the arrays {', '.join(headers) or 'none'}"
    begun = [pair for pair in _TRAIN if any(name in headers for name in pair)]
    if len(begun) != 1:
        names = " or ".join(f"{images} and {labels}" for images, labels in _TRAIN)
        raise DataError(f"{has}; expected {'one pair' if begun else 'the images and labels'} of {names}.")
    train, test = begun[0], _TEST.get(begun[0][0])
    tested = test is not None and any(name in headers for name in test)
    wanted = (*train, *(test if test and tested else ()))
    missing = [name for name in wanted if name not in headers]
    if missing:
        raise DataError(f"{has}; {missing[0]} is missing, expected {' and '.join(wanted)}.")
    own.check_test_share(test_share, tested, str(path))
    return _Arrays(train, test if tested else None, tuple(name for name in headers if name not in wanted))


def look(path: Path, test_share: float | None, names: Sequence[str] | None) -> Facts:
    """The facts of a file. Only headers and labels are read, so this is quick.

    Args:
        path: the file.
        test_share: the share of the images that become the test split, or None.
        names: the names of the classes. None: their numbers.

    Raises:
        DataError: the file cannot be used. The message names it and what is wrong.
    """
    headers = npz.headers(path)
    arrays = _find_arrays(path, headers, test_share)
    shape = _shape(path, arrays, headers)
    labels = {pair: _read_labels(path, pair, headers) for pair in (arrays.train, arrays.test) if pair}
    largest = max(int(labels[arrays.train].max()), *(int(found.max()) for found in labels.values()))
    what = f"{path}: {arrays.train[1]}"
    if names is None:
        own.check_number(largest + 1, what)
    names = tuple(names or map(str, range(largest + 1)))
    if largest >= len(names):
        raise DataError(
            f"{path}: has labels up to {largest}, expected 0 to {len(names) - 1}, because `classes` has {len(names)} "
            "names. Labels count from 0."
        )
    train = np.bincount(labels[arrays.train], minlength=len(names)).tolist()
    if arrays.test:
        test = np.bincount(labels[arrays.test], minlength=len(names)).tolist()
    else:
        test = [shares.test_images(count, test_share or 0) if count else 0 for count in train]
        train = [all_images - held for all_images, held in zip(train, test, strict=True)]
    facts = Facts(shape, names, train, test)
    own.check_counts(facts, what)
    return facts


def load(spec: DatasetSpec, source: NpzFile) -> Dataset:
    """The data set in a file. Logs which arrays of the file are left out.

    Raises:
        DataError: the file is not that of `source.sha256`, or cannot be used; or there is too little memory.
    """
    path = Path(source.path)
    headers = npz.headers(path)
    arrays = _find_arrays(path, headers, source.test_share)
    pairs = (arrays.train, arrays.test) if arrays.test else (arrays.train,)
    check_memory(_COPIES * sum(headers[images].bytes for images, _ in pairs), str(path))
    if source.sha256:
        content(source)
    if arrays.left_out:
        log.info("%s: left out: %s", spec.key, ", ".join(arrays.left_out))
    kind = label_type(len(spec.class_names))
    read = [(_images(path, pair[0]), _read_labels(path, pair, headers).astype(kind)) for pair in pairs]
    if source.test_share is not None:
        ((images, labels),) = read
        read = [(images[part], labels[part]) for part in shares.divide(labels, source.test_share)]
    (train_images, train_labels), (test_images, test_labels) = read
    names, normalise = np.array(spec.class_names), as_array(spec.normalise, spec.shape[0])
    return Dataset(train_images, train_labels, test_images, test_labels, names, normalise)


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


def _read_labels(path: Path, pair: tuple[str, str], headers: Mapping[str, npz.Header]) -> np.ndarray:
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
    check_memory(2 * found.bytes, f"{path}: {name}")
    labels = npz.read(path, name).reshape(-1)
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest < 0 or highest >= 2**31:
        raise DataError(f"{path}: {name} has the label {lowest if lowest < 0 else highest}; expected 0 and up.")
    return labels.astype(np.int64)


def _shape(path: Path, arrays: _Arrays, headers: Mapping[str, npz.Header]) -> tuple[int, int, int]:
    shapes = {pair[0]: _image_shape(path, pair[0], headers[pair[0]]) for pair in (arrays.train, arrays.test) if pair}
    (first, shape), *others = shapes.items()
    own.check_shape(shape, f"{path}: {first}")
    for name, other in others:
        if other != shape:
            raise DataError(
                f"{path}: {name} is {headers[name]}, expected images as those of {first}, {headers[first]}."
            )
    return shape


def _image_shape(path: Path, name: str, found: npz.Header) -> tuple[int, int, int]:
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


def _hint(found: npz.Header) -> str:
    if found.dtype.hasobject:
        return "; Python objects are never unpickled"
    if len(found.shape) == 4 and found.shape[1] in (1, 3) and found.shape[3] not in (1, 3):
        return "; the channels come last: `np.moveaxis(x, 1, 3)`"
    return "" if found.dtype == np.uint8 else _TO_BYTES.get(found.dtype.kind, "")


def _images(path: Path, name: str) -> np.ndarray:
    """Images as `Dataset` has them, from (N, H, W), (N, H, W, 1) or (N, H, W, 3)."""
    images = npz.read(path, name)
    if images.ndim == 4:
        images = images[..., 0] if images.shape[3] == 1 else np.moveaxis(images, 3, 1)
    return np.ascontiguousarray(images)
