"""`predictions.npz`: the predictions of a saved model for every test image. Later steps need no model.

`predictions_holdout.npz` is the same for the images of a hold-out.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from normreg.config import identity
from normreg.errors import AGAIN, DataError
from normreg.utils.atomic import replacing
from normreg.utils.digests import sha256

# Engines and devices differ in float32 rounding, by about 1e-5 of a logit. This is less than NEAR_TIE. So only an image
# whose two classes are as near as NEAR_TIE can be right with one engine and wrong with another.
NEAR_TIE = 0.01


@dataclass(frozen=True)
class Predictions:
    """Logits float32 (N, classes), true labels int64 (N,) and image indices int64 (N,), in the order of the data set.

    `engine` is the name of the engine that trained the model, such as "torch" or "numba".
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
    def accuracy(self) -> float:
        """The share of images that are classified rightly, in percent."""
        return 100 - 100 * float(self.wrong.mean())

    @property
    def loss(self) -> float:
        """Mean cross-entropy per image, in nats."""
        logits = self.logits.astype(np.float64)
        right = logits[np.arange(len(logits)), self.labels]
        return float((np.logaddexp.reduce(logits, axis=1) - right).mean())

    @property
    def near_ties(self) -> int:
        """Number of images whose two largest logits are within `NEAR_TIE`."""
        ordered = np.sort(self.logits, axis=1)
        return int((ordered[:, -1] - ordered[:, -2] <= NEAR_TIE).sum())


def save(path: str | Path, logits: np.ndarray, labels: np.ndarray, run: str, engine: str) -> None:
    """Writes the predictions of a whole split. `run` is the identity of the model's run.

    The file is written completely or not at all.

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


def load(path: str | Path, labels: np.ndarray, classes: int, run: str) -> Predictions:
    """Reads what `save` wrote.

    Args:
        path: the file.
        labels: (N,), the labels of the images that the file should be about.
        classes: how many classes the data set has.
        run: the expected identity of the run.

    Raises:
        DataError: the file is missing, damaged, not written by `save`, of another run, or about other images.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            engine, owner, digest = (_text(arrays[name]) for name in ("engine", "run", "digest"))
            found = Predictions(arrays["logits"], arrays["labels"], arrays["indices"], engine=engine)
    except Exception as error:  # zip, zlib, numpy and OS errors all mean: the file cannot be read
        raise DataError(f"{path}: cannot be read as predictions ({_line(error)}). {AGAIN}") from error
    identity.check(path, owner, run)
    count = len(found.labels) if found.labels.ndim else 0
    for name, array, dtype, shape in (
        ("logits", found.logits, np.float32, (count, classes)),
        ("labels", found.labels, np.int64, (count,)),
        ("indices", found.indices, np.int64, (count,)),
    ):
        if array.dtype != dtype or array.shape != shape:
            expected = f"{np.dtype(dtype)} {shape}"
            raise DataError(f"{path}: its {name} are {array.dtype} {array.shape}, expected {expected}. {AGAIN}")
    if not np.isfinite(found.logits).all():
        raise DataError(f"{path}: holds a logit that is not a finite number. {AGAIN}")
    _check_images(path, found, labels)
    if digest != _digest(found, owner):
        raise DataError(f"{path}: its content was changed after it was written. {AGAIN}")
    return found


def check_accuracy(path: str | Path, found: Predictions, final_accuracy: float) -> None:
    """Compares the mistakes with the last validation accuracy, in percent, that training measured.

    Both must be of the same weights and images. Then they differ by at most the number of near ties.

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
        raise DataError(f"{path}: holds predictions of {len(found.labels)} images, expected {len(labels)}. {AGAIN}")
    if not np.array_equal(found.indices, np.arange(len(labels))):
        raise DataError(f"{path}: its images are not 0, 1, 2, ... to {len(labels) - 1}, each once. {AGAIN}")
    if not np.array_equal(found.labels, labels):
        raise DataError(f"{path}: its labels are not those of the images that it should be about. {AGAIN}")


def _digest(made: Predictions, run: str) -> str:
    """SHA-256 of all that is saved. Without it nobody would see a changed logit, because it is still a number."""
    arrays = (np.ascontiguousarray(array).tobytes() for array in (made.logits, made.labels, made.indices))
    return sha256(f"{made.engine} {run}".encode(), *arrays)


def _text(array: np.ndarray) -> str:
    if array.dtype.kind != "U" or array.ndim:
        raise ValueError(f"{array.dtype} {array.shape} where a text belongs")
    return str(array)


def _line(error: Exception) -> str:
    """The text of a library's error, in one line. If a part is absent, it is the name of that part."""
    return " ".join(str(error.args[0] if isinstance(error, KeyError) and error.args else error).split())[:200]
