"""Augmentation of 8-bit training images, one batch at a time. The results equal those of torchvision on PIL images.

The published studies rotate, shift and jitter 8-bit PIL images before they normalise them. These functions do the same
to uint8 tensors: (N, H, W) if gray, (N, 3, H, W) if colour. As in PIL, coordinates are 16.16 fixed-point numbers, the
nearest pixel is taken, and blends are truncated. The fill value is in 8-bit units: the studies' "fill 1" is 1/255,
almost black. It is the same for every channel.

The random parameters ("draws") are made for a whole epoch at once, one row per image, in the order of training. So they
do not depend on the batch size. They are drawn on the CPU. To change images, they must be on the images' device.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Generator, Tensor

Spec = Sequence[Mapping[str, Mapping[str, Any]]]
Shape = tuple[int, int]  # height and width of an image


def draw(spec: Spec, images: int, generator: Generator, shape: Shape) -> list[dict[str, Tensor]]:
    """Draws the random parameters of each step of `spec`. Returns one dict per step.

    The tensors in a dict have one row for each of `images` images of height and width `shape`. Rotation and affine give
    `matrix` (images, 6), the inverse map in pixels. Jitter gives `brightness` and `contrast` (factors) and
    `brightness_first` (the order). Flip gives `flipped`. Crop gives `offset` (images, 2), and cutout `centre`
    (images, 2), each a row and a column.
    """
    return [_DRAW[kind](arguments, images, generator, shape) for ((kind, arguments),) in (s.items() for s in spec)]


def apply(spec: Spec, draws: Sequence[Mapping[str, Tensor]], images: Tensor) -> Tensor:
    """Applies the steps of `spec`, in order, to uint8 `images` (N, H, W) or (N, 3, H, W).

    `draws` are those of these N images.
    """
    for step, values in zip(spec, draws, strict=True):
        ((kind, arguments),) = step.items()
        images = _APPLY[kind](images, arguments, values)
    return images


def warp(images: Tensor, matrix: Tensor, fill: int) -> Tensor:
    """Moves pixels: each output pixel takes the value of the input pixel nearest to its mapped position.

    `matrix` (N, 6) holds a to f of x = a*x' + b*y' + c and y = d*x' + e*y' + f, from output (x', y') to input (x, y).
    Output pixels that map to a position outside the image get `fill`. The result equals that of PIL's
    `Image.transform(AFFINE, NEAREST)`, which also rounds the coefficients to 16.16 fixed point first. There is one
    exception: for a scale without any rotation PIL computes in floating point. A position on the edge between two
    pixels may then take the other pixel.
    """
    height, width = images.shape[-2:]
    fixed = fixed_point(matrix)
    a, b, c, d, e, f = (fixed[:, i].view(-1, 1, 1) for i in range(6))
    column = torch.arange(width, dtype=torch.int32, device=images.device).view(1, 1, -1)
    row = torch.arange(height, dtype=torch.int32, device=images.device).view(1, -1, 1)
    x = (a * column + b * row + c) >> 16
    y = (d * column + e * row + f) >> 16
    return take(images, x, y, fill)


def fixed_point(matrix: Tensor) -> Tensor:
    """Turns `matrix` (N, 6) into the numbers that PIL computes with: for pixel centres, int32, in 1/65,536 pixel."""
    return torch.floor(_centre_offset(matrix) * 65536 + 0.5).to(torch.int32)


def jitter(images: Tensor, brightness: Tensor, contrast: Tensor, brightness_first: Tensor) -> Tensor:
    """Changes brightness and contrast by factors (N,), as torchvision does with PIL images.

    `brightness_first` (N,) says for each image which of the two comes first.
    """
    first = wide(brightness_first, images)
    before = torch.where(first, _blend(images, 0, brightness), images)
    middle = _blend(before, _gray_mean(before), contrast)
    return torch.where(first, middle, _blend(middle, 0, brightness))


def rotation_matrix(degrees: Tensor, shape: Shape) -> Tensor:
    """Inverse maps (N, 6), float64, of rotations by `degrees` about the image's centre, as in PIL's `Image.rotate`."""
    return affine_matrix(degrees, torch.zeros(len(degrees), 2), torch.ones(len(degrees)), shape)


def affine_matrix(degrees: Tensor, shift: Tensor, scale: Tensor, shape: Shape) -> Tensor:
    """Inverse maps (N, 6) of this map: scale and rotate about the centre, then shift by whole pixels (N, 2; x, y)."""
    # Here a positive angle turns counter-clockwise, as in PIL's `rotate`. In torchvision's `affine` it turns clockwise,
    # so `_draw_affine` negates its angles.
    angle = -degrees.double() * (math.pi / 180)
    cos, sin, middle, centre = angle.cos() / scale, angle.sin() / scale, shape[0] / 2, shape[1] / 2
    x, y = -centre - shift[:, 0].double(), -middle - shift[:, 1].double()
    return torch.stack([cos, sin, cos * x + sin * y + centre, -sin, cos, -sin * x + cos * y + middle], dim=1)


def _centre_offset(matrix: Tensor) -> Tensor:
    """Moves the constant terms from pixel corners to pixel centres."""
    half = torch.zeros_like(matrix)
    half[:, 2] = (matrix[:, 0] + matrix[:, 1]) * 0.5
    half[:, 5] = (matrix[:, 3] + matrix[:, 4]) * 0.5
    return matrix + half


def _blend(images: Tensor, base: Tensor | int, factor: Tensor) -> Tensor:
    """base + factor * (image - base), limited to 0 to 255, then truncated, as PIL's `Image.blend` of 8-bit images."""
    base_float = base.to(torch.float32) if isinstance(base, Tensor) else float(base)
    mixed = base_float + wide(factor, images) * (images.to(torch.float32) - base_float)
    return mixed.clamp_(0, 255).to(torch.uint8)


