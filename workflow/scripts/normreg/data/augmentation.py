"""Augmentation of 8-bit training images, one batch at a time. The results equal those of torchvision on PIL images.

The published studies rotate, shift and jitter 8-bit PIL images before they normalise them. These functions do the same
to a uint8 tensor (N, H, W). As in PIL, coordinates are 16.16 fixed-point numbers, the nearest pixel is taken, and
blends are truncated. The fill value is in 8-bit units: the studies' "fill 1" is 1/255, almost black.

The random parameters ("draws") are made for a whole epoch at once, one row per image, in the order of training. So they
do not depend on the batch size. They are drawn on the CPU. To change images, they must be on the images' device.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Generator, Tensor

from normreg.models.description import IMAGE_SHAPE

Spec = Sequence[Mapping[str, Mapping[str, Any]]]
MEAN, STD = 0.1307, 0.3081  # of MNIST's training pixels, scaled to 0 to 1; used for every data set
_SIDE = IMAGE_SHAPE[1]


def draw(spec: Spec, images: int, generator: Generator, size: int = _SIDE) -> list[dict[str, Tensor]]:
    """Draws the random parameters of each step of `spec`. Returns one dict per step.

    The tensors in a dict have one row for each of `images` images. Rotation and affine give `matrix` (images, 6), the
    inverse map in pixels. Jitter gives `brightness` and `contrast` (factors) and `brightness_first` (the order).
    """
    return [_DRAW[kind](arguments, images, generator, size) for ((kind, arguments),) in (s.items() for s in spec)]


def apply(spec: Spec, draws: Sequence[Mapping[str, Tensor]], images: Tensor) -> Tensor:
    """Applies the steps of `spec`, in order, to uint8 `images` (N, H, W). `draws` are those of these N images."""
    for step, values in zip(spec, draws, strict=True):
        ((kind, arguments),) = step.items()
        images = jitter(images, **values) if kind == "jitter" else warp(images, values["matrix"], arguments["fill"])
    return images


def normalise(images: Tensor) -> Tensor:
    """Turns uint8 (N, H, W) into float32 (N, 1, H, W): scales to 0 to 1, subtracts `MEAN`, divides by `STD`."""
    return images.unsqueeze(1).to(torch.float32).div_(255).sub_(MEAN).div_(STD)


def warp(images: Tensor, matrix: Tensor, fill: int) -> Tensor:
    """Moves pixels: each output pixel takes the value of the input pixel nearest to its mapped position.

    `matrix` (N, 6) holds a to f of x = a*x' + b*y' + c and y = d*x' + e*y' + f, from output (x', y') to input (x, y).
    Output pixels that map to a position outside the image get `fill`. The result equals that of PIL's
    `Image.transform(AFFINE, NEAREST)`, which also rounds the coefficients to 16.16 fixed point first. There is one
    exception: for a scale without any rotation PIL computes in floating point. A position on the edge between two
    pixels may then take the other pixel.
    """
    count, height, width = images.shape
    fixed = fixed_point(matrix)
    a, b, c, d, e, f = (fixed[:, i].view(-1, 1, 1) for i in range(6))
    column = torch.arange(width, dtype=torch.int32, device=images.device).view(1, 1, -1)
    row = torch.arange(height, dtype=torch.int32, device=images.device).view(1, -1, 1)
    x = (a * column + b * row + c) >> 16
    y = (d * column + e * row + f) >> 16
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    source = (y * width + x).where(inside, 0).view(count, -1).long()
    return images.reshape(count, -1).gather(1, source).view(images.shape).where(inside, fill)


def fixed_point(matrix: Tensor) -> Tensor:
    """Turns `matrix` (N, 6) into the numbers that PIL computes with: for pixel centres, int32, in 1/65,536 pixel."""
    return torch.floor(_centre_offset(matrix) * 65536 + 0.5).to(torch.int32)


def jitter(images: Tensor, brightness: Tensor, contrast: Tensor, brightness_first: Tensor) -> Tensor:
    """Changes brightness and contrast by factors (N,), as torchvision does with gray PIL images.

    `brightness_first` (N,) says for each image which of the two comes first.
    """
    before = torch.where(_wide(brightness_first), _blend(images, 0, brightness), images)
    middle = _blend(before, _gray_mean(before), contrast)
    return torch.where(_wide(brightness_first), middle, _blend(middle, 0, brightness))


def rotation_matrix(degrees: Tensor, size: int = _SIDE) -> Tensor:
    """Inverse maps (N, 6), float64, of rotations by `degrees` about the image's centre, as in PIL's `Image.rotate`."""
    return affine_matrix(degrees, torch.zeros(len(degrees), 2), torch.ones(len(degrees)), size)


def affine_matrix(degrees: Tensor, shift: Tensor, scale: Tensor, size: int = _SIDE) -> Tensor:
    """Inverse maps (N, 6) of this map: scale and rotate about the centre, then shift by whole pixels (N, 2; x, y)."""
    # Here a positive angle turns counter-clockwise, as in PIL's `rotate`. In torchvision's `affine` it turns clockwise,
    # so `_draw_affine` negates its angles.
    angle = -degrees.double() * (math.pi / 180)
    cos, sin, centre = angle.cos() / scale, angle.sin() / scale, size / 2
    x, y = -centre - shift[:, 0].double(), -centre - shift[:, 1].double()
    return torch.stack([cos, sin, cos * x + sin * y + centre, -sin, cos, -sin * x + cos * y + centre], dim=1)


def _centre_offset(matrix: Tensor) -> Tensor:
    """Moves the constant terms from pixel corners to pixel centres."""
    half = torch.zeros_like(matrix)
    half[:, 2] = (matrix[:, 0] + matrix[:, 1]) * 0.5
    half[:, 5] = (matrix[:, 3] + matrix[:, 4]) * 0.5
    return matrix + half


def _wide(values: Tensor) -> Tensor:
    return values.view(-1, 1, 1)


def _blend(images: Tensor, base: Tensor | int, factor: Tensor) -> Tensor:
    """base + factor * (image - base), limited to 0 to 255, then truncated, as PIL's `Image.blend` of 8-bit images."""
    base_float = base.to(torch.float32) if isinstance(base, Tensor) else float(base)
    mixed = base_float + _wide(factor) * (images.to(torch.float32) - base_float)
    return mixed.clamp_(0, 255).to(torch.uint8)


