"""`predictions.npz`: predictions of a saved model for each image of the test split, and of a hold-out if there is one.

Later steps need no model. That of a run that diverged has the epoch in which it did, and no predictions.
"""

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from normreg.data.dataset import join_names
from normreg.errors import AGAIN, DataError
from normreg.utils import tables
from normreg.utils.files import replacing

# Engines and devices differ in float32 rounding, by about 1e-5 of a logit. This is less than NEAR_TIE. So only an image
# whose two classes are as near as NEAR_TIE can be right with one engine and wrong with another.
NEAR_TIE = 0.01
BINS = 15  # of the expected calibration error
LEAST_FOR_TOP5 = 10  # classes
TEST, HOLDOUT = "test", "hold-out"  # the splits that a file can be about
NOT_OF_ONE = "They are not of one training. Delete both and checkpoint.pt, and run the same command again."
_PREFIX = {TEST: "", HOLDOUT: "holdout_"}  # of the names of a split's arrays


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

    def without(self, places: np.ndarray) -> "Predictions":
        """The same without the images at these places."""
        arrays = (np.delete(each, places, axis=0) for each in (self.logits, self.labels, self.indices))
        return Predictions(*arrays, engine=self.engine)

    @property
    def losses(self) -> np.ndarray:
        """Cross-entropy of each image, in nats, (N,)."""
        logits = self.logits.astype(np.float64)
        right = logits[np.arange(len(logits)), self.labels]
        found: np.ndarray = np.logaddexp.reduce(logits, axis=1) - right
        return found

    @property
    def loss(self) -> float:
        """Mean cross-entropy per image, in nats."""
        return float(self.losses.mean())

    @functools.cached_property
    def probabilities(self) -> np.ndarray:
        """The softmax of the logits, float64 (N, classes)."""
        logits = self.logits.astype(np.float64)
        found: np.ndarray = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
        return found

    @property
    def recalls(self) -> np.ndarray:
        """The share of the images of each class that are classified rightly, in percent; NaN without images. (C,)"""
        counts = np.bincount(self.labels, minlength=self.logits.shape[1])
        right = np.bincount(self.labels[~self.wrong], minlength=len(counts))
        found: np.ndarray = 100 * np.divide(right, counts, out=np.full(len(counts), np.nan), where=counts > 0)
        return found

    @property
    def balanced_accuracy(self) -> float:
        """The mean recall of the classes that have images, in percent."""
        return float(np.nanmean(self.recalls))

    @property
    def macro_f1(self) -> float:
        """The mean over the classes of 2 TP / (2 TP + FP + FN), in percent. Classes that are nowhere are left out."""
        classes = self.logits.shape[1]
        actual, predicted = (np.bincount(each, minlength=classes) for each in (self.labels, self.predicted))
        right = np.bincount(self.labels[~self.wrong], minlength=classes)
        known = actual + predicted > 0
        return float(100 * (2 * right[known] / (actual + predicted)[known]).mean())

    @property
    def top5_accuracy(self) -> float | None:
        """The share of images whose class is among the five with the largest logits, in percent.

        None with fewer than `LEAST_FOR_TOP5` classes.
        """
        if self.logits.shape[1] < LEAST_FOR_TOP5:
            return None
        own = np.take_along_axis(self.logits, self.labels[:, None], axis=1)
        return float(100 * ((self.logits > own).sum(axis=1) < 5).mean())

    @property
    def calibration_error(self) -> float:
        """The expected calibration error: |confidence - share that is right|, as a mean over `BINS` bins.

        Each bin has as many images, by their confidence (Nguyen and O'Connor 2015; Roelofs et al. 2022), and 0 is best.
        """
        confidence = self.probabilities.max(axis=1)
        order = np.argsort(confidence, kind="stable")
        gaps = (confidence - ~self.wrong)[order]
        return float(sum(abs(part.sum()) for part in np.array_split(gaps, BINS)) / len(gaps))

    @property
    def brier_scores(self) -> np.ndarray:
        """Of each image the sum over classes of (probability - truth) squared, 0 to 2 (Brier 1950), (N,)."""
        truth = np.eye(self.logits.shape[1])[self.labels]
        found: np.ndarray = ((self.probabilities - truth) ** 2).sum(axis=1)
        return found

    @property
    def brier_score(self) -> float:
        """The mean of `brier_scores`."""
        return float(self.brier_scores.mean())

    @property
    def near_ties(self) -> int:
        """Number of images whose two largest logits are within `NEAR_TIE`."""
        ordered = np.sort(self.logits, axis=1)
        return int((ordered[:, -1] - ordered[:, -2] <= NEAR_TIE).sum())


