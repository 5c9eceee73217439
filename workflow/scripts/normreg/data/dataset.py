"""Saves and loads a data set: one `.npz` file with its arrays and their digest. The module `sources` makes it."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from normreg.errors import DataError
from normreg.models.description import IMAGE_SHAPE
from normreg.utils.atomic import replacing
from normreg.utils.digests import sha256


@dataclass(frozen=True)
class Dataset:
    """Images uint8 (N, height, width) and labels uint8 (N,) in the order of their source, and a name for each class."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    class_names: np.ndarray

    def digest(self) -> str:
        """SHA-256 over the content of all arrays. It identifies the data, and does not depend on their file."""
        arrays = {field.name: np.ascontiguousarray(getattr(self, field.name)) for field in fields(self)}
        named = ((f"{name} {array.dtype} {array.shape}".encode(), array.tobytes()) for name, array in arrays.items())
        return sha256(*(chunk for pair in named for chunk in pair))


def save(dataset: Dataset, path: str | Path) -> None:
    """Writes `dataset` and its digest to a compressed `.npz`. The file is written completely or not at all."""
    arrays = {f.name: getattr(dataset, f.name) for f in fields(dataset)}
    with replacing(path) as temporary:
        np.savez_compressed(temporary, **arrays, digest=np.array(dataset.digest()))


def load(path: str | Path, known: str | None = None) -> Dataset:
    """Reads a file that `save` wrote, and compares its content with its digest.

    Args:
        path: the file.
        known: the digest that the content must have, see `config.datasets`. None: it is not known.

    Raises:
        DataError: the file is missing or damaged, lacks an array, or has an array of another type or shape than
            `Dataset` says; or the content was changed after it was prepared, or is another data set.
    """
    again = "Delete it and run the same command again, which prepares it anew."
    height, width = IMAGE_SHAPE[1:]
    try:
        with np.load(path, allow_pickle=False) as arrays:
            dataset = Dataset(**{f.name: arrays[f.name] for f in fields(Dataset)})
            recorded = str(arrays["digest"])
    except Exception as error:  # zip, zlib, numpy and OS errors all mean: the file cannot be read
        raise DataError(f"{path}: cannot be read as a prepared data set ({error}). {again}") from error
    for split in ("train", "test"):
        images, labels = getattr(dataset, f"{split}_images"), getattr(dataset, f"{split}_labels")
        right = images.dtype == labels.dtype == np.uint8 and images.shape == (*labels.shape[:1], height, width)
        if not right or labels.ndim != 1 or labels.max(initial=0) >= dataset.class_names.size:
            found = f"{images.dtype} {images.shape} and {labels.dtype} {labels.shape}"
            largest = dataset.class_names.size - 1
            raise DataError(
                f"{path}: its {split} images and labels are {found}, expected uint8 (N, {height}, {width}) and uint8 "
                f"(N,) of 0 to {largest}. {again}"
            )
    digest = dataset.digest()
    if recorded != digest:
        raise DataError(
            f"{path}: its images and labels are not those that were prepared: their digest is {digest[:12]}, the one "
            f"recorded {ascii(recorded)[1:13]}. {again}"
        )
    if known is not None and known != digest:
        raise DataError(
            f"{path}: its content is not that of the published data set: digest {digest[:12]}, expected {known[:12]}. "
            f"{again}"
        )
    return dataset
