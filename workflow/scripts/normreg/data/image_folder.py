"""Reads a data set of one's own from a folder of images, see `config.folder_facts`."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from normreg.config import folder_facts
from normreg.config.dataset_spec import DatasetSpec, ImageFolder
from normreg.data.dataset import Dataset, as_array, label_type
from normreg.errors import DataError
from normreg.utils import memory, pictures, shares
from normreg.utils.jobs import log

_COPIES = 3  # of the images, in memory at once: as read, as divided, and as bytes for the digest


def load(spec: DatasetSpec, source: ImageFolder) -> Dataset:
    """The data set in a folder, in the order of classes and file names. Logs what is left out.

    Raises:
        DataError: an image cannot be used, which the message names; or there is too little memory.
    """
    root = Path(source.path)
    listing = folder_facts.list_images(root, source.test_share)
    memory.check(_COPIES * len(listing.files) * math.prod(spec.shape), str(root))
    if listing.left_out:
        some = f"{', '.join(listing.left_out[:3])}{', ...' if len(listing.left_out) > 3 else ''}"
        log.info("%s: left out, because they are no images of the data set: %s", spec.key, some)
    numbers = {name: number for number, name in enumerate(listing.train)}
    splits = [_read_split(spec, source, split, numbers) for split in (listing.train, listing.test) if split is not None]
    if source.test_share is not None:
        ((images, labels),) = splits
        splits = [(images[part], labels[part]) for part in shares.divide(labels, source.test_share)]
    (train_images, train_labels), (test_images, test_labels) = splits
    names, normalise = np.array(spec.class_names), as_array(spec.normalise, spec.shape[0])
    return Dataset(train_images, train_labels, test_images, test_labels, names, normalise)


def content(source: ImageFolder) -> str:
    """SHA-256 over the names and the contents of the images, sorted by name. Names are relative to the folder.

    Raises:
        DataError: a file or folder cannot be read.
    """
    root, whole = Path(source.path), hashlib.sha256()
    try:
        for name in folder_facts.list_images(root, source.test_share).files:
            whole.update(name.encode("utf-8", "surrogateescape") + b"\0")
            whole.update(hashlib.sha256((root / name).read_bytes()).digest())
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be read ({error.strerror}).") from error
    return whole.hexdigest()


def _read_split(
    spec: DatasetSpec, source: ImageFolder, split: Mapping[str, Sequence[str]], numbers: Mapping[str, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of a split."""
    files = [(numbers[name], file) for name, files in split.items() for file in files]
    images = np.empty((len(files), *(spec.shape if spec.shape[0] > 1 else spec.shape[1:])), dtype=np.uint8)
    transparent = 0
    for place, (_, file) in enumerate(files):
        path = Path(source.path) / file
        images[place], header = pictures.decode(path, spec.shape, source.resized, source.converted)
        transparent += header.transparent
    if transparent:
        log.info("%s: the transparency of %d images is left out", spec.key, transparent)
    return images, np.array([label for label, _ in files], dtype=label_type(len(spec.class_names)))
