"""What figures are drawn from: courses of a metric over the epochs, and saved predictions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from normreg.analysis import metrics, predictions
from normreg.analysis.predictions import Predictions
from normreg.config.identity import RunFacts
from normreg.data import dataset as datasets
from normreg.errors import DataError


class Drawn(Protocol):
    """What colours, lines and the legend need to know of a condition."""

    @property
    def condition(self) -> str:
        """Its name."""
        ...

    @property
    def penalty(self) -> str:
        """A key of `factors.PENALTIES`."""
        ...

    @property
    def norm(self) -> str:
        """A key of `factors.NORMS`."""
        ...


# The more seeds, the wider their range: with a hundred it is that of the two oddest runs, and hides all other bands.
FEW_SEEDS = 20


@dataclass(frozen=True)
class Course:
    """One metric of one condition over its epochs, for all its seeds."""

    condition: str
    penalty: str
    norm: str
    seeds: tuple[int, ...]
    epochs: np.ndarray  # int64 (E,): those in which it was measured, from 1 on
    values: np.ndarray  # float64 (seeds, E)

    @property
    def middle(self) -> np.ndarray:
        """Median over the seeds, (E,)."""
        return np.asarray(np.median(self.values, axis=0))

    @property
    def low(self) -> np.ndarray:
        """Smallest value over the seeds, (E,)."""
        return np.asarray(self.values.min(axis=0))

    @property
    def high(self) -> np.ndarray:
        """Largest value over the seeds, (E,)."""
        return np.asarray(self.values.max(axis=0))

    @property
    def band(self) -> tuple[np.ndarray, np.ndarray]:
        """Both ends of what a figure shades, each (E,): the range, or of more than `FEW_SEEDS` the middle half."""
        if len(self.seeds) <= FEW_SEEDS:
            return self.low, self.high
        low, high = np.quantile(self.values, (0.25, 0.75), axis=0)
        return low, high

    @property
    def final(self) -> float:
        """Median over the seeds at the last epoch."""
        return float(self.middle[-1])


@dataclass(frozen=True)
class PredictedImages(Predictions):
    """Saved predictions beside their images uint8 (N, height, width) and the names of the classes."""

    images: np.ndarray
    class_names: tuple[str, ...]
    files: tuple[str, ...] = ()  # one for each image, or none

    @property
    def mistakes(self) -> int:
        """Number of misclassified images."""
        return int(self.wrong.sum())


def band_name(courses: Sequence[Course]) -> str:
    """What the bands of these courses are."""
    many = sorted({len(course.seeds) > FEW_SEEDS for course in courses})
    return " or ".join("middle half" if half else "range" for half in many)


def read_courses(paths: Sequence[str | Path], runs: Sequence[RunFacts], metric: str) -> list[Course]:
    """Reads `metric` of all runs and gathers the seeds of each condition, conditions in the order of `runs`.

    Args:
        paths: one `metrics.csv` per run.
        runs: whose they are, in the same order.
        metric: a column of the tables.

    Raises:
        DataError: a table cannot be read or is of another run, or the seeds of one condition differ in their epochs.
    """
    facts = zip(paths, runs, strict=True)
    tables = [metrics.read(path, [metric], run["identity"], run["epochs"]) for path, run in facts]
    courses = []
    for condition in dict.fromkeys(run["condition"] for run in runs):
        found = [(run, table) for run, table in zip(runs, tables, strict=True) if run["condition"] == condition]
        epochs = found[0][1]["epoch"]
        if any(not np.array_equal(table["epoch"], epochs) for _, table in found):
            raise DataError(
                f"{condition}: its seeds differ in their epochs. Delete its metrics.csv files and run again."
            )
        first = found[0][0]
        seeds = tuple(int(run["seed"]) for run, _ in found)
        values = np.stack([table[metric] for _, table in found])
        measured = ~np.isnan(values).any(axis=0)
        course = Course(condition, first["penalty"], first["norm"], seeds, epochs[measured], values[:, measured])
        courses.append(course)
    return courses


def read_predictions(path: str | Path, data: str | Path, known: str | None, run: str) -> PredictedImages:
    """Reads the `predictions.npz` at `path` and the images in `data` it was made from.

    Args:
        path: the predictions.
        data: the prepared data set.
        known: its digest, see `dataset.load`.
        run: the identity of the run the predictions are read for.

    Raises:
        DataError: a file cannot be read, or the predictions are of another run or not of this data.
    """
    dataset = datasets.load(data, known)
    found = predictions.load(path, dataset.test_labels, len(dataset.class_names), run)
    names = tuple(str(name) for name in dataset.class_names)
    files = tuple(map(dataset.file_of, range(len(dataset.test_files))))
    arrays = found.logits, found.labels, found.indices, dataset.test_images
    return PredictedImages(*arrays, names, files, engine=found.engine)
