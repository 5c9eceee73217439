"""Runs that failed: those that diverged, those that collapsed, and those far under the others of their condition."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from normreg.analysis.contrasts import Contrast
from normreg.analysis.verdicts import Objection

FAR = 6  # robust standard deviations
LEARNED = 0.1  # the skill of a control from which on a run beside it can collapse


def apart(contrasts: Sequence[Contrast], accuracies: pd.DataFrame, classes: int) -> dict[int, Objection]:
    """The columns of conditions with a failed run, and how it failed. Their spread says nothing about the others.

    Args:
        contrasts: the pairs of conditions.
        accuracies: see `summary.by_seed_with_diverged`; in percent.
        classes: of the data set. Chance is right in one of so many cases.
    """
    names = list(accuracies)
    found = {names.index(name): Objection.FAR for name in names if _far(accuracies)[name].any()}
    for pair in contrasts:
        for name, other in ((pair.with_factor, pair.without), (pair.without, pair.with_factor)):
            if _collapsed(accuracies[name], accuracies[other], classes).any():
                found[names.index(name)] = Objection.COLLAPSED
    return found | {names.index(name): Objection.DIVERGED for name in names if np.isinf(accuracies[name]).any()}


def counts(pairs: Sequence[Contrast], accuracies: pd.DataFrame, classes: int) -> dict[str, int]:
    """How many runs with the factor there are, and how many of them failed in each way; how many controls diverged.

    A run counts that its control has a seed with. For the arguments see `apart`.
    """
    if not pairs:
        return {}
    names = [[pair.with_factor for pair in pairs], [pair.without for pair in pairs]]
    found, control = (accuracies[each].to_numpy() for each in names)
    known = ~np.isnan(found) & ~np.isnan(control)
    diverged, without = (known & np.isinf(values) for values in (found, control))
    collapsed = known & ~diverged & ~without & _collapsed(found, control, classes)
    far = known & ~diverged & ~collapsed & _far(accuracies)[names[0]].to_numpy()
    counted: Mapping[str, np.ndarray] = {
        **{"runs": known, "collapses": collapsed, "far_below": far},
        **{"diverged": diverged, "diverged_without": without},
    }
    return {name: int(each.sum()) for name, each in counted.items()}


def _collapsed(found: np.ndarray, control: np.ndarray, classes: int) -> np.ndarray:
    """Whether runs lost more than half of the skill of their controls, if these have learned something.

    Skill is the share of what there is to learn above chance: (accuracy - chance) / (100 - chance).
    """
    chance = 100 / classes
    skill, own = ((values - chance) / (100 - chance) for values in (control, found))
    lost: np.ndarray = (skill > LEARNED) & (own < skill / 2)
    return lost


def _far(accuracies: pd.DataFrame) -> pd.DataFrame:
    """Whether runs lie more than `FAR` robust standard deviations under the median of their condition.

    The deviation is 1.4826 times the median distance from it, over all conditions (Hampel 1974, JASA 69). Of an odd
    number of seeds one run is the median itself, and its distance of 0 does not count. One seed says nothing.
    """
    finite = accuracies.where(np.isfinite(accuracies))
    below = finite.median() - finite
    distances = [np.sort(own.dropna().abs()) for _, own in below.items()]
    known = np.concatenate([own[len(own) % 2 :] for own in distances])
    deviation = 1.4826 * float(np.median(known)) if known.size else 0.0
    return below > (FAR * deviation or np.inf)
