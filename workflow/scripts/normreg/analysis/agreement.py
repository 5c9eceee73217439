"""Which images the runs of a study get wrong together, and which of them a factor fixes or breaks."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from normreg.analysis.classes import Classes, read
from normreg.analysis.contrasts import Contrast, find_contrasts, find_distinct
from normreg.config import factors
from normreg.config.condition import Condition
from normreg.config.identity import RunFacts
from normreg.data.dataset import Dataset


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


def collect(
    paths: Sequence[str | Path],
    runs: Sequence[RunFacts],
    labels: np.ndarray,
    classes: int,
    conditions: Mapping[str, Condition],
    train_images: int,
) -> tuple[Classes, list[Flips]]:
    """The predicted classes of a study, and what each of its factors changes in them.

    Args:
        paths: one `predictions.npz` for each run.
        runs: whose they are, in the same order.
        labels: the labels of the validation images, (I,).
        classes: how many classes the data set has.
        conditions: all resolved conditions of the study.
        train_images: how many training images there are, see `contrasts`.

    Raises:
        DataError: see `predictions.load`.
    """
    found = read(paths, runs, labels, classes, find_distinct(conditions, train_images))
    return found, flips(find_contrasts(conditions, train_images), found)


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
    votes: dict[str, list[int]] = {"predicted": [], "times": []}
    for image in images:
        count = np.bincount(classes.predicted[wrong[:, image], image])
        votes["predicted"].append(int(count.argmax()))
        votes["times"].append(int(count.max()))
    files = [data.file_of(int(image)) if data else "" for image in images]
    table = {"image": images, "file": files, "label": classes.labels[images].astype(int), "missed": missed[images]}
    counts = dict(
        zip(columns(changes), (c[images] for change in changes for c in (change.fixed, change.broken)), strict=True)
    )
    return pd.DataFrame(table | {"runs": len(classes.predicted)} | votes | counts)


def columns(changes: Sequence[Flips]) -> list[str]:
    """The columns of `agreement.csv` for the counts of each factor: fixed, then broken."""
    return [f"{kind} by {change.name}" for change in changes for kind in ("fixed", "broken")]
