"""Which images the saved models of a study get wrong: together, in pairs of models, and because of a factor."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy

from normreg.analysis import predictions
from normreg.analysis.contrasts import Contrast
from normreg.analysis.inference import holm
from normreg.analysis.predictions import Predictions
from normreg.analysis.run_tables import diverged_sentence
from normreg.config import factors
from normreg.config.identity import RunFacts
from normreg.data.dataset import Dataset


@dataclass(frozen=True)
class Classes:
    """What every run takes each of I validation images for. The R runs are in one order everywhere.

    Statistics over images need no logits, which would fill the memory.

    Attributes:
        labels: the actual classes, (I,).
        predicted: the predicted classes, (R, I), of the type of the labels.
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


def read(
    paths: Sequence[str | Path], runs: Sequence[RunFacts], labels: np.ndarray, distinct: Mapping[str, str]
) -> Classes:
    """Reads the `predictions.npz` of the runs one by one, and keeps only the classes. Those that diverged have none.

    Args:
        paths: one file for each run.
        runs: whose they are, in the same order.
        labels: the labels of the validation images, (I,).
        distinct: see `contrasts.find_distinct`. A condition that equals an earlier one has the same runs and is left
            out.

    Raises:
        DataError: see `predictions.load`.
    """
    kept = _keep_distinct(paths, runs, distinct)
    predicted = np.empty((len(kept), len(labels)), labels.dtype)
    whole: list[RunFacts] = []
    engines: list[str] = []
    lost: list[str] = []
    for path, run in kept:
        found = predictions.load(path, labels, run["identity"])
        if isinstance(found, Predictions):
            predicted[len(whole)] = found.predicted
            whole.append(run)
            engines.append(found.engine)
        else:
            lost.append(run["condition"])
    return Classes(
        labels,
        predicted[: len(whole)],
        tuple(run["condition"] for run in whole),
        tuple(run["seed"] for run in whole),
        tuple(engines),
        diverged_sentence(lost, [run["condition"] for _, run in kept]),
    )


def confidences(
    paths: Sequence[str | Path],
    runs: Sequence[RunFacts],
    labels: np.ndarray,
    distinct: Mapping[str, str],
    images: np.ndarray,
) -> np.ndarray:
    """How sure runs are: the softmax of the predicted class, float64 (R, M), for the R runs of `read`.

    Args:
        paths, runs, labels, distinct: as of `read`.
        images: indices of the M images.

    Raises:
        DataError: see `predictions.load`.
    """
    found = []
    for path, run in _keep_distinct(paths, runs, distinct):
        saved = predictions.load(path, labels, run["identity"])
        if isinstance(saved, Predictions):
            logits = saved.logits[images].astype(np.float64)
            found.append(1 / np.exp(logits - logits.max(axis=1, keepdims=True)).sum(axis=1))
    return np.array(found).reshape(-1, len(images))


def _keep_distinct(
    paths: Sequence[str | Path], runs: Sequence[RunFacts], distinct: Mapping[str, str]
) -> list[tuple[str | Path, RunFacts]]:
    """The files whose condition equals no earlier one, each with its run."""
    return [
        (path, run) for path, run in zip(paths, runs, strict=True) if distinct[run["condition"]] == run["condition"]
    ]


@dataclass(frozen=True)
class Flips:
    """What a factor changes, image by image. A comparison is a pair of runs with one seed that differ in it alone.

    Attributes:
        name: the factor with its strength.
        comparisons: how many there are.
        fixed: for each image, in how many comparisons the run without the factor is wrong, the run with it right; (I,).
        broken: the reverse, (I,).
        always_fixed: number of images that all comparisons fix.
        always_broken: number of images that all comparisons break.
        by_chance: the expected `always_fixed`, and the expected `always_broken`, if the factor had no effect. Then a
            comparison that changes an image fixes or breaks it with probability 1/2. So it is the number of images that
            all comparisons change, times 2 to the power of -`comparisons`.
    """

    name: str
    comparisons: int
    fixed: np.ndarray
    broken: np.ndarray
    always_fixed: int
    always_broken: int
    by_chance: float


def flips(contrasts: Sequence[Contrast], classes: Classes) -> list[Flips]:
    """The flips of each factor and strength, over all its pairs and all seeds, in the order of `contrasts`.

    A pair counts in a seed only if one engine trained both runs.
    """
    groups: dict[str, list[tuple[int, int]]] = {}
    for contrast in contrasts:
        pairs = groups.setdefault(factors.name_of(contrast.factor, contrast.strength), [])
        for seed in dict.fromkeys(classes.seeds):
            pair = classes.pair(contrast.without, contrast.with_factor, seed)
            if pair and classes.engines[pair[0]] == classes.engines[pair[1]]:
                pairs.append(pair)
    return [_flips(name, pairs, classes.wrong) for name, pairs in groups.items() if pairs]


