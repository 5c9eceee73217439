"""`predictions.npz`: what a saved model says about every validation image. Everything after it needs no model."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from normreg.errors import DataError
from normreg.models.description import CLASSES
from normreg.utils.atomic import replacing


@dataclass(frozen=True)
class Predictions:
    """Logits float32 (N, classes), true labels int64 (N,) and image indices int64 (N,), in the order of the data set.

    `engine` is what trained the model, "torch" or "numba".
    """

    logits: np.ndarray
    labels: np.ndarray
    indices: np.ndarray
    engine: str = field(default="torch", kw_only=True)

    @property
    def predicted(self) -> np.ndarray:
        """The class with the largest logit, (N,)."""
        predicted: np.ndarray = self.logits.argmax(axis=1)
        return predicted

    @property
    def wrong(self) -> np.ndarray:
        """Whether each image is misclassified, bool (N,)."""
        wrong: np.ndarray = self.predicted != self.labels
        return wrong


def save(path: str | Path, logits: np.ndarray, labels: np.ndarray, engine: str = "torch") -> None:
    """Writes the predictions of a whole split, whole or not at all.

    Raises:
        DataError: a logit is not a finite number.
    """
    if not np.isfinite(logits).all():
        raise DataError(f"{path}: the model gives logits that are not finite numbers; its training has diverged.")
    indices = np.arange(len(labels), dtype=np.int64)
    with replacing(path) as temporary:
        np.savez_compressed(
            temporary,
            logits=logits.astype(np.float32),
            labels=labels.astype(np.int64),
            indices=indices,
            engine=np.array(engine),
        )


def load(path: str | Path) -> Predictions:
    """Reads what `save` wrote.

    Raises:
        DataError: missing, damaged, or not what `save` writes.
    """
    again = "Delete it and run the same command again."
    try:
        with np.load(path, allow_pickle=False) as arrays:
            engine = str(arrays["engine"]) if "engine" in arrays else "torch"
            found = Predictions(arrays["logits"], arrays["labels"], arrays["indices"], engine=engine)
    except Exception as error:  # zip, zlib, numpy and OS errors alike: the file cannot be read
        raise DataError(f"{path}: cannot be read as predictions ({error}). {again}") from error
    count = len(found.labels) if found.labels.ndim else 0
    for name, array, dtype, shape in (
        ("logits", found.logits, np.float32, (count, CLASSES)),
        ("labels", found.labels, np.int64, (count,)),
        ("indices", found.indices, np.int64, (count,)),
    ):
        if array.dtype != dtype or array.shape != shape:
            expected = f"{np.dtype(dtype)} {shape}"
            raise DataError(f"{path}: its {name} are {array.dtype} {array.shape}, expected {expected}. {again}")
    if not np.isfinite(found.logits).all():
        raise DataError(f"{path}: holds a logit that is not a finite number. {again}")
    return found
