"""Reads a data set of one's own from a `.npz` file, see `config.npz_facts`."""

import hashlib
from pathlib import Path

import numpy as np

from normreg.config import npz_facts
from normreg.config.dataset_spec import DatasetSpec, NpzFile
from normreg.data.dataset import Dataset, as_array, label_type
from normreg.errors import DataError
from normreg.utils import memory, npz, shares
from normreg.utils.jobs import log

_COPIES = 3  # of the images, in memory at once: as read, as prepared, and as bytes for the digest


def load(spec: DatasetSpec, source: NpzFile) -> Dataset:
    """The data set in a file. Logs which arrays of the file are left out.

    Raises:
        DataError: the file is not that of `source.sha256`, or cannot be used; or there is too little memory.
    """
    path = Path(source.path)
    headers = npz.headers(path)
    arrays = npz_facts.find_arrays(path, headers, source.test_share)
    pairs = (arrays.train, arrays.test) if arrays.test else (arrays.train,)
    memory.check(_COPIES * sum(headers[images].bytes for images, _ in pairs), str(path))
    content(source)
    if arrays.left_out:
        log.info("%s: left out: %s", spec.key, ", ".join(arrays.left_out))
    kind = label_type(len(spec.class_names))
    read = [(_images(path, pair[0]), npz_facts.read_labels(path, pair, headers).astype(kind)) for pair in pairs]
    if source.test_share is not None:
        ((images, labels),) = read
        read = [(images[part], labels[part]) for part in shares.divide(labels, source.test_share)]
    (train_images, train_labels), (test_images, test_labels) = read
    names, normalise = np.array(spec.class_names), as_array(spec.normalise, spec.shape[0])
    return Dataset(train_images, train_labels, test_images, test_labels, names, normalise)


def content(source: NpzFile) -> str:
    """SHA-256 of the file.

    Raises:
        DataError: it cannot be read, or is not the file of `source.sha256`.
    """
    path = source.path
    try:
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error
    if source.sha256 not in (None, found):
        raise DataError(
            f"{path}: its SHA-256 is {found}, expected {source.sha256} (`sha256` in the file of the data set). Get the "
            "right file, or correct the sum."
        )
    return found


def _images(path: Path, name: str) -> np.ndarray:
    """Images as `Dataset` has them, from (N, H, W), (N, H, W, 1) or (N, H, W, 3)."""
    images = npz.read(path, name)
    if images.ndim == 4:
        images = images[..., 0] if images.shape[3] == 1 else np.moveaxis(images, 3, 1)
    return np.ascontiguousarray(images)
