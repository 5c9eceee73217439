"""`predictions.npz`: what a saved model says about every validation image. Everything after it needs no model."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from normreg.config import identity
from normreg.errors import DataError
from normreg.models.description import CLASSES
from normreg.utils.atomic import replacing
from normreg.utils.digests import sha256

# Another engine or device moves logits by less than this (they differ in float32 rounding, of about 1e-5 of a logit),
# so only images with two classes as near as this can be right under one and wrong under the other.
NEAR_TIE = 0.01


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

    @property
    def near_ties(self) -> int:
        """Number of images whose two largest logits are within `NEAR_TIE`."""
        ordered = np.sort(self.logits, axis=1)
        return int((ordered[:, -1] - ordered[:, -2] <= NEAR_TIE).sum())


def save(path: str | Path, logits: np.ndarray, labels: np.ndarray, run: str, engine: str) -> None:
    """Writes the predictions of a whole split, whole or not at all; `run` is the identity of the model's run.

    Raises:
        DataError: a logit is not a finite number.
    """
    if not np.isfinite(logits).all():
        raise DataError(f"{path}: the model gives logits that are not finite numbers; its training has diverged.")
    indices = np.arange(len(labels), dtype=np.int64)
    made = Predictions(logits.astype(np.float32), labels.astype(np.int64), indices, engine=engine)
    with replacing(path) as temporary:
        np.savez_compressed(
            temporary,
            logits=made.logits,
            labels=made.labels,
            indices=indices,
            engine=np.array(engine),
            run=np.array(run),
            digest=np.array(_digest(made, run)),
        )


def load(path: str | Path, labels: np.ndarray, run: str) -> Predictions:
    """Reads what `save` wrote.

    Args:
        path: the file.
        labels: (N,), those of the images that were to be predicted.
        run: the identity of the run it is read for.

    Raises:
        DataError: missing, damaged, not what `save` writes, of another run, or of other images.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            engine, owner, digest = (_text(arrays[name]) for name in ("engine", "run", "digest"))
            found = Predictions(arrays["logits"], arrays["labels"], arrays["indices"], engine=engine)
    except Exception as error:  # zip, zlib, numpy and OS errors alike: the file cannot be read
        raise DataError(f"{path}: cannot be read as predictions ({_line(error)}). {identity.AGAIN}") from error
    identity.check(path, owner, run)
    count = len(found.labels) if found.labels.ndim else 0
    for name, array, dtype, shape in (
        ("logits", found.logits, np.float32, (count, CLASSES)),
        ("labels", found.labels, np.int64, (count,)),
        ("indices", found.indices, np.int64, (count,)),
    ):
        if array.dtype != dtype or array.shape != shape:
            expected = f"{np.dtype(dtype)} {shape}"
            raise DataError(
                f"{path}: its {name} are {array.dtype} {array.shape}, expected {expected}. {identity.AGAIN}"
            )
    if not np.isfinite(found.logits).all():
        raise DataError(f"{path}: holds a logit that is not a finite number. {identity.AGAIN}")
    _check_images(path, found, labels)
    if digest != _digest(found, owner):
        raise DataError(f"{path}: its content was changed after it was written. {identity.AGAIN}")
    return found


def check_accuracy(path: str | Path, found: Predictions, final_accuracy: float) -> None:
    """Compares the mistakes with the last validation accuracy, in percent, that training has measured.

    Both are of the same weights and images. Their difference is at most the number of near ties.

    Raises:
        DataError: they differ by more.
    """
    images = len(found.labels)
    mistakes, measured = int(found.wrong.sum()), round(images * (1 - final_accuracy / 100))
    if abs(mistakes - measured) > found.near_ties:
        raise DataError(
            f"{path}: {mistakes} of its {images} images are wrong, but {measured} were at the end of metrics.csv "
            "beside it. They are not of one training. Delete both and checkpoint.pt, and run the same command again."
        )


def _check_images(path: str | Path, found: Predictions, labels: np.ndarray) -> None:
    if len(found.labels) != len(labels):
        raise DataError(
            f"{path}: holds predictions of {len(found.labels)} images, expected {len(labels)}. {identity.AGAIN}"
        )
    if not np.array_equal(found.indices, np.arange(len(labels))):
        raise DataError(f"{path}: its images are not 0, 1, 2, ... to {len(labels) - 1}, each once. {identity.AGAIN}")
    if not np.array_equal(found.labels, labels):
        raise DataError(f"{path}: its labels are not those of the data set's test images. {identity.AGAIN}")


def _digest(made: Predictions, run: str) -> str:
    """SHA-256 of all that is saved, because another logit is still a number."""
    arrays = (np.ascontiguousarray(array).tobytes() for array in (made.logits, made.labels, made.indices))
    return sha256(f"{made.engine} {run}".encode(), *arrays)


def _text(array: np.ndarray) -> str:
    if array.dtype.kind != "U" or array.ndim:
        raise ValueError(f"{array.dtype} {array.shape} where a text belongs")
    return str(array)


def _line(error: Exception) -> str:
    """What an error of a library says, in one line; a part that is absent by its name alone."""
    return " ".join(str(error.args[0] if isinstance(error, KeyError) and error.args else error).split())[:200]
