"""Saves and loads a data set: one `.npz` file with its arrays and their digest. The module `sources` makes it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np

from normreg.data.specs import MNIST_PIXELS, DatasetSpec
from normreg.errors import DataError, printable
from normreg.utils.files import replacing

_AGAIN = "Delete it and run the same command again, which prepares it anew."
_NAMES = ("train_files", "test_files")


@dataclass(frozen=True)
class Dataset:
    """Images and labels in the order of their source, a name for each class, and how pixels are normalised.

    Attributes:
        train_images: uint8, (N, H, W) if they are gray, (N, 3, H, W) if they have colours: red, green, blue.
        train_labels: (N,), uint8 if there are at most 256 classes, else uint16.
        test_images: as `train_images`.
        test_labels: as `train_labels`.
        class_names: texts (K,).
        normalise: float64 (2, C): means and standard deviations of the channels, for pixels of 0 to 1. NaN: to be
            computed, see `training.subsets.of_run`.
        train_files: the file of each training image, relative to the folder of the data set. Empty if images have none.
        test_files: as `train_files`.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    class_names: np.ndarray
    normalise: np.ndarray = field(default_factory=lambda: np.array(MNIST_PIXELS))
    train_files: tuple[str, ...] = ()
    test_files: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        spec: DatasetSpec,
        train_images: np.ndarray,
        train_labels: np.ndarray,
        test_images: np.ndarray,
        test_labels: np.ndarray,
        *,
        files: Sequence[tuple[str, ...]] = ((), ()),
    ) -> "Dataset":
        """The data set of these facts. `files` are those of the training and of the test images."""
        normalise = np.array(spec.normalise or [[np.nan] * spec.shape[0]] * 2)
        names = np.array(spec.class_names)
        return cls(train_images, train_labels, test_images, test_labels, names, normalise, *files)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        *channels, height, width = self.train_images.shape[1:]
        return (channels[0] if channels else 1), height, width

    def digest(self) -> str:
        """SHA-256 over the content of all arrays. It identifies the data, and does not depend on their file.

        It leaves out the names of files, and a `normalise` that is MNIST's, because data sets had their digests before
        this field.
        """
        left_out = {*_NAMES, *(["normalise"] if np.array_equal(self.normalise, MNIST_PIXELS) else [])}
        names = [field.name for field in fields(self) if field.name not in left_out]
        arrays = {name: np.ascontiguousarray(getattr(self, name)) for name in names}
        whole = hashlib.sha256()
        for name, array in arrays.items():
            whole.update(f"{name} {array.dtype} {array.shape}".encode())
            whole.update(array.tobytes())
        return whole.hexdigest()

    def file_of(self, image: int) -> str:
        """The file of a test image, fit to be shown: without characters that act where they are shown. "" if none."""
        return printable(self.test_files[image]) if self.test_files else ""


def join_names(names: Sequence[str]) -> np.ndarray:
    """Names of files as an array, uint8: their bytes, with a zero byte between two.

    NumPy's arrays of texts give each as much room as the longest.
    """
    return np.frombuffer("\0".join(names).encode("utf-8", "surrogateescape"), dtype=np.uint8)


def split_names(joined: np.ndarray) -> tuple[str, ...]:
    """The names in an array of `join_names`."""
    return tuple(joined.tobytes().decode("utf-8", "surrogateescape").split("\0")) if joined.size else ()


def save(dataset: Dataset, path: str | Path, made_of: str = "") -> None:
    """Writes `dataset` and its digest to a compressed `.npz`. The file is written completely or not at all.

    `made_of` says of which files and by which code it was made, see `identity.recorded`.
    """
    arrays = {f.name: getattr(dataset, f.name) for f in fields(dataset)}
    arrays |= {name: join_names(arrays[name]) for name in _NAMES}
    with replacing(path) as temporary:
        np.savez_compressed(temporary, **arrays, digest=np.array(dataset.digest()), made_of=np.array(made_of))


def load(path: str | Path, known: str | None = None) -> Dataset:
    """Reads a file that `save` wrote, and compares its content with its digest.

    Args:
        path: the file.
        known: the digest that the content must have, see `specs`. None: it is not known.

    Raises:
        DataError: the file is missing or damaged, or lacks an array; or the content was changed after it was prepared,
            or is another data set.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            present = {f.name: arrays[f.name] for f in fields(Dataset)}
            recorded = str(arrays["digest"])
        dataset = Dataset(**present | {name: split_names(present[name]) for name in _NAMES})
    except Exception as error:  # zip, zlib, numpy and OS errors all mean: the file cannot be read
        raise DataError(f"{path}: cannot be read as a prepared data set ({error}). {_AGAIN}") from error
    digest = dataset.digest()
    if recorded != digest:
        raise DataError(
            f"{path}: its images and labels are not those that were prepared: their digest is {digest[:12]}, the one "
            f"recorded {ascii(recorded)[1:13]}. {_AGAIN}"
        )
    if known not in (None, digest):
        raise DataError(
            f"{path}: its content is not that of the published data set: digest {digest[:12]}, expected "
            f"{str(known)[:12]}. {_AGAIN}"
        )
    return dataset


def label_type(classes: int) -> type[np.uint8] | type[np.uint16]:
    """The type of the labels of a data set with so many classes."""
    return np.uint8 if classes <= 256 else np.uint16
