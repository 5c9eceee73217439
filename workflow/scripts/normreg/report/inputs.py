"""What figures are drawn from: courses of a metric over the epochs, and saved predictions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from normreg.analysis import predictions, run_tables
from normreg.analysis.predictions import Diverged, Predictions
from normreg.config.identity import RunFacts
from normreg.data import dataset as datasets


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


class Courses(NamedTuple):
    """The courses of the conditions of a study, and a sentence on the runs that diverged, which have no part in them.

    A condition of which all runs diverged has no course.
    """

    found: list[Course]
    diverged: str


def read_courses(paths: Sequence[str | Path], runs: Sequence[RunFacts], metric: str) -> Courses:
    """Reads `metric` of all runs and gathers the seeds of each condition, conditions in the order of `runs`.

    Args:
        paths: one `metrics.csv` per run.
        runs: whose they are, in the same order.
        metric: a column of the tables.

    Raises:
        DataError: a table cannot be read or is of another run.
    """
    facts = zip(paths, runs, strict=True)
    tables = [run_tables.read_metrics(path, [metric], run["identity"], run["epochs"]) for path, run in facts]
    ended = [run_tables.diverged_epoch(table, run["epochs"]) for table, run in zip(tables, runs, strict=True)]
    lost = [epoch is not None for epoch in ended]
    courses = []
    for condition in dict.fromkeys(run["condition"] for run, out in zip(runs, lost, strict=True) if not out):
        every = zip(runs, tables, lost, strict=True)
        found = [(run, table) for run, table, out in every if run["condition"] == condition and not out]
        first, epochs = found[0][0], found[0][1]["epoch"]
        seeds = tuple(int(run["seed"]) for run, _ in found)
        values = np.stack([table[metric] for _, table in found])
        measured = ~np.isnan(values).any(axis=0)
        course = Course(condition, first["penalty"], first["norm"], seeds, epochs[measured], values[:, measured])
        courses.append(course)
    diverged = [run["condition"] for run, out in zip(runs, lost, strict=True) if out]
    return Courses(courses, run_tables.diverged_sentence(diverged, [run["condition"] for run in runs]))


def read_predictions(path: str | Path, data: str | Path, known: str | None, run: str) -> PredictedImages | Diverged:
    """Reads the `predictions.npz` at `path` and the images in `data` it was made from. A run that diverged has none.

    Args:
        path: the predictions.
        data: the prepared data set.
        known: its digest, see `dataset.load`.
        run: the identity of the run the predictions are read for.

    Raises:
        DataError: a file cannot be read, or the predictions are of another run or not of this data.
    """
    dataset = datasets.load(data, known)
    found = predictions.load(path, dataset.test_labels, run)
    if isinstance(found, Diverged):
        return found
    names = tuple(str(name) for name in dataset.class_names)
    files = tuple(map(dataset.file_of, range(len(dataset.test_files))))
    arrays = found.logits, found.labels, found.indices, dataset.test_images
    return PredictedImages(*arrays, names, files, engine=found.engine)
