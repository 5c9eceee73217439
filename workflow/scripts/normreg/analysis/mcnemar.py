"""Compares two saved models image by image, with McNemar's exact test. It is about these two models only."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from scipy import stats

from normreg.analysis import judgement
from normreg.analysis.classes import Classes
from normreg.analysis.contrasts import Contrast

COLUMNS = (
    "factor",
    "strength",
    "without",
    "with",
    "seed",
    "engine",
    "both_right",
    "only_with",
    "only_without",
    "both_wrong",
    "p",
    "p_adjusted",
)


def exact(only_one: int, only_other: int) -> float:
    """The two-sided p-value of McNemar's exact test, a binomial test of the images that one model alone gets right.

    If the models are equally good, an image that only one of them gets right is as likely to be of the one as of the
    other. Without such an image p is 1. (McNemar 1947; Agresti, "Categorical Data Analysis", section on matched pairs.)

    Args:
        only_one: the number of images that only the one model gets right.
        only_other: the number of images that only the other gets right.
    """
    discordant = only_one + only_other
    return float(stats.binomtest(only_one, discordant, 0.5).pvalue) if discordant else 1.0


def compare(contrasts: Sequence[Contrast], classes: Classes, seed: int) -> pd.DataFrame:
    """A row for each contrast of two runs that did not diverge, with the models of `seed`: the columns `COLUMNS`.

    `both_right`, `only_with`, `only_without` and `both_wrong` count images. `p_adjusted` is Holm's over all rows.
    `engine` names the engine, or both if two engines trained the models.
    """
    wrong, rows = classes.wrong, []
    for contrast in contrasts:
        places = classes.pair(contrast.without, contrast.with_factor, seed)
        if places is None:
            continue
        without, with_factor = (wrong[place] for place in places)
        counts = {
            "both_right": ~without & ~with_factor,
            "only_with": without & ~with_factor,
            "only_without": ~without & with_factor,
            "both_wrong": without & with_factor,
        }
        row: dict[str, Any] = {"factor": contrast.factor, "strength": contrast.strength}
        row |= {"without": contrast.without, "with": contrast.with_factor, "seed": seed}
        row |= {"engine": " and ".join(dict.fromkeys(classes.engines[place] for place in places))}
        row |= {name: int(images.sum()) for name, images in counts.items()}
        rows.append(row | {"p": exact(row["only_with"], row["only_without"])})
    table = pd.DataFrame(rows, columns=COLUMNS)
    table["p_adjusted"] = judgement.holm(table["p"].tolist())
    return table