def _flips(name: str, pairs: Sequence[tuple[int, int]], wrong: np.ndarray) -> Flips:
    count = len(pairs)
    before, after = (wrong[[pair[side] for pair in pairs]] for side in (0, 1))
    fixed, broken = (before & ~after).sum(axis=0), (~before & after).sum(axis=0)
    always_fixed, always_broken, changed = (int((flips == count).sum()) for flips in (fixed, broken, fixed + broken))
    return Flips(name, count, fixed, broken, always_fixed, always_broken, math.ldexp(changed, -count))


def flips_of_repeats(classes: Classes) -> float | None:
    """How many images two runs of one condition with different seeds fix, on average, and as many they break.

    The mean over all conditions and pairs of seeds: half of the images that one of the two runs gets right. None if
    there is one seed. Only runs of one engine are compared.
    """
    wrong, found = classes.wrong, []
    for name in dict.fromkeys(classes.conditions):
        for one, other in combinations(classes.rows_of(name), 2):
            if classes.engines[one] == classes.engines[other]:
                found.append(int((wrong[one] != wrong[other]).sum()) / 2)
    return float(np.mean(found)) if found else None


def missed_by_all_conditions(classes: Classes) -> list[int]:
    """For each seed, how many images its runs get wrong in all conditions."""
    wrong, seeds = classes.wrong, np.array(classes.seeds)
    return [int(wrong[seeds == seed].all(axis=0).sum()) for seed in dict.fromkeys(classes.seeds)]


def tabulate(classes: Classes, changes: Sequence[Flips], data: Dataset | None = None) -> pd.DataFrame:
    """`agreement.csv` without its column `run`: a row for each image that some run gets wrong, hardest first.

    `image` is its index in the test split, `file` its file if `data` names one, `label` its class. `missed` of `runs`
    runs get it wrong. `predicted` is the most common wrong class among them, and `times` says how often it is
    predicted; if several are, the first class. For each factor there are its counts of `Flips`.
    """
    wrong = classes.wrong
    missed = wrong.sum(axis=0)
    images = np.flatnonzero(missed)
    images = images[np.argsort(-missed[images], kind="stable")]
    votes = [np.bincount(classes.predicted[wrong[:, image], image]) for image in images]
    table = {
        "image": images,
        "file": [data.file_of(int(image)) if data else "" for image in images],
        "label": classes.labels[images].astype(int),
        "missed": missed[images],
        "runs": len(classes.predicted),
        "predicted": [int(count.argmax()) for count in votes],
        "times": [int(count.max()) for count in votes],
    }
    counts = [count[images] for change in changes for count in (change.fixed, change.broken)]
    return pd.DataFrame(table | dict(zip(columns(changes), counts, strict=True)))


def columns(changes: Sequence[Flips]) -> list[str]:
    """The columns of `agreement.csv` for the counts of each factor: fixed, then broken."""
    return [f"{kind} by {change.name}" for change in changes for kind in ("fixed", "broken")]


def mcnemar(only_one: int, only_other: int) -> float:
    """The two-sided p-value of McNemar's exact test, a binomial test of the images that one model alone gets right.

    If the models are equally good, an image that only one of them gets right is as likely to be of the one as of the
    other. Without such an image p is 1. (McNemar 1947; Agresti, "Categorical Data Analysis", section on matched pairs.)

    Args:
        only_one: the number of images that only the one model gets right.
        only_other: the number of images that only the other gets right.
    """
    discordant = only_one + only_other
    return float(scipy.stats.binomtest(only_one, discordant, 0.5).pvalue) if discordant else 1.0


def compare_models(contrasts: Sequence[Contrast], classes: Classes, seed: int) -> pd.DataFrame:
    """`mcnemar.csv` without its column `run`: a row for each contrast whose models of `seed` did not diverge.

    This is about these two models only. `both_right`, `only_with`, `only_without` and `both_wrong` count images.
    `p_adjusted` is Holm's over all rows. `engine` names the engine, or both if two engines trained the models. Without
    a contrast the table has no columns.
    """
    wrong, rows = classes.wrong, []
    for contrast in contrasts:
        places = classes.pair(contrast.without, contrast.with_factor, seed)
        if places is None:
            continue
        without, with_factor = (wrong[place] for place in places)
        row: dict[str, Any] = {
            "factor": contrast.factor,
            "strength": contrast.strength,
            "without": contrast.without,
            "with": contrast.with_factor,
            "seed": seed,
            "engine": " and ".join(dict.fromkeys(classes.engines[place] for place in places)),
            "both_right": int((~without & ~with_factor).sum()),
            "only_with": int((without & ~with_factor).sum()),
            "only_without": int((~without & with_factor).sum()),
            "both_wrong": int((without & with_factor).sum()),
        }
        rows.append(row | {"p": mcnemar(row["only_with"], row["only_without"])})
    adjusted = holm([row["p"] for row in rows])
    return pd.DataFrame([row | {"p_adjusted": p} for row, p in zip(rows, adjusted, strict=True)])
