"""What all data sets of one's own share: facts, checks, division into splits, and the memory that they may take."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil

from normreg.errors import DataError

SIDES = (8, 96)  # the smallest and the largest height and width, in pixels
CLASSES = (2, 1000)
COPIES = 3  # of the images, in memory at once: as read, as divided, and as bytes for the digest
_GROUP = Path("/sys/fs/cgroup")


class Facts(NamedTuple):
    """What a data set has: the shape of its images (channels, height, width), its classes and numbers of images."""

    shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    train_images: int
    test_images: int


def check_shape(shape: tuple[int, int, int], what: str) -> None:
    """Refuses images that are too small or too large.

    Raises:
        DataError: the message begins with `what`.
    """
    low, high = SIDES
    if not all(low <= side <= high for side in shape[1:]):
        raise DataError(
            f"{what}: has {shape[1]} x {shape[2]} pixels (height x width), expected {low} to {high} each; resize the "
            "images (a folder of images is resized by the key `size`)."
        )


def check_number(classes: int, what: str) -> None:
    """Refuses too few and too many classes.

    Raises:
        DataError: the message begins with `what`.
    """
    low, high = CLASSES
    if not low <= classes <= high:
        raise DataError(f"{what}: has {classes:,} class{'' if classes == 1 else 'es'}, expected {low} to {high:,}.")


def count(
    shape: tuple[int, int, int],
    names: Sequence[str],
    train: Sequence[int],
    test: Sequence[int] | None,
    test_share: float | None,
    what: str,
) -> Facts:
    """The facts of a data set whose classes have so many training and test images.

    If there are no `test` images, each class gives its share of the training images.

    Raises:
        DataError: a class is not trained, or the test split has one class. The message begins with `what`.
    """
    if test is None:
        test = [test_images(images, test_share or 0) for images in train]
        train = [images - held for images, held in zip(train, test, strict=True)]
    for name, trained, tested in zip(names, train, test, strict=True):
        if not trained:
            also = f", but {tested} test images" if tested else ""
            raise DataError(
                f"{what}: class '{name}' has no training image{also}; expected one at least for each class. Add some, "
                "or take the class out (labels count from 0, without a gap)."
            )
    classes = sum(images > 0 for images in test)
    if classes < 2:
        raise DataError(
            f"{what}: the test split has images of {classes} class{'' if classes == 1 else 'es'}, expected 2 at least. "
            "Add test images, or give a larger test_share."
        )
    return Facts(shape, tuple(names), sum(train), sum(test))


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


def test_images(images: int, share: float) -> int:
    """How many of the `images` images of a class become test images: their share, rounded. One at least stays."""
    return max(0, min(int(images * share + 0.5), images - 1))


def divide(labels: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the training images and of the test images, each int64 and in order.

    Each class gives `test_images` of its images. Which ones depends on nothing but the labels and the share:
    `RandomState` is the generator whose numbers NumPy has promised never to change.

    Args:
        labels: integers (N,).
        share: 0 to 1.
    """
    random = np.random.RandomState(0)
    drawn = [np.empty(0, dtype=np.int64)]
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        drawn.append(random.permutation(members)[: test_images(len(members), share)])
    test = np.sort(np.concatenate(drawn))
    return np.setdiff1d(np.arange(len(labels)), test), test


def available() -> int:
    """Bytes that a process can still get without swapping.

    In a container or a job of a cluster it is what its control group (version 2) leaves, if that is less.
    """
    left = int(psutil.virtual_memory().available)
    with contextlib.suppress(OSError, ValueError):  # no such group, or "max": no limit
        most, used = (int((_GROUP / name).read_text(encoding="ascii")) for name in ("memory.max", "memory.current"))
        left = min(left, most - used)
    return left


def check_memory(wanted: int, what: str) -> None:
    """Refuses what needs more memory than there is.

    Args:
        wanted: bytes.
        what: what needs them, for the message.

    Raises:
        DataError: there is less.
    """
    left = available()
    if wanted > left:
        raise DataError(
            f"{what}: needs about {_size(wanted)} of memory, but {_size(left)} are left. Take fewer or smaller images, "
            "run fewer jobs side by side (--cores 1), or use a machine with more memory."
        )


def _size(number: int) -> str:
    return f"{number / 2**30:,.1f} GiB" if number >= 2**30 else f"{number / 2**20:,.0f} MiB"
