"""CIFAR-10, as torchvision downloads it.

No SHA-256 sum of its files has been published, so the only check is torchvision's own, by MD5 sums. The files are
Python pickles. torchvision unpickles only files with the right sums.
"""

from pathlib import Path

import numpy as np

from normreg.data.dataset import Dataset, as_array, label_type
from normreg.data.downloading import FAILURES, quiet_with_timeout
from normreg.data.specs import DatasetSpec, Downloaded
from normreg.errors import DataError


def load(spec: DatasetSpec, source: Downloaded, cache: Path) -> Dataset:
    """The data set. Files in `cache` that have the right sums need no network, and others are downloaded again.

    Raises:
        DataError: the files are not there and cannot be downloaded.
    """
    from torchvision import datasets  # imported here because it takes seconds

    downloader = getattr(datasets, source.downloader)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with quiet_with_timeout():
            splits = [downloader(cache, train=train, download=True) for train in (True, False)]
    except FAILURES as error:
        raise DataError(
            f"{spec.key}: {cache} lacks the data set, or a part of it, and the download failed; is there a network? "
            f"Ways on: (1) put {downloader.filename} into {cache}; (2) train on scikit-learn's digits, without "
            f"network: `--config dataset=digits`. The downloader says: {' '.join(str(error).split())}"
        ) from error
    kind = label_type(len(spec.class_names))
    # torchvision has (N, 32, 32, 3)
    images = [np.ascontiguousarray(np.moveaxis(np.asarray(split.data, dtype=np.uint8), 3, 1)) for split in splits]
    labels = [np.array(split.targets, dtype=kind) for split in splits]
    names, normalise = np.array(spec.class_names), as_array(spec.normalise, spec.shape[0])
    return Dataset(images[0], labels[0], images[1], labels[1], names, normalise)
