"""What a `.npz` file of one's own holds: which arrays are images and labels, their shape, and how many of each class.

Only headers and labels are read, so this is quick.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from normreg.config import own_facts
from normreg.config.own_facts import Facts
from normreg.errors import DataError
from normreg.utils import memory, npz, shares

_TRAIN = (
    ("x_train", "y_train"),
    ("train_images", "train_labels"),
    ("x", "y"),
)  # as of Keras, of MedMNIST, without test
_TEST = {"x_train": ("x_test", "y_test"), "train_images": ("test_images", "test_labels")}


@dataclass(frozen=True)
class Arrays:
    """The names of the arrays with images and labels. `left_out` are all others in the file."""

    train: tuple[str, str]
    test: tuple[str, str] | None
    left_out: tuple[str, ...]


def find_arrays(path: Path, headers: Mapping[str, npz.Header], test_share: float | None) -> Arrays:
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
    check_test_share(test_share, tested, str(path))
    return Arrays(train, test if tested else None, tuple(name for name in headers if name not in wanted))


def check_test_share(test_share: float | None, tested: bool, what: str) -> None:
    """Refuses a source that has a test split and `test_share`, or none of them.

    Raises:
        DataError: the message begins with `what`.
    """
    if tested and test_share is not None:
        raise DataError(f"{what}: has a test split, so `test_share` has no use; leave it out.")
    if not tested and test_share is None:
        raise DataError(
            f"{what}: has no test split; give it one, or give `test_share: 0.2`, which takes a fifth of the images of "
            "each class away from training."
        )


def read(path: Path, test_share: float | None, names: Sequence[str] | None) -> Facts:
    """The facts of a file.

    Args:
        path: the file.
        test_share: the share of the images that become the test split, or None.
        names: the names of the classes. None: their numbers.

    Raises:
        DataError: the file cannot be used. The message names it and what is wrong.
    """
    headers = npz.headers(path)
    arrays = find_arrays(path, headers, test_share)
    shape = _shape(path, arrays, headers)
    labels = {pair: read_labels(path, pair, headers) for pair in (arrays.train, arrays.test) if pair}
    largest = max(int(labels[arrays.train].max()), *(int(found.max()) for found in labels.values()))
    what = f"{path}: {arrays.train[1]}"
    if names is None:
        own_facts.check_number(largest + 1, what)
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
    own_facts.check_counts(facts, what)
    return facts


def read_labels(path: Path, pair: tuple[str, str], headers: Mapping[str, npz.Header]) -> np.ndarray:
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
    memory.check(2 * found.bytes, f"{path}: {name}")
    labels = npz.read(path, name).reshape(-1)
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest < 0 or highest >= 2**31:
        raise DataError(f"{path}: {name} has the label {lowest if lowest < 0 else highest}; expected 0 and up.")
    return labels.astype(np.int64)


def _shape(path: Path, arrays: Arrays, headers: Mapping[str, npz.Header]) -> tuple[int, int, int]:
    shapes = {pair[0]: _image_shape(path, pair[0], headers[pair[0]]) for pair in (arrays.train, arrays.test) if pair}
    (first, shape), *others = shapes.items()
    own_facts.check_shape(shape, f"{path}: {first}")
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
    if found.dtype.kind == "f":
        return "; turn floats of 0 to 1 into bytes by `np.round(255 * x).astype(np.uint8)`"
    if len(found.shape) == 4 and found.shape[1] in (1, 3):
        return "; the channels come last: `np.moveaxis(x, 1, 3)`"
    return ""
