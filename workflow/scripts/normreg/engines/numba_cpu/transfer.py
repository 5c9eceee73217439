"""Computes the input of a convolution from the output of the one before. Numba code. `gradients` goes back.

These layers may be between the two, in this order: a ReLU, normalisation, a ReLU, dropout, and pooling. The convolution
has already applied the first ReLU. Normalisation is one multiply-add for each channel and image. All functions work on
one block of images. They are inlined into kernels, in which sizes are constants.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from normreg.engines.numba_cpu.machine import LANES
from normreg.engines.numba_cpu.stages import AVERAGE_POOL, MAX_POOL
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
    """The addresses of the arrays between two convolutions.

    Attributes:
        output: the convolution's output, [block][channel][row][column][image]. It is rectified if a ReLU follows it
            directly.
        masks: the dropout masks, a bit for each number of `output`.
        scale, shift: the multiply-add's vectors, [block][channel][image]. 0 for unused images of the last block.
        choice: for max pooling, the number of the largest pixel in its window. Pixels count from 0 in reading order.
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


@inlined
def activate(link: Link, sizes: Sizes, pixel: int, scale: Any, shift: Any) -> Any:
    """The vector number `pixel` after normalisation, ReLU and dropout."""
    value = fma(load(link.output, pixel * LANES), scale, shift)
    if sizes.rectified:
        value = relu(value)
    if link.drop:
        value = keep(link.masks, pixel, value)
    return value


@inlined
def pool_window(link: Link, sizes: Sizes, pixel: int, scale: Any, shift: Any) -> Any:
    """Value and choice of the window whose first pixel is `pixel`. Without pooling, the value is that of this pixel."""
    value, best = activate(link, sizes, pixel, scale, shift), zero()
    for k in range(1, sizes.window * sizes.window):
        rival = activate(link, sizes, pixel + k // sizes.window * sizes.size + k % sizes.window, scale, shift)
        if sizes.pool == MAX_POOL:  # of equal pixels the first is chosen, as in PyTorch
            best = where_greater(rival, value, splat(np.float32(k)), best)
            value = where_greater(rival, value, rival, value)
        else:
            value = add(value, rival)
    if sizes.pool == AVERAGE_POOL:
        value = multiply(value, splat(np.float32(1.0 / (sizes.window * sizes.window))))
    return value, best


@inlined
def transfer(link: Link, sizes: Sizes, target: Any, start: int, block: int, padding: int, choosing: bool) -> None:
    """Writes the next convolution's input for one block, with padding, to `target` from element `start` on.

    With `choosing` it writes `choice` too. If `window` does not divide `size`, pooling leaves out the last rows and
    columns.
    """
    pooled = sizes.size // sizes.window
    side = pooled + 2 * padding
    for channel in range(sizes.channels):
        plane = block * sizes.channels + channel
        scale, shift = load(link.scale, plane * LANES), load(link.shift, plane * LANES)
        for row in range(pooled):
            for column in range(pooled):
                pixel = (plane * sizes.size + row * sizes.window) * sizes.size + column * sizes.window
                value, best = pool_window(link, sizes, pixel, scale, shift)
                if choosing and sizes.pool == MAX_POOL:
                    store(link.choice, ((plane * pooled + row) * pooled + column) * LANES, best)
                place = ((channel * side + row + padding) * side + column + padding) * LANES
                store(target, start + place, value)