def _gray_mean(images: Tensor) -> Tensor:
    """The mean of each image, rounded to the nearest gray value. Shape (N, 1, 1)."""
    return _wide((images.double().mean(dim=(1, 2)) + 0.5).floor())


def _uniform(low: float, high: float, images: int, generator: Generator) -> Tensor:
    return torch.rand(images, generator=generator, dtype=torch.float64) * (high - low) + low


def _draw_rotation(arguments: Mapping[str, Any], images: int, generator: Generator, size: int) -> dict[str, Tensor]:
    degrees = arguments["degrees"]
    return {"matrix": rotation_matrix(_uniform(-degrees, degrees, images, generator), size)}


def _draw_affine(arguments: Mapping[str, Any], images: int, generator: Generator, size: int) -> dict[str, Tensor]:
    degrees, reach = arguments["degrees"], arguments["translate"] * size
    angle = _uniform(-degrees, degrees, images, generator)
    shift = torch.stack([_uniform(-reach, reach, images, generator).round() for _ in "xy"], dim=1)
    smallest, largest = arguments["scale"]
    scale = _uniform(smallest, largest, images, generator)
    return {"matrix": affine_matrix(-angle, shift, scale, size)}


def _draw_jitter(arguments: Mapping[str, Any], images: int, generator: Generator, size: int) -> dict[str, Tensor]:
    def factor(strength: float) -> Tensor:
        return _uniform(max(0.0, 1 - strength), 1 + strength, images, generator).float()

    return {
        "brightness": factor(arguments["brightness"]),
        "contrast": factor(arguments["contrast"]),
        "brightness_first": torch.rand(images, generator=generator) < 0.5,
    }


_DRAW = {"rotation": _draw_rotation, "affine": _draw_affine, "jitter": _draw_jitter}
