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


@inlined
def part_at(value: Any, above: Any, masks: Any, pixel: int, scale: Any, shift: Any, rectified: bool, drop: bool) -> Any:
    """The gradient at the normalisation's output, given the one `above` dropout; `value` is the convolution's output.

    Constant factors (of dropout and averaging) are left to `normalisation`.
    """
    if drop:
        above = keep(masks, pixel, above)
    if rectified:
        above = where_positive(fma(value, scale, shift), above)
    return above


@inlined
def chosen(above: Any, choice: Any, k: int, place: int, pool: int) -> Any:
    """The gradient for pixel `k` of the window at `place`, given the one after pooling."""
    if pool == MAX_POOL:
        above = where_equal(load(choice, place), splat(np.float32(k)), above)
    return above


@inlined
def sum_gradients(link: Link, sizes: Sizes, gradient: Any, totals: Any, products: Any, block: int) -> None:
    """Per channel and image, over pixels: the sum of the normalisation's output gradient, and of it times its input.

    `gradient` is with respect to what comes out of pooling, without padding.
    """
    output, masks, choice, drop = link.output, link.masks, link.choice, link.drop
    scales, shifts, window, size = link.scale, link.shift, sizes.window, sizes.size
    pooled = size // window
    for channel in range(sizes.channels):
        plane = block * sizes.channels + channel
        scale, shift = load(scales, plane * LANES), load(shifts, plane * LANES)
        total, product = zero(), zero()
        for row in range(pooled):
            row_total, row_product = zero(), zero()  # sums of sums round less
            for column in range(pooled):
                place = ((plane * pooled + row) * pooled + column) * LANES
                above = load(gradient, place)
                for k in range(window * window):
                    pixel = (plane * size + row * window + k // window) * size + column * window + k % window
                    value, part = load(output, pixel * LANES), chosen(above, choice, k, place, sizes.pool)
                    part = part_at(value, part, masks, pixel, scale, shift, sizes.rectified, drop)
                    row_total, row_product = add(row_total, part), fma(part, value, row_product)
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
    output, masks, choice, drop = link.output, link.masks, link.choice, link.drop
    scales, shifts, slope, pull, offset = link.scale, link.shift, slopes.slope, slopes.pull, slopes.offset
    size, window = sizes.size, sizes.window
    pooled, width = size // window, size + 2 * halo
    for channel in range(sizes.channels):
        plane = block * sizes.channels + channel
        scale, shift, a = load(scales, plane * LANES), load(shifts, plane * LANES), load(slope, plane * LANES)
        b, c = load(pull, plane * LANES), load(offset, plane * LANES)
        for row in range(pooled):
            for column in range(pooled):
                place = ((plane * pooled + row) * pooled + column) * LANES
                above = load(gradient, place)
                for k in range(window * window):
                    y, x = row * window + k // window, column * window + k % window
                    pixel = (plane * size + y) * size + x
                    value, part = load(output, pixel * LANES), chosen(above, choice, k, place, sizes.pool)
                    part = part_at(value, part, masks, pixel, scale, shift, sizes.rectified, drop)
                    result = through_norm(part, value, a, b, c, rectified_first)
                    store(target, ((channel * width + y + halo) * width + x + halo) * LANES, result)
        # Pixels that pooling left out still count in the normalisation's statistics.
        for y in range(size):
            for x in range(pooled * window if y < pooled * window else 0, size):
                value = load(output, ((plane * size + y) * size + x) * LANES)
                result = through_norm(zero(), value, a, b, c, rectified_first)
                store(target, ((channel * width + y + halo) * width + x + halo) * LANES, result)
