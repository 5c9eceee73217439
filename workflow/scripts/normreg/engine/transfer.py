"""From the output of one convolution to the input of the next, and the gradient's way back. Numba code.

In between may lie, in this order: a ReLU that the convolution has already applied, normalisation as a multiply-add per
channel and image, a ReLU after it, dropout, and pooling. All functions work on one block of 16 images and are inlined
into kernels where sizes are constants.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from normreg.engine.stages import AVERAGE_POOL, MAX_POOL
from normreg.engine.vectors import (
    LANES,
    add,
    fma,
    keep,
    load,
    multiply,
    relu,
    splat,
    store,
    where_equal,
    where_greater,
    where_positive,
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


class Slopes(NamedTuple):
    """The normalisation's input gradient is slope * part + pull * input + offset; vectors [block][channel][image]."""

    slope: Any
    pull: Any
    offset: Any


@inlined
def activate(link: Link, sizes: Sizes, pixel: int, scale: Any, shift: Any) -> Any:
    """The vector at `pixel` (a count of vectors) after normalisation, ReLU and dropout."""
    value = fma(load(link.output, pixel * LANES), scale, shift)
    if sizes.rectified:
        value = relu(value)
    if link.drop:
        value = keep(link.masks, pixel, value)
    return value


@inlined
def pool_window(link: Link, sizes: Sizes, pixel: int, scale: Any, shift: Any) -> Any:
    """Value and choice of the window with its first pixel at `pixel`; without pooling, the pixel itself."""
    value, best = activate(link, sizes, pixel, scale, shift), zero()
    for k in range(1, sizes.window * sizes.window):
        other = pixel + k // sizes.window * sizes.size + k % sizes.window
        rival = activate(link, sizes, other, scale, shift)
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
    pooled = sizes.size // sizes.window
    side = pooled + 2 * padding
    for channel in range(sizes.channels):
        plane = block * sizes.channels + channel
        scale, shift = load(link.scale, plane * LANES), load(link.shift, plane * LANES)
        for row in range(pooled):
            for column in range(pooled):
                pixel = (plane * sizes.size + row * sizes.window) * sizes.size + column * sizes.window
                value, best = pool_window(link, sizes, pixel, scale, shift)
                if sizes.pool == MAX_POOL:
                    store(link.choice, ((plane * pooled + row) * pooled + column) * LANES, best)
                store(target, ((plane * side + row + padding) * side + column + padding) * LANES, value)


@inlined
def part_at(link: Link, sizes: Sizes, place: int, k: int, pixel: int, above: Any, scale: Any, shift: Any) -> Any:
    """The gradient at the normalisation's output, for pixel `k` of the window at `place`; and the convolution's output.

    `above` is the gradient after pooling. Constant factors (of dropout and averaging) are left to `normalisation`.
    """
    value = load(link.output, pixel * LANES)
    if sizes.pool == MAX_POOL:
        above = where_equal(load(link.choice, place), splat(np.float32(k)), above)
    if link.drop:
        above = keep(link.masks, pixel, above)
    if sizes.rectified:
        above = where_positive(fma(value, scale, shift), above)
    return above, value


@inlined
def sum_gradients(link: Link, sizes: Sizes, gradient: Any, totals: Any, products: Any, block: int) -> None:
    """Per channel and image, over pixels: the sum of the normalisation's output gradient, and of it times its input.

    `gradient` is with respect to what comes out of pooling, without padding.
    """
    pooled = sizes.size // sizes.window
    for channel in range(sizes.channels):
        plane = block * sizes.channels + channel
        scale, shift = load(link.scale, plane * LANES), load(link.shift, plane * LANES)
        total, product = zero(), zero()
        for row in range(pooled):
            row_total, row_product = zero(), zero()  # sums of sums round less
            for column in range(pooled):
                place = ((plane * pooled + row) * pooled + column) * LANES
                above = load(gradient, place)
                for k in range(sizes.window * sizes.window):
                    y, x = row * sizes.window + k // sizes.window, column * sizes.window + k % sizes.window
                    pixel = (plane * sizes.size + y) * sizes.size + x
                    part, value = part_at(link, sizes, place, k, pixel, above, scale, shift)
                    row_total = add(row_total, part)
                    row_product = fma(part, value, row_product)
            total, product = add(total, row_total), add(product, row_product)
        store(totals, plane * LANES, total)
        store(products, plane * LANES, product)


@inlined
def through_norm(part: Any, value: Any, slope: Any, pull: Any, offset: Any, rectified_first: bool) -> Any:
    """Through normalisation and the ReLU before it: slope * part + pull * value + offset where `value` is positive."""
    result = fma(slope, part, fma(pull, value, offset))
    if rectified_first:
        result = where_positive(value, result)
    return result


@inlined
def output_gradient(
    link: Link, sizes: Sizes, gradient: Any, slopes: Slopes, target: Any, block: int, halo: int, rectified_first: bool
) -> None:
    """Fills `target`, one block with `halo` zeros around each image: the gradient of the convolution's output."""
    size, window = sizes.size, sizes.window
    pooled, width = size // window, size + 2 * halo
    for channel in range(sizes.channels):
        plane = block * sizes.channels + channel
        scale, shift = load(link.scale, plane * LANES), load(link.shift, plane * LANES)
        slope, pull = load(slopes.slope, plane * LANES), load(slopes.pull, plane * LANES)
        offset = load(slopes.offset, plane * LANES)
        for row in range(pooled):
            for column in range(pooled):
                place = ((plane * pooled + row) * pooled + column) * LANES
                above = load(gradient, place)
                for k in range(window * window):
                    y, x = row * window + k // window, column * window + k % window
                    pixel = (plane * size + y) * size + x
                    part, value = part_at(link, sizes, place, k, pixel, above, scale, shift)
                    result = through_norm(part, value, slope, pull, offset, rectified_first)
                    store(target, ((channel * width + y + halo) * width + x + halo) * LANES, result)
        # Pixels that pooling left out still count in the normalisation's statistics.
        for y in range(size):
            for x in range(pooled * window if y < pooled * window else 0, size):
                value = load(link.output, ((plane * size + y) * size + x) * LANES)
                result = through_norm(zero(), value, slope, pull, offset, rectified_first)
                store(target, ((channel * width + y + halo) * width + x + halo) * LANES, result)
