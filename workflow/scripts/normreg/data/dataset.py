"""A data set as arrays in one `.npz` file. `sources` makes it."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from normreg.errors import DataError
from normreg.models.description import IMAGE_SHAPE
from normreg.utils.atomic import replacing
from normreg.utils.digests import sha256


@dataclass(frozen=True)
class Dataset:
    """Images uint8 (N, height, width) and labels uint8 (N,), in the order of their source; a name for each class."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    class_names: np.ndarray

    def digest(self) -> str:
        """SHA-256 over the content of all arrays: the identity of the data, whatever file they came from."""
        arrays = {field.name: np.ascontiguousarray(getattr(self, field.name)) for field in fields(self)}
        named = ((f"{name} {array.dtype} {array.shape}".encode(), array.tobytes()) for name, array in arrays.items())
        return sha256(*(chunk for pair in named for chunk in pair))


def save(dataset: Dataset, path: str | Path) -> None:
    """Writes `dataset` to a compressed `.npz`, whole or not at all."""
    with replacing(path) as temporary:
        np.savez_compressed(temporary, **{f.name: getattr(dataset, f.name) for f in fields(dataset)})


def load(path: str | Path) -> Dataset:
    """Reads what `save` wrote.

    Raises:
        DataError: the file is missing, damaged or lacks an array, or an array is not as `Dataset` says.
    """
    again = "Delete it and run the same command again."
    height, width = IMAGE_SHAPE[1:]
    try:
        with np.load(path, allow_pickle=False) as arrays:
            dataset = Dataset(**{f.name: arrays[f.name] for f in fields(Dataset)})
    except Exception as error:  # zip, zlib, numpy and OS errors alike: the file cannot be read
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
    return dataset
