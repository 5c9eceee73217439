"""The data of the page: the curves, and every run's prediction for the images that some run gets wrong."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from normreg.analysis.agreement import Classes, Flips
from normreg.data.dataset import Dataset
from normreg.report.explorer import sprites

# Bytes of the mistakes. The report shows the page in a frame, as a data URI. Chromium opens none above 2 MiB there,
# which is a page of 1.5 MB. MNIST with 40 runs needs about 0.15 MB.
LIMIT = 1_250_000
OTHERS = 150_000  # bytes of the curves that fit beside them
MOST = 8_000  # images; so many are never below `LIMIT` unless they are tiny, and preparing more would take minutes
_SOME = 100  # images from which the size of all is estimated


def wrong_images(classes: Classes) -> np.ndarray:
    """Indices of the images that some run gets wrong, at most `MOST`, the most missed first, ties by index."""
    missed = classes.wrong.sum(axis=0)
    images = np.flatnonzero(missed)
    return images[np.argsort(-missed[images], kind="stable")][:MOST]


def describe_mistakes(
    data: Dataset,
    classes: Classes,
    images: np.ndarray,
    confidence: np.ndarray,
    changes: Sequence[Flips],
    others: int = 0,
) -> dict[str, Any]:
    """The part of the page's data that is about mistakes.

    Args:
        data: the data set, for the images and the names of the classes.
        classes: what each of R runs predicts.
        images: see `wrong_images`, (M,).
        confidence: of each prediction, 0 to 1, (R, M), see `agreement.confidences`.
        changes: what each factor fixes and breaks, see `agreement.flips`.
        others: bytes of the other data of the page. Beyond `OTHERS` they leave less room for the mistakes.

    Returns:
        `predicted` and `confidence` are base64 of (R, M) uint8, and of (R, M) uint16 in little-endian order. With more
        than 256 classes `predicted` is such uint16 too. The unit of `confidence` is a hundredth of a percent. It is
        rounded down, so that a comparison with whole percents is exact. Above `LIMIT` colour images are compressed with
        losses; if that is not enough, the last images, the least missed, are left out. `wrongImages` counts all.
    """
    size = LIMIT - max(others - OTHERS, 0)
    kind = np.uint8 if len(data.class_names) <= 256 else np.dtype("<u2")
    found = {
        "testImages": len(classes.labels),
        "wrongImages": int(classes.wrong.any(axis=0).sum()),
        "classes": [str(name) for name in data.class_names],
        "runs": [list(run) for run in zip(classes.conditions, classes.seeds, strict=True)],
        "images": images.tolist(),
        "files": [data.file_of(image) for image in images] if data.test_files else [],
        "labels": classes.labels[images].tolist(),
        "predicted": _text(np.ascontiguousarray(classes.predicted[:, images], kind)),
        "confidence": _text(np.floor(confidence * 10_000).astype("<u2")),
        "changes": [_describe_change(change, images) for change in changes],
        "atlas": sprites.atlas(data.test_images[images], exact=_fit_exactly(data.test_images, images, size)),
    }
    room = size / len(json.dumps(found, ensure_ascii=False).encode())
    if room < 1 and len(images):
        keep = int(0.95 * len(images) * max(room, 0))
        return describe_mistakes(data, classes, images[:keep], confidence[:, :keep], changes, others)
    return found


def _fit_exactly(pixels: np.ndarray, images: np.ndarray, size: int) -> bool:
    """Whether these images of `pixels` stay as they are: gray ones, and those of colour that are small enough so."""
    if pixels.ndim == 3 or not len(images):
        return True
    some = images[:_SOME]
    return len(sprites.atlas(pixels[some])["source"]) / len(some) * len(images) < 0.6 * size


def same_runs(distinct: Mapping[str, str]) -> list[list[str]]:
    """Pairs of a condition and an earlier one with equal settings, whose runs are the same."""
    return [[name, first] for name, first in distinct.items() if name != first]


def _describe_change(change: Flips, images: np.ndarray) -> dict[str, Any]:
    counts = {"fixed": change.fixed[images].tolist(), "broken": change.broken[images].tolist()}
    return {"name": change.name, "comparisons": change.comparisons, **counts}


def _text(array: np.ndarray) -> str:
    return base64.b64encode(array.tobytes()).decode()
