"""The predicted classes of all runs of a study. Statistics over images need no logits, which would fill the memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from normreg.analysis import divergence, predictions
from normreg.analysis.predictions import Predictions
from normreg.config.identity import RunFacts


@dataclass(frozen=True)
class Classes:
    """What every run takes each of I validation images for. The R runs are in one order everywhere.

    Attributes:
        labels: the actual classes, (I,): uint8, or uint16 if there are more than 256 classes.
        predicted: the predicted classes, of the same type, (R, I).
        conditions: the condition of each run.
        seeds: the seed of each run.
        engines: the engine that trained each run.
        diverged: a sentence on the runs that diverged, which are none of the R. Empty if none did.
    """

    labels: np.ndarray
    predicted: np.ndarray
    conditions: tuple[str, ...]
    seeds: tuple[int, ...]
    engines: tuple[str, ...]
    diverged: str = ""

    @property
    def wrong(self) -> np.ndarray:
        """Whether each run misses each image, bool (R, I)."""
        wrong: np.ndarray = self.predicted != self.labels
        return wrong

    def pair(self, one: str, other: str, seed: int) -> tuple[int, int] | None:
        """The places of two conditions' runs with one seed, or None if a run is absent."""
        places = {run: row for row, run in enumerate(zip(self.conditions, self.seeds, strict=True))}
        found = [places[name, seed] for name in (one, other) if (name, seed) in places]
        return (found[0], found[1]) if len(found) == 2 else None

    def rows_of(self, condition: str) -> list[int]:
        """The places of all runs of a condition."""
        return [row for row, name in enumerate(self.conditions) if name == condition]


def keep_distinct(
    paths: Sequence[str | Path], runs: Sequence[RunFacts], distinct: Mapping[str, str]
) -> list[tuple[str | Path, RunFacts]]:
    """The files whose condition equals no earlier one, each with its run. The arguments are those of `read`."""
    return [
        (path, run) for path, run in zip(paths, runs, strict=True) if distinct[run["condition"]] == run["condition"]
    ]


def read(
    paths: Sequence[str | Path],
    runs: Sequence[RunFacts],
    labels: np.ndarray,
    classes: int,
    distinct: Mapping[str, str],
) -> Classes:
    """Reads the `predictions.npz` of the runs one by one, and keeps only the classes. Those that diverged have none.

    Args:
        paths: one file for each run.
        runs: whose they are, in the same order.
        labels: (I,), the labels of the validation images.
        classes: how many classes the data set has.
        distinct: see `contrasts.find_distinct`. A condition that equals an earlier one has the same runs and is left
            out.

    Raises:
        DataError: see `predictions.load`.
    """
    kept = keep_distinct(paths, runs, distinct)
    dtype = np.min_scalar_type(classes - 1)
    predicted = np.empty((len(kept), len(labels)), dtype)
    whole: list[tuple[RunFacts, str]] = []
    for path, run in kept:
        found = predictions.load(path, labels, classes, run["identity"])
        if isinstance(found, Predictions):
            predicted[len(whole)] = found.predicted
            whole.append((run, found.engine))
    known = {run["identity"] for run, _ in whole}
    return Classes(
        labels.astype(dtype),
        predicted[: len(whole)],
        tuple(run["condition"] for run, _ in whole),
        tuple(int(run["seed"]) for run, _ in whole),
        tuple(engine for _, engine in whole),
        divergence.sentence((run["condition"], run["identity"] not in known) for _, run in kept),
    )
