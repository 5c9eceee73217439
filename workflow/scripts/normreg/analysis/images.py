"""What an effect may be on new test images: how much it owes to the choice of the test images.

Seeds and images are crossed, as readers and cases are in multi-reader multi-case studies (Gallas 2006, "One-shot
estimate of MRMC variance: AUC", Academic Radiology 13). The variance of a mean over n seeds and I images, both drawn at
random, is s/n + a/I + e/(nI), with the variances s of seeds, a of images and e of both together. The spread over seeds
estimates the first and the third term, the spread over images the second and the third, and so

    variance = variance over seeds + variance over images - variance of the rest.

Images are taken in random groups, and a group has one value a run: the mean of its images, or the jackknife's
pseudo-value (Efron and Tibshirani 1993, chapter 11) where a quantity is no mean. All come from the saved models.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import scipy

from normreg.analysis import predictions
from normreg.analysis.inference import Estimate, Runs
from normreg.analysis.power import POWER
from normreg.analysis.predictions import Predictions
from normreg.analysis.quantities import ACCURACY, LOSS
from normreg.config.identity import RunFacts

GROUPS = 100
LEAST_IMAGES = 2 * GROUPS  # fewer say too little about others
# Families whose value is the mean of a number for each image: (I,), in the unit of the quantity.
MEANS: Mapping[str, Callable[[Predictions], np.ndarray]] = {
    ACCURACY: lambda found: np.where(found.wrong, 0.0, 100.0),
    LOSS: lambda found: found.losses,
    "brier_score": lambda found: found.brier_scores,
}
Parts = Mapping[tuple[str, int], np.ndarray]  # of a condition and a seed: a value of each group of images, (GROUPS,)


def read(
    paths: Sequence[str | Path], runs: Sequence[RunFacts], labels: np.ndarray, judge: Sequence[str]
) -> dict[str, Parts]:
    """The values of the groups, by family of quantities. Of runs that diverged, and of few images, there are none.

    Args:
        paths: the `predictions.npz` of each run.
        runs: whose they are, in the same order.
        labels: of the test images, (I,).
        judge: families.

    Raises:
        DataError: see `predictions.load`.
    """
    found: dict[str, dict[tuple[str, int], np.ndarray]] = {family: {} for family in judge}
    if len(labels) < LEAST_IMAGES:
        return dict(found)
    order = np.random.default_rng(0).permutation(len(labels))  # a data set may be sorted
    groups = np.array_split(order, GROUPS)
    for path, run in zip(paths, runs, strict=True):
        saved = predictions.load(path, labels, run["identity"])
        if isinstance(saved, Predictions):
            for family in judge:
                found[family][run["condition"], run["seed"]] = values(saved, family, groups)
    return dict(found)


def values(found: Predictions, family: str, groups: Sequence[np.ndarray]) -> np.ndarray:
    """One value of each group of images, (G,). Their mean is the quantity, less the bias that the jackknife finds."""
    if family in MEANS:
        each = MEANS[family](found)
        return np.array([each[group].mean() for group in groups])
    whole, count = getattr(found, family), len(groups)
    if whole is None:  # no top-5 of few classes
        return np.full(count, np.nan)
    return np.array([count * whole - (count - 1) * getattr(found.without(group), family) for group in groups])


def gather(parts: Parts, seeds: Sequence[int], names: Sequence[str]) -> np.ndarray:
    """The values by seed, condition and group of images, (n, K, G). NaN where a run has none."""
    lacking = np.full(GROUPS, np.nan)
    return np.array([[parts.get((name, seed), lacking) for name in names] for seed in seeds])


def widened(test: Estimate, runs: Runs, weights: np.ndarray, table: np.ndarray) -> Estimate | None:
    """The same difference with the error that it has on new images of the same kind. None: nothing is known.

    The degrees of freedom are Satterthwaite's (1946).

    Args:
        test: the estimate that decides, over seeds.
        runs: the runs that it is made of. A seed counts that has them all.
        weights: of the conditions, (K,).
        table: see `gather`.
    """
    used = np.flatnonzero(weights)
    every = table[:, used].transpose(0, 2, 1) @ weights[used]
    crossed = every[~np.isnan(runs.of(used)).any(axis=1) & ~np.isnan(every).any(axis=1)]
    seeds, groups = crossed.shape
    if not test.testable or seeds < 2:
        return None
    rest = crossed - crossed.mean(axis=0) - crossed.mean(axis=1, keepdims=True) + crossed.mean()
    both = float((rest**2).sum()) / ((seeds - 1) * (groups - 1)) / (seeds * groups)
    images = max(float(crossed.mean(axis=0).var(ddof=1)) / groups - both, 0.0)
    whole = test.error**2 + images
    freedom = whole**2 / (test.error**4 / test.freedom + images**2 / (groups - 1))
    return replace(test, error=whole**0.5, freedom=int(freedom))


def enough_images(test: Estimate, widened: Estimate, margin: float, images: int) -> int | None:
    """How many test images would show with probability `POWER` that an effect of 0 is within `margin`.

    None: no number is enough with these seeds. The variances are taken as known.
    """
    reach = margin / (scipy.stats.norm.isf(0.05) + scipy.stats.norm.isf((1 - POWER) / 2))
    left, part = reach**2 - test.error**2, widened.error**2 - test.error**2
    return int(np.ceil(images * part / left)) if left > 0 else None