def _gray_mean(images: Tensor) -> Tensor:
    """The mean of each image, rounded to the nearest gray value. Its shape goes with `images`.

    Colours are turned to gray first, with PIL's 16-bit weights of red, green and blue (ITU-R 601-2).
    """
    gray = images
    if images.ndim == 4:
        red, green, blue = images.to(torch.int32).unbind(1)
        gray = (red * 19595 + green * 38470 + blue * 7471 + 32768) >> 16
    return wide((gray.double().mean(dim=(1, 2)) + 0.5).floor(), images)


def _uniform(low: float, high: float, images: int, generator: Generator) -> Tensor:
    return torch.rand(images, generator=generator, dtype=torch.float64) * (high - low) + low


def _draw_rotation(arguments: Mapping[str, Any], images: int, generator: Generator, shape: Shape) -> dict[str, Tensor]:
    degrees = arguments["degrees"]
    return {"matrix": rotation_matrix(_uniform(-degrees, degrees, images, generator), shape)}


def _draw_affine(arguments: Mapping[str, Any], images: int, generator: Generator, shape: Shape) -> dict[str, Tensor]:
    degrees, reaches = arguments["degrees"], [arguments["translate"] * side for side in shape[::-1]]
    angle = _uniform(-degrees, degrees, images, generator)
    shift = torch.stack([_uniform(-reach, reach, images, generator).round() for reach in reaches], dim=1)
    smallest, largest = arguments["scale"]
    scale = _uniform(smallest, largest, images, generator)
    return {"matrix": affine_matrix(-angle, shift, scale, shape)}


def _draw_jitter(arguments: Mapping[str, Any], images: int, generator: Generator, _: Shape) -> dict[str, Tensor]:
    def factor(strength: float) -> Tensor:
        return _uniform(max(0.0, 1 - strength), 1 + strength, images, generator).float()

    return {
        "brightness": factor(arguments["brightness"]),
        "contrast": factor(arguments["contrast"]),
        "brightness_first": torch.rand(images, generator=generator) < 0.5,
    }


def _warp_by(images: Tensor, arguments: Mapping[str, Any], values: Mapping[str, Tensor]) -> Tensor:
    return warp(images, values["matrix"], arguments["fill"])


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


_DRAW: Mapping[str, Callable[[Mapping[str, Any], int, Generator, Shape], dict[str, Tensor]]] = {
    "rotation": _draw_rotation,
    "affine": _draw_affine,
    "jitter": _draw_jitter,
    "flip": lambda arguments, images, generator, _: {
        "flipped": torch.rand(images, generator=generator) < arguments["probability"]
    },
    "crop": lambda arguments, images, generator, _: {
        "offset": torch.randint(0, 2 * arguments["padding"] + 1, (images, 2), generator=generator)
    },
    "cutout": lambda _, images, generator, shape: {
        "centre": torch.stack([torch.randint(0, side, (images,), generator=generator) for side in shape], dim=1)
    },
}
# Each takes images, the arguments of the step and its draws.
_APPLY: Mapping[str, Callable[[Tensor, Mapping[str, Any], Mapping[str, Tensor]], Tensor]] = {
    "rotation": _warp_by,
    "affine": _warp_by,
    "jitter": lambda images, _, values: jitter(images, **values),
    "flip": lambda images, _, values: flip(images, **values),
    "crop": lambda images, arguments, values: crop(images, values["offset"], **arguments),
    "cutout": lambda images, arguments, values: cutout(images, values["centre"], **arguments),
}
