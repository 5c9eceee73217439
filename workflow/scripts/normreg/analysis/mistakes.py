"""How sure runs are of their predictions, for the images that some run gets wrong."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from normreg.analysis import predictions
from normreg.analysis.classes import keep_distinct
from normreg.analysis.predictions import Predictions
from normreg.config.identity import RunFacts


def confidences(
    paths: Sequence[str | Path],
    runs: Sequence[RunFacts],
    labels: np.ndarray,
    classes: int,
    distinct: Mapping[str, str],
    images: np.ndarray,
) -> np.ndarray:
    """The softmax of the predicted class, float64 (R, M), for the R runs that `classes.read` keeps and M `images`.

    Args:
        paths: one `predictions.npz` for each run.
        runs: whose they are, in the same order.
        labels: the labels of the validation images, (I,).
        classes: how many classes the data set has.
        distinct: see `contrasts.find_distinct`.
        images: indices of the images, (M,).

    Raises:
        DataError: see `predictions.load`.
    """
    kept = keep_distinct(paths, runs, distinct)
    found = []
    for path, run in kept:
        saved = predictions.load(path, labels, classes, run["identity"])
        if isinstance(saved, Predictions):
            logits = saved.logits[images].astype(np.float64)
            found.append(1 / np.exp(logits - logits.max(axis=1, keepdims=True)).sum(axis=1))
    return np.array(found).reshape(-1, len(images))
