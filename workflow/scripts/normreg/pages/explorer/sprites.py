"""All images that the page shows as one PNG."""

import base64
import math
from io import BytesIO
from typing import TypedDict

import numpy as np
from PIL import Image

SIDE = 64  # pixels; a larger image is made smaller


class Atlas(TypedDict):
    """A grid of images, filled row by row.

    `source` is a data URI, `width` and `height` are those of one image, and `gray` says that it has one channel.
    """

    source: str
    columns: int
    width: int
    height: int
    gray: bool


def atlas(images: np.ndarray) -> Atlas:
    """Puts images side by side, about as many rows as columns.

    Args:
        images: uint8, (N, height, width) or (N, 1, height, width) for gray, (N, 3, height, width) for RGB.

    Raises:
        ValueError: the images have another shape. This is a bug.
    """
    if images.ndim == 3:
        images = images[:, None]
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ValueError(f"images are {images.shape}, expected (N, height, width) or (N, 1 or 3, height, width)")
    images = _small(images)
    count, channels, height, width = images.shape
    columns = max(1, math.ceil(math.sqrt(count)))
    rows = max(1, math.ceil(count / columns))
    grid = np.zeros((rows * columns, channels, height, width), np.uint8)
    grid[:count] = images
    # (rows, columns, channels, height, width) to (rows, height, columns, width, channels)
    pixels = grid.reshape(rows, columns, channels, height, width).transpose(0, 3, 1, 4, 2)
    pixels = pixels.reshape(rows * height, columns * width, channels)
    gray = channels == 1
    return Atlas(
        source=_png(pixels[:, :, 0] if gray else pixels), columns=columns, width=width, height=height, gray=gray
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


def _png(pixels: np.ndarray) -> str:
    memory = BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(memory, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(memory.getvalue()).decode()
