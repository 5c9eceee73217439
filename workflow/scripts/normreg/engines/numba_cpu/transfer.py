"""From the output of one convolution to the input of the next. Numba code; `gradients` has the way back.

In between may lie, in this order: a ReLU that the convolution has already applied, normalisation as a multiply-add per
channel and image, a ReLU after it, dropout, and pooling. All functions work on one block of 16 images and are inlined
into kernels where sizes are constants.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from normreg.engines.numba_cpu.stages import AVERAGE_POOL, MAX_POOL
from normreg.engines.numba_cpu.tiles import LANES
from normreg.engines.numba_cpu.vectors import (
    add,
    fma,
    keep,
    load,
    multiply,
    relu,
    splat,
    store,
    where_greater,
    zero,
)

inlined = njit(forceinline=True, error_model="numpy")


class Link(NamedTuple):
    """The arrays between two convolutions, flat.

    Attributes:
        output: of the convolution, rectified if a ReLU follows at once; [block][channel][row][column][image].
        masks: dropout, 16 bits for each vector of `output`.
        scale, shift: the multiply-add's vectors, [block][channel][image]; 0 for images that only fill the last block.
        choice: for max pooling, which pixel of its window was the largest, counted in reading order from 0.
        drop: whether dropout is on.
    """

    output: Any
    masks: Any
    scale: Any
    shift: Any
    choice: Any
    drop: bool


class Sizes(NamedTuple):
    """Constants of a link: channels, rows of the convolution's output, pooling, and whether a ReLU follows the norm."""

    channels: int
    size: int
    pool: int
    window: int
    rectified: bool


# The inner functions take arrays one by one: taking an array out of a tuple counts a reference, which costs more than
# the arithmetic of a pixel.


@inlined
def activate(output: Any, masks: Any, pixel: int, scale: Any, shift: Any, rectified: bool, drop: bool) -> Any:
    """The vector at `pixel` (a count of vectors) after normalisation, ReLU and dropout."""
    value = fma(load(output, pixel * LANES), scale, shift)
    if rectified:
        value = relu(value)
    if drop:
        value = keep(masks, pixel, value)
    return value


@inlined
def pool_window(output: Any, masks: Any, sizes: Sizes, pixel: int, scale: Any, shift: Any, drop: bool) -> Any:
    """Value and choice of the window with its first pixel at `pixel`; without pooling, the pixel itself."""
    value, best = activate(output, masks, pixel, scale, shift, sizes.rectified, drop), zero()
    for k in range(1, sizes.window * sizes.window):
        other = pixel + k // sizes.window * sizes.size + k % sizes.window
        rival = activate(output, masks, other, scale, shift, sizes.rectified, drop)
        if sizes.pool == MAX_POOL:  # the first of equals stays, as in PyTorch
            best = where_greater(rival, value, splat(np.float32(k)), best)
            value = where_greater(rival, value, rival, value)
        else:
            value = add(value, rival)
    if sizes.pool == AVERAGE_POOL:
        value = multiply(value, splat(np.float32(1.0 / (sizes.window * sizes.window))))
    return value, best


@inlined
def transfer(link: Link, sizes: Sizes, target: Any, block: int, padding: int) -> None:
    """Fills a block of `target`, the next convolution's input with its padding; pooling leaves a remainder out."""
    output, masks, choice, drop = link.output, link.masks, link.choice, link.drop
    scales, shifts = link.scale, link.shift
    pooled = sizes.size // sizes.window
    side = pooled + 2 * padding
    for channel in range(sizes.channels):
        plane = block * sizes.channels + channel
        scale, shift = load(scales, plane * LANES), load(shifts, plane * LANES)
        for row in range(pooled):
            for column in range(pooled):
                pixel = (plane * sizes.size + row * sizes.window) * sizes.size + column * sizes.window
                value, best = pool_window(output, masks, sizes, pixel, scale, shift, drop)
                if sizes.pool == MAX_POOL:
                    store(choice, ((plane * pooled + row) * pooled + column) * LANES, best)
                store(target, ((plane * side + row + padding) * side + column + padding) * LANES, value)
