"""What the page needs of mistakes: every run's prediction for the images that some run gets wrong, and these images."""

import base64
import json
import math
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from normreg.analysis.agreement import Classes, Flips
from normreg.data.dataset import Dataset

# Bytes of the mistakes. The report shows the page in a frame, as a data URI. Chromium opens none above 2 MiB there,
# which is a page of 1.5 MB. MNIST with 40 runs needs about 0.15 MB.
LIMIT = 1_250_000
OTHERS = 150_000  # bytes of the curves that fit beside them
MOST = 8_000  # images; so many are never below `LIMIT` unless they are tiny, and preparing more would take minutes
_BLOCK = 8  # pixels; JPEG compresses squares of this side one by one
SIDE = 64  # pixels; a larger image is made smaller
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
        "atlas": atlas(data.test_images[images], exact=_fit_exactly(data.test_images, images, size)),
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
    return len(atlas(pixels[some])["source"]) / len(some) * len(images) < 0.6 * size


def same_runs(distinct: Mapping[str, str]) -> list[list[str]]:
    """Pairs of a condition and an earlier one with equal settings, whose runs are the same."""
    return [[name, first] for name, first in distinct.items() if name != first]


def _describe_change(change: Flips, images: np.ndarray) -> dict[str, Any]:
    counts = {"fixed": change.fixed[images].tolist(), "broken": change.broken[images].tolist()}
    return {"name": change.name, "comparisons": change.comparisons, **counts}


def _text(array: np.ndarray) -> str:
    return base64.b64encode(array.tobytes()).decode()


def atlas(images: np.ndarray, exact: bool = True) -> dict[str, Any]:
    """Puts images side by side, about as many rows as columns, into a PNG or, if it need not be exact, a JPEG.

    Args:
        images: uint8, (N, height, width) or (N, 1, height, width) for gray, (N, 3, height, width) for RGB.
        exact: whether every pixel must stay as it is. A JPEG takes about a quarter of the bytes for photographs.

    Returns:
        A grid that is filled row by row. `source` is a data URI, `width` and `height` are those of one image, `across`
        and `down` say how far it is to the next, `gray` that it has one channel, and `exact` that no pixel was changed
        by compression.
    """
    if images.ndim == 3:
        images = images[:, None]
    images = _small(images)
    sides = images.shape[2:]
    if not exact:
        images = _fill_blocks(images)
    count, channels, height, width = images.shape
    columns = max(1, math.ceil(math.sqrt(count)))
    rows = max(1, math.ceil(count / columns))
    grid = np.zeros((rows * columns, channels, height, width), np.uint8)
    grid[:count] = images
    # (rows, columns, channels, height, width) to (rows, height, columns, width, channels)
    pixels = grid.reshape(rows, columns, channels, height, width).transpose(0, 3, 1, 4, 2)
    pixels = pixels.reshape(rows * height, columns * width, channels)
    gray = channels == 1
    return {
        "source": _encode(pixels[:, :, 0] if gray else pixels, exact),
        "columns": columns,
        "width": sides[1],
        "height": sides[0],
        "across": width,
        "down": height,
        "gray": gray,
        "exact": exact,
    }


def _small(images: np.ndarray) -> np.ndarray:
    """The images, none of their sides longer than `SIDE`."""
    height, width = images.shape[2:]
    if not len(images) or max(height, width) <= SIDE:
        return images
    scale = SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    planes = [[np.asarray(Image.fromarray(plane).resize(size)) for plane in image] for image in images]
    return np.array(planes, np.uint8)


def _fill_blocks(images: np.ndarray) -> np.ndarray:
    """The images with their last row and column repeated, so that no block of a JPEG has pixels of two images."""
    height, width = (-side % _BLOCK for side in images.shape[2:])
    return np.pad(images, ((0, 0), (0, 0), (0, height), (0, width)), mode="edge")


def _encode(pixels: np.ndarray, exact: bool) -> str:
    memory, picture = BytesIO(), Image.fromarray(np.ascontiguousarray(pixels))
    if exact:
        picture.save(memory, "PNG", optimize=True)
    else:  # colours in full resolution: blocks of them would be as large as small images
        picture.save(memory, "JPEG", quality=90, subsampling=0, optimize=True)
    kind = "png" if exact else "jpeg"
    return f"data:image/{kind};base64," + base64.b64encode(memory.getvalue()).decode()