@dataclass(frozen=True)
class Diverged:
    """What there is of a run that diverged: the epoch in which it did, and the engine that trained it."""

    epoch: int
    engine: str

    @property
    def sentence(self) -> str:
        """What stands where the predictions would be shown."""
        return f"This run diverged in epoch {self.epoch}, so there are no predictions."


def save_diverged(path: str | Path, run: str, found: Diverged) -> None:
    """Writes the predictions of a run that diverged: there are none. `run` is its identity."""
    with replacing(path) as temporary:
        np.savez_compressed(temporary, engine=np.array(found.engine), run=np.array(run), diverged=np.array(found.epoch))


def save(
    path: str | Path,
    logits: np.ndarray,
    labels: np.ndarray,
    run: str,
    engine: str,
    holdout: tuple[np.ndarray, np.ndarray] | None = None,
    files: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Writes the predictions of the whole test split, and of a whole hold-out. Completely or not at all.

    Args:
        path: the file.
        logits: (N, classes), all finite.
        labels: (N,), the true ones.
        run: the identity of the model's run.
        engine: the name of the engine that trained the model.
        holdout: logits and labels of the hold-out, if the run has one.
        files: the names of the image files of a split, for the person, see `dataset.join_names`.
    """
    splits = {TEST: (logits, labels)} | ({HOLDOUT: holdout} if holdout else {})
    arrays: dict[str, Any] = {"engine": np.array(engine), "run": np.array(run)}
    for split, (split_logits, split_labels) in splits.items():
        indices, before = np.arange(len(split_labels), dtype=np.int64), _PREFIX[split]
        made = Predictions(split_logits.astype(np.float32), split_labels.astype(np.int64), indices, engine=engine)
        arrays |= {f"{before}logits": made.logits, f"{before}labels": made.labels, f"{before}indices": indices}
        arrays[f"{before}digest"] = np.array(_digest(made, run, split))
        if files and files[split]:
            arrays[f"{before}files"] = join_names(files[split])
    with replacing(path) as temporary:
        np.savez_compressed(temporary, **arrays)


def load(path: str | Path, labels: np.ndarray, run: str, split: str = TEST) -> Predictions | Diverged:
    """Reads a split of what `save` wrote, or what `save_diverged` wrote.

    Args:
        path: the file.
        labels: (N,), the labels of the images that the split should have.
        run: the expected identity of the run.
        split: `TEST` or `HOLDOUT`.

    Raises:
        DataError: the file is missing, damaged, not written by `save`, of another run, or about other images.
    """
    before = _PREFIX[split]
    try:
        with np.load(path, allow_pickle=False) as arrays:
            engine, owner = (str(arrays[name]) for name in ("engine", "run"))
            diverged = int(arrays["diverged"]) if "diverged" in arrays else None
            if diverged is None:
                digest = str(arrays[f"{before}digest"])
                logits, known, indices = (arrays[f"{before}{name}"] for name in ("logits", "labels", "indices"))
                found = Predictions(logits, known, indices, engine=engine)
    except Exception as error:  # zip, zlib, numpy and OS errors all mean: the file cannot be read
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: cannot be read as predictions ({reason}). {AGAIN}") from error
    tables.check_run(path, owner, run)
    if diverged is not None:
        return Diverged(diverged, engine)
    if digest != _digest(found, owner, split):
        raise DataError(f"{path}: its content was changed after it was written. {AGAIN}")
    if not np.array_equal(found.labels, labels):
        raise DataError(f"{path}: its labels are not those of the images that it should be about. {AGAIN}")
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
            f"beside it. {NOT_OF_ONE}"
        )


def _digest(made: Predictions, run: str, split: str) -> str:
    """SHA-256 of a split. Without it nobody would see a changed logit, because it is still a number."""
    found = hashlib.sha256(f"{made.engine} {_PREFIX[split]}{run}".encode())
    for array in (made.logits, made.labels, made.indices):
        found.update(f"{array.dtype.str} {array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    return found.hexdigest()
