"""From the output of one convolution to the input of the next, and the gradient's way back. Numba code.

In between may lie, in this order: a ReLU that the convolution has already applied, normalisation as a multiply-add per
channel and image, a ReLU after it, dropout, and pooling. All functions work on one block of 16 images and are inlined
into kernels where sizes are constants.

Names shared by all:
    output: the convolution's output, rectified if a ReLU follows at once; [block][channel][row][column][image].
    masks: dropout, 16 bits for each vector of `output`.
    scale, shift: the multiply-add's vectors, [block][channel][image]; zeros for images that only fill the last block.
    choice: for max pooling, which pixel of its window was the largest, counted in reading order from 0.
    gradient: with respect to what comes out of pooling, without padding.
"""

from typing import Any

import numpy as np
from numba import njit

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

NO_POOL, MAX_POOL, AVERAGE_POOL = 0, 1, 2
inlined = njit(forceinline=True, error_model="numpy")


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
def transfer(
    output: Any,
    masks: Any,
    scale: Any,
    shift: Any,
    choice: Any,
    target: Any,
    block: int,
    channels: int,
    size: int,
    pool: int,
    window: int,
    padding: int,
    rectified: bool,
    drop: bool,
) -> None:
    """Fills a block of `target`, the next convolution's input with its padding; pooling leaves a remainder out."""
    pooled = size // window
    side = pooled + 2 * padding
    share = splat(np.float32(1.0 / (window * window)))
    for channel in range(channels):
        plane = block * channels + channel
        a, b = load(scale, plane * LANES), load(shift, plane * LANES)
        for row in range(pooled):
            for column in range(pooled):
                pixel = (plane * size + row * window) * size + column * window
                value = activate(output, masks, pixel, a, b, rectified, drop)
                best = zero()
                for k in range(1, window * window):
                    other = pixel + k // window * size + k % window
                    rival = activate(output, masks, other, a, b, rectified, drop)
                    if pool == MAX_POOL:  # the first of equals stays, as in PyTorch
                        best = where_greater(rival, value, splat(np.float32(k)), best)
                        value = where_greater(rival, value, rival, value)
                    else:
                        value = add(value, rival)
                if pool == AVERAGE_POOL:
                    value = multiply(value, share)
                if pool == MAX_POOL:
                    store(choice, ((plane * pooled + row) * pooled + column) * LANES, best)
                place = (plane * side + row + padding) * side + column + padding
                store(target, place * LANES, value)


@inlined
def deactivate(
    gradient: Any, value: Any, masks: Any, pixel: int, scale: Any, shift: Any, rectified: bool, drop: bool
) -> Any:
    """The gradient before dropout and ReLU, given the one after; `value` is the convolution's output there."""
    if drop:
        gradient = keep(masks, pixel, gradient)
    if rectified:
        gradient = where_positive(fma(value, scale, shift), gradient)
    return gradient


@inlined
def sum_gradients(
    output: Any,
    masks: Any,
    scale: Any,
    shift: Any,
    choice: Any,
    gradient: Any,
    totals: Any,
    products: Any,
    block: int,
    channels: int,
    size: int,
    pool: int,
    window: int,
    rectified: bool,
    drop: bool,
) -> None:
    """Per channel and image: the sum over pixels of the normalisation's output gradient, and of it times `output`.

    Constant factors (of dropout and of averaging) are left to `normalisation`.
    """
    pooled = size // window
    for channel in range(channels):
        plane = block * channels + channel
        a, b = load(scale, plane * LANES), load(shift, plane * LANES)
        total, product = zero(), zero()
        for row in range(pooled):
            row_total, row_product = zero(), zero()  # sums of sums round less
            for column in range(pooled):
                place = ((plane * pooled + row) * pooled + column) * LANES
                above = load(gradient, place)
                for k in range(window * window):
                    pixel = (plane * size + row * window + k // window) * size + column * window + k % window
                    value = load(output, pixel * LANES)
                    part = above
                    if pool == MAX_POOL:
                        part = where_equal(load(choice, place), splat(np.float32(k)), above)
                    part = deactivate(part, value, masks, pixel, a, b, rectified, drop)
                    row_total = add(row_total, part)
                    row_product = fma(part, value, row_product)
            total, product = add(total, row_total), add(product, row_product)
        store(totals, plane * LANES, total)
        store(products, plane * LANES, product)


@inlined
def normalise_gradient(part: Any, value: Any, slope: Any, pull: Any, offset: Any, rectified_first: bool) -> Any:
    """Through normalisation and the ReLU before it: slope * part + pull * value + offset where `value` is positive."""
    result = fma(slope, part, fma(pull, value, offset))
    if rectified_first:
        result = where_positive(value, result)
    return result


@inlined
def output_gradient(
    output: Any,
    masks: Any,
    scale: Any,
    shift: Any,
    choice: Any,
    gradient: Any,
    slope: Any,
    pull: Any,
    offset: Any,
    target: Any,
    block: int,
    channels: int,
    size: int,
    pool: int,
    window: int,
    halo: int,
    rectified: bool,
    rectified_first: bool,
    drop: bool,
) -> None:
    """Fills `target`, one block with `halo` zeros around each image: the gradient of the convolution's output."""
    pooled, width = size // window, size + 2 * halo
    for channel in range(channels):
        plane = block * channels + channel
        a, b = load(scale, plane * LANES), load(shift, plane * LANES)
        p, q, r = load(slope, plane * LANES), load(pull, plane * LANES), load(offset, plane * LANES)
        for row in range(pooled):
            for column in range(pooled):
                place = ((plane * pooled + row) * pooled + column) * LANES
                above = load(gradient, place)
                for k in range(window * window):
                    y, x = row * window + k // window, column * window + k % window
                    pixel = (plane * size + y) * size + x
                    value = load(output, pixel * LANES)
                    part = above
                    if pool == MAX_POOL:
                        part = where_equal(load(choice, place), splat(np.float32(k)), above)
                    part = deactivate(part, value, masks, pixel, a, b, rectified, drop)
                    result = normalise_gradient(part, value, p, q, r, rectified_first)
                    store(target, ((channel * width + y + halo) * width + x + halo) * LANES, result)
        # Pixels that pooling left out still count in the normalisation's statistics.
        for y in range(size):
            for x in range(pooled * window if y < pooled * window else 0, size):
                value = load(output, ((plane * size + y) * size + x) * LANES)
                result = normalise_gradient(zero(), value, p, q, r, rectified_first)
                store(target, ((channel * width + y + halo) * width + x + halo) * LANES, result)
