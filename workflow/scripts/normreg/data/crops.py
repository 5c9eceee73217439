"""Flips, crops and cutouts of 8-bit images, and the picking of pixels. All images are uint8 (N, H, W) or (N, 3, H, W).

Each function does one batch at a time, and gives the same bits as torchvision's function for one image. A `fill` is an
8-bit value, the same for every channel.
"""

import torch
from torch import Tensor


def wide(values: Tensor, images: Tensor) -> Tensor:
    """`values` (N,) in a shape that goes with `images`."""
    return values.view(-1, *[1] * (images.ndim - 1))


def take(images: Tensor, x: Tensor, y: Tensor, fill: int) -> Tensor:
    """Images whose pixel at (row, column) is that of `images` at row `y` and column `x`, and `fill` outside of them.

    `x` and `y` are whole numbers in a shape that broadcasts to (N, H, W). All channels move alike.
    """
    count, height, width = len(images), *images.shape[-2:]
    inside = ((x >= 0) & (x < width) & (y >= 0) & (y < height)).reshape(count, 1, -1)
    source = (y * width + x).reshape(count, 1, -1).where(inside, 0).long()
    planes = images.reshape(count, -1, height * width)
    return planes.gather(2, source.expand_as(planes)).where(inside, fill).view(images.shape)


def flip(images: Tensor, flipped: Tensor) -> Tensor:
    """Swaps left and right of those images for which `flipped` (N,) is true."""
    return torch.where(wide(flipped, images), images.flip(-1), images)


def crop(images: Tensor, offset: Tensor, padding: int, fill: int) -> Tensor:
    """Pads each side with `padding` pixels of `fill`, then cuts out an image of the old size.

    `offset` (N, 2) is the row and the column at which it begins in the padded image, from 0 to 2 * padding.
    """
    row, column = _grid(images)
    top, left = (part.view(-1, 1, 1) - padding for part in offset.unbind(1))
    return take(images, column + left, row + top, fill)


def cutout(images: Tensor, centre: Tensor, size: int, fill: int) -> Tensor:
    """Fills a square of `size` pixels. What lies outside the image is clipped (DeVries & Taylor 2017, "Cutout").

    `centre` (N, 2) is a row and a column. The square begins `size` // 2 pixels before them.
    """
    row, column = _grid(images)
    top, left = (part.view(-1, 1, 1) - size // 2 for part in centre.unbind(1))
    square = (row >= top) & (row < top + size) & (column >= left) & (column < left + size)
    return images.where(~(square if images.ndim == 3 else square.unsqueeze(1)), fill)


def _grid(images: Tensor) -> tuple[Tensor, Tensor]:
    """Numbers of the rows (1, H, 1) and of the columns (1, 1, W)."""
    height, width = images.shape[-2:]
    row = torch.arange(height, device=images.device).view(1, -1, 1)
    return row, torch.arange(width, device=images.device).view(1, 1, -1)
