"""All images that the page shows as one picture."""

import base64
import math
from io import BytesIO
from typing import TypedDict

import numpy as np
from PIL import Image

_BLOCK = 8  # pixels; JPEG compresses squares of this side one by one
SIDE = 64  # pixels; a larger image is made smaller


class Atlas(TypedDict):
    """A grid of images, filled row by row.

    `source` is a data URI, `width` and `height` are those of one image, `across` and `down` say how far it is to the
    next, `gray` that it has one channel, and `exact` that no pixel was changed by compression.
    """

    source: str
    columns: int
    width: int
    height: int
    across: int
    down: int
    gray: bool
    exact: bool


def atlas(images: np.ndarray, exact: bool = True) -> Atlas:
    """Puts images side by side, about as many rows as columns, into a PNG or, if it need not be exact, a JPEG.

    Args:
        images: uint8, (N, height, width) or (N, 1, height, width) for gray, (N, 3, height, width) for RGB.
        exact: whether every pixel must stay as it is. A JPEG takes about a quarter of the bytes for photographs.

    Raises:
        ValueError: the images have another shape. This is a bug.
    """
    if images.ndim == 3:
        images = images[:, None]
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ValueError(f"images are {images.shape}, expected (N, height, width) or (N, 1 or 3, height, width)")
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
    source = _encode(pixels[:, :, 0] if gray else pixels, exact)
    return Atlas(
        source=source,
        columns=columns,
        width=sides[1],
        height=sides[0],
        across=width,
        down=height,
        gray=gray,
        exact=exact,
    )


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
